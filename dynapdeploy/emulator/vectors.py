"""Saturating 16-bit arithmetic on many neurons at a time, as LLVM vector instructions."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic as numba_intrinsic

from dynapdeploy.emulator.columns import LANES

intrinsic: Any = numba_intrinsic

_I1, _I8, _I16, _I32, _I64 = (ir.IntType(bits) for bits in (1, 8, 16, 32, 64))
_V8, _V16 = (ir.VectorType(kind, LANES) for kind in (_I8, _I16))


@intrinsic
def sweep(
    typingctx, state, place, weights, weight_at, count, rows, step, kernel_step, low, high, masks
):
    """Add one event's weights to all neurons it reaches; subtract ``high`` from those that fire.

    For each neuron with state v and weight w: v = max(saturate(v + w), low), which equals clamping
    the exact sum because low is never below -32768; where v >= high it fires and v becomes v -
    high.

    Args:
        state: int16 ``[n]``, with ``LANES`` elements after the last neuron.
        place: first neuron of the first row.
        weights: int8 ``[n]``, with ``LANES`` elements after the last weight.
        weight_at: its weight.
        count: neurons per row, which lie side by side like their weights.
        rows: number of rows.
        step, kernel_step: from a row to the next, in the states forward, in the weights backward.
        low, high: int16.
        masks: uint32 ``[n]``, for each row and group of ``LANES`` neurons the lanes that fired.

    Returns:
        uint32, all the masks or-ed.
    """
    word = types.intp
    signature = types.uint32(
        state, word, weights, word, word, word, word, word, types.int16, types.int16, masks
    )
    return signature, _sweep


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


@intrinsic
def bits_set(typingctx, mask):
    """Number of set bits of a uint32."""

    def codegen(context, builder, sig, args):
        count = _function(builder, "llvm.ctpop.i32", _I32, _I32)
        return builder.zext(builder.call(count, [args[0]]), _I64)

    return types.int64(types.uint32), codegen


def _sweep(context, builder, sig, args):
    """Groups of lanes outside, rows inside, since a group's border is the same in all rows."""
    _, place, _, weight_at, count, rows, step, kernel_step, low, high, _ = args
    word = count.type
    zero, one, lanes = (ir.Constant(word, value) for value in (0, 1, LANES))
    floor, threshold = _splat(builder, low), _splat(builder, high)
    first_state = builder.gep(_data(context, builder, sig, args, 0), [place])
    first_weight = builder.gep(_data(context, builder, sig, args, 2), [weight_at])
    groups = builder.udiv(builder.add(count, ir.Constant(word, LANES - 1)), lanes)
    back = builder.neg(kernel_step)

    start = builder.block
    outer, inner, inner_end, end = (
        builder.append_basic_block(name) for name in ("group", "row", "rows_done", "done")
    )
    something = builder.and_(
        builder.icmp_signed(">", groups, zero), builder.icmp_signed(">", rows, zero)
    )
    builder.cbranch(something, outer, end)

    builder.position_at_end(outer)
    group, left, fired_before, state_group, weight_group = (
        builder.phi(kind) for kind in (word, word, _I32, first_state.type, first_weight.type)
    )
    border = builder.select(builder.icmp_signed("<", left, lanes), left, lanes)
    lane = ir.Constant(_V16, list(range(LANES)))
    reached = builder.icmp_signed("<", lane, _splat(builder, builder.trunc(border, _I16)))
    mask_group = builder.gep(_data(context, builder, sig, args, 10), [group])
    builder.branch(inner)

    builder.position_at_end(inner)
    row, fired, state, weight, mask = (
        builder.phi(kind)
        for kind in (word, _I32, first_state.type, first_weight.type, mask_group.type)
    )
    bits = _update(builder, state, weight, reached, floor, threshold)
    builder.store(bits, mask)
    fired_next = builder.or_(fired, bits)
    _keep_rolled(builder)
    row_next = builder.sub(row, one)
    following = (
        (row, rows, row_next),
        (fired, fired_before, fired_next),
        (state, state_group, builder.gep(state, [step])),
        (weight, weight_group, builder.gep(weight, [back])),
        (mask, mask_group, builder.gep(mask, [groups])),
    )
    builder.cbranch(builder.icmp_signed(">", row_next, zero), inner, inner_end)
    _join(following, outer, inner)

    builder.position_at_end(inner_end)
    left_next = builder.sub(left, lanes)
    following = (
        (group, zero, builder.add(group, one)),
        (left, count, left_next),
        (fired_before, ir.Constant(_I32, 0), fired_next),
        (state_group, first_state, builder.gep(state_group, [lanes])),
        (weight_group, first_weight, builder.gep(weight_group, [lanes])),
    )
    builder.cbranch(builder.icmp_signed(">", left_next, zero), outer, end)
    _join(following, start, inner_end)

    builder.position_at_end(end)
    result = builder.phi(_I32)
    result.add_incoming(ir.Constant(_I32, 0), start)
    result.add_incoming(fired_next, inner_end)
    return result


def _update(builder, state, weight, reached, floor, threshold):
    """One group of lanes; the lanes that fire, as an i32."""
    place = builder.bitcast(state, _V16.as_pointer())
    before = builder.load(place, align=2)
    amount = builder.load(builder.bitcast(weight, _V8.as_pointer()), align=1)
    add = _function(builder, f"llvm.sadd.sat.v{LANES}i16", _V16, _V16, _V16)
    most = _function(builder, f"llvm.smax.v{LANES}i16", _V16, _V16, _V16)
    after = builder.call(add, [before, builder.sext(amount, _V16)])
    after = builder.call(most, [after, floor])
    fires = builder.and_(builder.icmp_signed(">=", after, threshold), reached)
    after = builder.select(fires, builder.sub(after, threshold), after)
    builder.store(builder.select(reached, after, before), place, align=2)
    return builder.bitcast(fires, _I32)


def _keep_rolled(builder):
    """Keep LLVM from unrolling the loop around, which has three rounds as a rule."""
    nothing = builder.asm(ir.FunctionType(ir.VoidType(), []), "", "", [], True)
    nothing.attributes.add("convergent")


def _join(phis, before, again):
    for phi, first, following in phis:
        phi.add_incoming(first, before)
        phi.add_incoming(following, again)


def _splat(builder, value):
    single = builder.insert_element(ir.Constant(_V16, ir.Undefined), value, ir.Constant(_I32, 0))
    lanes = ir.Constant(ir.VectorType(_I32, LANES), [0] * LANES)
    return builder.shuffle_vector(single, ir.Constant(_V16, ir.Undefined), lanes)


def _function(builder, name, result, *arguments):
    kind = ir.FunctionType(result, arguments)
    return cgutils.get_or_insert_function(builder.module, kind, name)


def _data(context, builder, sig, args, position):
    return context.make_array(sig.args[position])(context, builder, args[position]).data
