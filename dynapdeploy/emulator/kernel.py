"""The inner loop of the engine: saturating, clamping, with nothing to count but the cost."""

from __future__ import annotations

import numpy as np
from numba import njit

from dynapdeploy.compiled import cached
from dynapdeploy.emulator import columns as c
from dynapdeploy.emulator import vectors
from dynapdeploy.emulator.vectors import at, lowest_bit, put, sweep


@cached(c, vectors)
def run(
    items,
    entry,
    leaking,
    cores,
    links,
    along_row,
    along_y,
    weights,
    bias,
    state,
    progress,
    queue,
    out_item,
    out_event,
    synops,
    spikes,
    dropped,
    decimated,
    counts,
    firing,
    origin,
    together,
):
    """Work off ``items`` from ``progress[ITEM]`` on; DONE, or what must grow or be emptied first.

    A call that ends with QUEUE_FULL or OUTPUT_FULL has stopped between two events; called again
    with more room it goes on as if nothing had been. ``queue`` is a ring of length a power of two.
    ``together`` items may be under way at a time: more than one where that changes nothing but
    the peak of the queue. ``counts`` has one place per state, or is empty where spikes per neuron
    are not asked for.
    """
    item = progress[c.ITEM]
    first = progress[c.FIRST]
    inputs = progress[c.INPUTS]
    head = progress[c.HEAD]
    waiting = progress[c.WAITING]
    peak = progress[c.PEAK]
    out = progress[c.OUT]
    params = cores.ravel()
    row_parts = along_row.ravel()
    y_parts = along_y.ravel()
    link_flat = links.ravel()
    jobs = queue.ravel()
    most_queue = c.BATCH * cores[:, c.QUEUE_ROOM].max() + 1
    most_output = c.BATCH * cores[:, c.OUTPUT_ROOM].max()
    size = len(queue)
    wrap = size - 1
    out_size = len(out_item)
    counting = len(counts) > 0
    status = c.DONE
    while True:
        if waiting == 0:
            if item + 1 >= len(items):
                break
            if items[item + 1] < 0:
                item += 1
                for leaky in leaking:
                    _leak(leaky, cores, -items[item], bias, state)
                continue
            first = item + 1
            end = min(first + together, len(items))
            while item + 1 < end and items[item + 1] >= 0:
                item += 1
                event = items[item]
                for core in entry:
                    of = core * c.COLUMNS
                    along = (event & 0xFFFF) * at(params, of + c.CHANNELS) + (event >> 32)
                    from_row = 2 * (at(params, of + c.INPUT_ALONG_ROW) + along)
                    from_y = 2 * (at(params, of + c.INPUT_ALONG_Y) + ((event >> 16) & 0xFFFF))
                    where = at(row_parts, from_row) + at(y_parts, from_y)
                    place = 2 * ((head + waiting) & wrap)
                    put(jobs, place, where | (item - first) << c.ITEM_BITS)
                    put(jobs, place + 1, at(row_parts, from_row + 1) + at(y_parts, from_y + 1))
                    waiting += 1
            inputs = waiting
        if waiting + most_queue > size:
            status = c.QUEUE_FULL
            break
        if out + most_output > out_size:
            status = c.OUTPUT_FULL
            break

        where = at(jobs, 2 * (head & wrap))
        core = where >> c.CORE_BITS
        of = core * c.COLUMNS
        step = at(params, of + c.ROW)
        base = at(params, of + c.STATE)
        kernel_step = at(params, of + c.KERNEL_STEP)
        low = np.int16(at(params, of + c.LOW))
        high = np.int16(at(params, of + c.HIGH))
        drop = np.int16(at(params, of + c.DROP))
        additions = 0
        kept = 0
        batch = 0
        limit = min(waiting, c.BATCH)
        while batch < limit:
            place = 2 * ((head + batch) & wrap)
            where = at(jobs, place)
            if where >> c.CORE_BITS != core:
                break
            what = at(jobs, place + 1)
            start = where & ((1 << c.CORE_BITS) - 1)
            row = (start >> c.ROW_BITS) & 0xFFFF
            count = (what >> c.COUNT_BITS) & ((1 << (c.ROWS_BITS - c.COUNT_BITS)) - 1)
            rows = what >> c.ROWS_BITS
            additions += count * rows
            kept = sweep(
                state,
                base + row * step + (start & 0xFFFFFFFF),
                weights,
                what & 0xFFFFFFFF,
                count,
                rows,
                step,
                kernel_step,
                low,
                high,
                drop,
                start | batch << c.CORE_BITS,
                firing,
                origin,
                kept,
            )
            batch += 1
        put(synops, core, at(synops, core) + additions)
        head += batch
        waiting -= batch
        inputs = max(0, inputs - batch)
        if kept == 0:
            continue
        begin = at(params, of + c.FIRST_LINK)
        last = at(params, of + c.LAST_LINK)
        steady = at(params, of + c.STEADY_LINK)
        decimate = at(params, of + c.DECIMATE)
        total = 0
        group = 0
        while group < kept:
            fired = at(firing, group)
            start = at(origin, group)
            row = (start >> c.ROW_BITS) & 0xFFFF
            neuron = (start & 0xFFFFFFFF) + lowest_bit(fired)
            fired &= fired - np.uint32(1)
            put(firing, group, fired)
            group += fired == 0
            total += 1
            if counting:
                place = base + row * step + neuron
                put(counts, place, at(counts, place) + 1)
            end = last
            if decimate > 1:
                decimated[core] += 1
                if decimated[core] == decimate:
                    decimated[core] = 0
                else:
                    end = steady
            for link in range(begin * c.LINK, end * c.LINK, c.LINK):
                from_row = 2 * (at(link_flat, link + c.ALONG_ROW) + neuron)
                from_y = 2 * (at(link_flat, link + c.ALONG_Y) + row)
                where = at(row_parts, from_row) + at(y_parts, from_y)
                if where < 0:
                    dropped[at(link_flat, link + c.DROPS)] += 1
                elif at(link_flat, link + c.INTO_QUEUE):
                    place = 2 * ((head + waiting) & wrap)
                    put(jobs, place, where | (start & c.ITEM_MASK))
                    put(jobs, place + 1, at(row_parts, from_row + 1) + at(y_parts, from_y + 1))
                    waiting += 1
                else:
                    put(out_item, out, first + ((start & c.ITEM_MASK) >> c.ITEM_BITS))
                    put(out_event, out, where)
                    out += 1
            # the rest of the batch counts as waiting still
            peak = max(peak, waiting - inputs + batch - 1 - (start >> c.CORE_BITS))
        put(spikes, core, at(spikes, core) + total)
    progress[c.ITEM] = item
    progress[c.FIRST] = first
    progress[c.INPUTS] = inputs
    progress[c.HEAD] = head & wrap
    progress[c.WAITING] = waiting
    progress[c.PEAK] = peak
    progress[c.OUT] = out
    return status


@njit(nogil=True, error_model="numpy")
def _leak(core, cores, ticks, bias, state):
    low = cores[core, c.LOW]
    at = cores[core, c.STATE]
    ticks = min(ticks, 1 << 17)  # by then every state stands at one of its ends
    for _ in range(cores[core, c.HEIGHT] * cores[core, c.ROW] // cores[core, c.FEATURES]):
        for feature in range(cores[core, c.FEATURES]):
            amount = np.int64(bias[cores[core, c.BIAS] + feature])
            v = min(max(state[at] + amount, low), 32767)
            v = min(max(v + amount * (ticks - 1), low), 32767)
            state[at] = v
            at += 1
