"""Saturating 16-bit arithmetic on many neurons at a time, as LLVM vector instructions."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic as numba_intrinsic

from dynapdeploy.emulator.columns import LANES, ROW_BITS

intrinsic: Any = numba_intrinsic

_I1, _I8, _I16, _I32, _I64 = (ir.IntType(bits) for bits in (1, 8, 16, 32, 64))
_V8, _V16 = (ir.VectorType(kind, LANES) for kind in (_I8, _I16))


@intrinsic
def sweep(
    typingctx,
    state,
    place,
    weights,
    weight_at,
    count,
    rows,
    step,
    kernel_step,
    low,
    high,
    drop,
    start,
    firing,
    origin,
    kept,
):
    """Add one event's weights to all neurons it reaches; bring down those that fire.

    For each neuron with state v and weight w: v = max(saturate(v + w), low), which equals clamping
    the exact sum because low is never below -32768; where v >= high it fires and v becomes v -
    min(v, drop).

    Args:
        state: int16 ``[n]``, with ``LANES`` elements after the last neuron.
        place: first neuron of the first row.
        weights: int8 ``[n]``, with ``LANES`` elements after the last weight.
        weight_at: its weight.
        count: neurons per row, which lie side by side like their weights.
        rows: number of rows.
        step, kernel_step: from a row to the next, in the states forward, in the weights backward.
        low, high: int16.
        drop: int16, ``high``, or 32767 where a neuron that fires goes to 0.
        start: row and position in the row of the first neuron, ``row << ROW_BITS | position``,
            with any number above.
        firing: uint32 ``[n]``, gets the lanes that fired, of each group of ``LANES`` neurons of
            which one did, from ``kept`` on; has room for all groups and one more.
        origin: int64 ``[n]``, gets for each of them where its first lane stands, like ``start``.
        kept: groups that are in ``firing`` already.

    Returns:
        The number of groups in ``firing``.
    """
    word = types.intp
    numbers = (word,) * 5
    signature = word(
        state,
        word,
        weights,
        *numbers,
        types.int16,
        types.int16,
        types.int16,
        word,
        firing,
        origin,
        word,
    )

    def codegen(context, builder, sig, args):
        return _sweep(context, builder, sig, args, _clamped(builder))

    return signature, codegen


@intrinsic
def careful_sweep(
    typingctx,
    state,
    place,
    weights,
    weight_at,
    count,
    rows,
    step,
    kernel_step,
    low,
    high,
    drop,
    start,
    firing,
    origin,
    kept,
    wrap,
    discard,
    core,
    lows,
    highs,
):
    """Like :func:`sweep`, with the options of a careful run.

    Args:
        wrap, discard: 0 or 1, see :class:`~dynapdeploy.emulator.emulation.Settings`.
        lows, highs: int64 ``[core]``, additions that led below ``low`` or above 32767 are added.
    """
    word = types.intp
    numbers = (word,) * 5
    limits = (types.int16,) * 3
    lists = (firing, origin, word)
    signature = word(
        state, word, weights, *numbers, *limits, word, *lists, word, word, word, lows, highs
    )

    def codegen(context, builder, sig, args):
        return _sweep(context, builder, sig, args, _bounded(context, builder, sig, args))

    return signature, codegen


@intrinsic
def at(typingctx, array, index):
    """``array[index]`` of a one-dimensional array, where ``index`` is known to lie inside."""

    def codegen(context, builder, sig, args):
        return builder.load(builder.gep(_data(context, builder, sig, args, 0), [args[1]]))

    return array.dtype(array, types.intp), codegen


@intrinsic
def put(typingctx, array, index, value):
    """``array[index] = value``, where ``index`` is known to lie inside."""

    def codegen(context, builder, sig, args):
        builder.store(args[2], builder.gep(_data(context, builder, sig, args, 0), [args[1]]))
        return context.get_dummy_value()

    return types.void(array, types.intp, array.dtype), codegen


@intrinsic
def lowest_bit(typingctx, mask):
    """Position of the lowest set bit of a uint32 that is not 0."""

    def codegen(context, builder, sig, args):
        count = _function(builder, "llvm.cttz.i32", _I32, _I32, _I1)
        return builder.zext(builder.call(count, [args[0], ir.Constant(_I1, 1)]), _I64)

    return types.int64(types.uint32), codegen


def _sweep(context, builder, sig, args, bound):
    """Two loops, rows outside, groups of lanes inside; ``bound`` adds and keeps within bounds."""
    _, place, _, weight_at, count, rows, step, kernel_step, low, high, drop, start, *_ = args
    kept_at_first = args[14]
    word = count.type
    none, one, lanes = (ir.Constant(word, value) for value in (0, 1, LANES))
    limits = [_splat(builder, limit) for limit in (low, high, drop)]
    state = builder.gep(_data(context, builder, sig, args, 0), [place])
    weight = builder.gep(_data(context, builder, sig, args, 2), [weight_at])
    firing, origin = (_data(context, builder, sig, args, position) for position in (12, 13))
    whole = ir.Constant(_I32, 2**LANES - 1)
    spare = builder.and_(builder.neg(count), ir.Constant(word, LANES - 1))
    rest = builder.lshr(whole, builder.trunc(spare, _I32))

    before = builder.block
    row, group, row_end, end = (
        builder.append_basic_block(name) for name in ("row", "group", "row_end", "end")
    )
    something = builder.and_(
        builder.icmp_signed(">", count, none), builder.icmp_signed(">", rows, none)
    )
    builder.cbranch(something, row, end)

    builder.position_at_end(row)
    rows_left, kept_before, row_state, row_weight, row_start = (
        builder.phi(kind) for kind in (word, word, state.type, weight.type, word)
    )
    builder.branch(group)

    builder.position_at_end(group)
    left, kept, group_state, group_weight, group_start = (
        builder.phi(kind) for kind in (word, word, state.type, weight.type, word)
    )
    more = builder.icmp_signed(">", left, lanes)
    reached = builder.bitcast(builder.select(more, whole, rest), ir.VectorType(_I1, LANES))
    bits = _update(builder, bound, group_state, group_weight, reached, *limits)
    builder.store(bits, builder.gep(firing, [kept]))
    builder.store(group_start, builder.gep(origin, [kept]))
    fired = builder.icmp_unsigned("!=", bits, ir.Constant(_I32, 0))
    kept_next = builder.add(kept, builder.zext(fired, word))
    _keep_rolled(builder)
    following = (
        (left, count, builder.sub(left, lanes)),
        (kept, kept_before, kept_next),
        (group_state, row_state, builder.gep(group_state, [lanes])),
        (group_weight, row_weight, builder.gep(group_weight, [lanes])),
        (group_start, row_start, builder.add(group_start, lanes)),
    )
    builder.cbranch(more, group, row_end)
    _join(following, row, group)

    builder.position_at_end(row_end)
    rows_next = builder.sub(rows_left, one)
    following = (
        (rows_left, rows, rows_next),
        (kept_before, kept_at_first, kept_next),
        (row_state, state, builder.gep(row_state, [step])),
        (row_weight, weight, builder.gep(row_weight, [builder.neg(kernel_step)])),
        (row_start, start, builder.add(row_start, ir.Constant(word, 1 << ROW_BITS))),
    )
    builder.cbranch(builder.icmp_signed(">", rows_next, none), row, end)
    _join(following, before, row_end)

    builder.position_at_end(end)
    result = builder.phi(word)
    result.add_incoming(kept_at_first, before)
    result.add_incoming(kept_next, row_end)
    return result


def _update(builder, bound, state, weight, reached, low, high, drop):
    """One group of lanes; the lanes that fire, as an i32."""
    place = builder.bitcast(state, _V16.as_pointer())
    before = builder.load(place, align=2)
    amount = builder.load(builder.bitcast(weight, _V8.as_pointer()), align=1)
    after = bound(before, builder.sext(amount, _V16), low, reached)
    fires = builder.and_(builder.icmp_signed(">=", after, high), reached)
    lower = builder.sub(after, _lanewise(builder, "smin", after, drop))
    after = builder.select(fires, lower, after)
    builder.store(builder.select(reached, after, before), place, align=2)
    return builder.bitcast(fires, _I32)


def _clamped(builder):
    def bound(before, amount, low, reached):
        return _lanewise(builder, "smax", _lanewise(builder, "sadd.sat", before, amount), low)

    return bound


def _bounded(context, builder, sig, args):
    wrap, discard = (builder.trunc(flag, _I1) for flag in args[15:17])
    counters = [
        builder.gep(_data(context, builder, sig, args, position), [args[17]])
        for position in (18, 19)
    ]

    def bound(before, amount, low, reached):
        wrapped = builder.add(before, amount)
        saturated = _lanewise(builder, "sadd.sat", before, amount)
        outside = builder.icmp_signed("!=", wrapped, saturated)
        negative = builder.icmp_signed("<", amount, ir.Constant(_V16, [0] * LANES))
        below = builder.icmp_signed("<", saturated, low)
        below = builder.or_(below, builder.and_(outside, negative))
        above = builder.and_(outside, builder.not_(negative))
        for counter, lanes in zip(counters, (below, above), strict=True):
            bits = builder.bitcast(builder.and_(lanes, reached), _I32)
            count = builder.call(_function(builder, "llvm.ctpop.i32", _I32, _I32), [bits])
            builder.store(builder.add(builder.load(counter), builder.zext(count, _I64)), counter)
        after = builder.select(wrap, wrapped, saturated)
        below = builder.select(wrap, builder.icmp_signed("<", wrapped, low), below)
        return builder.select(below, builder.select(discard, before, low), after)

    return bound


def _keep_rolled(builder):
    """Keep LLVM from unrolling the loop around, which has three rounds as a rule."""
    nothing = builder.asm(ir.FunctionType(ir.VoidType(), []), "", "", [], True)
    nothing.attributes.add("convergent")


def _join(phis, before, again):
    for phi, first, following in phis:
        phi.add_incoming(first, before)
        phi.add_incoming(following, again)


def _lanewise(builder, name, *operands):
    kinds = [_V16] * len(operands)
    function = _function(builder, f"llvm.{name}.v{LANES}i16", _V16, *kinds)
    return builder.call(function, operands)


def _splat(builder, value):
    single = builder.insert_element(ir.Constant(_V16, ir.Undefined), value, ir.Constant(_I32, 0))
    lanes = ir.Constant(ir.VectorType(_I32, LANES), [0] * LANES)
    return builder.shuffle_vector(single, ir.Constant(_V16, ir.Undefined), lanes)


def _function(builder, name, result, *arguments):
    kind = ir.FunctionType(result, arguments)
    return cgutils.get_or_insert_function(builder.module, kind, name)


def _data(context, builder, sig, args, position):
    return context.make_array(sig.args[position])(context, builder, args[position]).data
