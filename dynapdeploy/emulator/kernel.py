"""The inner loop of the engine: saturating, clamping, with nothing to count but the cost."""

from __future__ import annotations

import numpy as np
from numba import njit

from dynapdeploy.emulator import columns as c
from dynapdeploy.emulator import vectors
from dynapdeploy.emulator.compiled import cached
from dynapdeploy.emulator.vectors import at, bits_set, lowest_bit, put, sweep


@cached(c, vectors)
def run(
    items,
    entry,
    leaking,
    cores,
    x_table,
    y_table,
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
    masks,
    firing,
    origin,
):
    """Work off ``items`` from ``progress[ITEM]`` on; DONE, or what must grow or be emptied first.

    A call that ends with QUEUE_FULL or OUTPUT_FULL has stopped between two events; called again
    with more room it goes on as if nothing had been. ``queue`` is a ring of length a power of two.
    ``counts`` has one place per state, or is empty where spikes per neuron are not asked for.
    """
    item = progress[c.ITEM]
    turn = progress[c.ENTRY]
    head = progress[c.HEAD]
    waiting = progress[c.WAITING]
    peak = progress[c.PEAK]
    out = progress[c.OUT]
    params = cores.ravel()
    x_flat = x_table.ravel()
    y_flat = y_table.ravel()
    link_flat = links.ravel()
    size = len(queue)
    wrap = size - 1
    out_size = len(out_item)
    counting = len(counts) > 0
    turns = len(entry)
    status = c.DONE
    while True:
        if turn < turns:
            core = at(entry, turn)
            event = at(items, item)
        elif waiting > 0:
            event = at(queue, head & wrap)
            core = event >> 48
        else:
            item += 1
            if item >= len(items):
                break
            if items[item] < 0:
                for leaky in leaking:
                    _leak(leaky, cores, -items[item], bias, state)
            else:
                turn = 0
            continue
        of = core * c.COLUMNS
        if waiting + at(params, of + c.QUEUE_ROOM) > size:
            status = c.QUEUE_FULL
            break
        if out + at(params, of + c.OUTPUT_ROOM) > out_size:
            status = c.OUTPUT_FULL
            break
        if turn < turns:
            turn += 1
        else:
            head += 1
            waiting -= 1

        x = (at(params, of + c.X_TABLE) + (event & 0xFFFF)) * c.PLACES
        y = (at(params, of + c.Y_TABLE) + ((event >> 16) & 0xFFFF)) * c.PLACES
        count = at(x_flat, x + c.RUN)
        rows = at(y_flat, y + c.ROWS)
        first = at(x_flat, x + c.START)
        top = at(y_flat, y + c.FIRST_ROW)
        step = at(params, of + c.ROW)
        kernel_step = at(params, of + c.KERNEL_STEP)
        place = at(params, of + c.STATE) + top * step + first
        weight_at = (
            at(params, of + c.WEIGHTS)
            + ((event >> 32) & 0xFFFF) * at(params, of + c.CHANNEL)
            + at(y_flat, y + c.KERNEL_ROW)
            + at(x_flat, x + c.WEIGHT)
        )
        low = np.int16(at(params, of + c.LOW))
        high = np.int16(at(params, of + c.HIGH))
        keep = np.int16(at(params, of + c.KEEP))
        put(synops, core, at(synops, core) + count * rows)
        any_fired = sweep(
            state, place, weights, weight_at, count, rows, step, kernel_step, low, high, masks
        )
        if any_fired == 0:
            continue
        begin = at(params, of + c.FIRST_LINK)
        last = at(params, of + c.LAST_LINK)
        steady = at(params, of + c.STEADY_LINK)
        decimate = at(params, of + c.DECIMATE)
        total = 0
        kept = 0
        group = 0
        for row in range(top, top + rows):
            for done in range(first, first + count, c.LANES):
                fired = at(masks, group)
                group += 1
                put(firing, kept, fired)
                put(origin, kept, (row << 32) | done)
                kept += fired != 0
                total += bits_set(fired)
        kept = 0
        fired = at(firing, 0)
        for _ in range(total):
            start = at(origin, kept)
            row = start >> 32
            neuron = (start & 0xFFFFFFFF) + lowest_bit(fired)
            fired &= fired - np.uint32(1)
            kept += fired == 0
            fired = at(firing, kept) if fired == 0 else fired
            place = at(params, of + c.STATE) + row * step + neuron
            if keep == 0:
                put(state, place, np.int16(0))
            if counting:
                put(counts, place, at(counts, place) + 1)
            end = last
            if decimate > 1:
                decimated[core] += 1
                if decimated[core] == decimate:
                    decimated[core] = 0
                else:
                    end = steady
            for link in range(begin * c.LINK, end * c.LINK, c.LINK):
                address = at(along_row, at(link_flat, link + c.ALONG_ROW) + neuron) + at(
                    along_y, at(link_flat, link + c.ALONG_Y) + row
                )
                if address < 0:
                    dropped[at(link_flat, link + c.DROPS)] += 1
                elif at(link_flat, link + c.INTO_QUEUE):
                    put(queue, (head + waiting) & wrap, address)
                    waiting += 1
                else:
                    put(out_item, out, item)
                    put(out_event, out, address)
                    out += 1
        put(spikes, core, at(spikes, core) + total)
        peak = max(peak, waiting)
    progress[c.ITEM] = item
    progress[c.ENTRY] = turn
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
