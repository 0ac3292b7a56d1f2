"""The kernel for what the plain one leaves out: counting, other sums, jitter, firing leaks."""

from __future__ import annotations

import numpy as np
from numba import njit

from dynapdeploy.compiled import cached
from dynapdeploy.emulator import columns as c
from dynapdeploy.emulator import options, vectors
from dynapdeploy.emulator.options import BRANCHES, DISCARD, LEAK_FIRES, SHUFFLE, WRAP
from dynapdeploy.emulator.vectors import careful_sweep, lowest_bit


@cached(c, options, vectors)
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
    heads,
    lengths,
    lows,
    highs,
    draws,
    flags,
):
    """Work off ``items`` like ``kernel.run``, with the options in ``flags``.

    A tick item must be -1 (one tick). ``queue`` has one row for all cores, or one per core
    to draw from.
    """
    item = progress[c.ITEM]
    turn = progress[c.ENTRY]
    fired = np.empty(cores[:, c.HEIGHT].max() * cores[:, c.ROW].max(), np.int64)
    size = queue.shape[1]
    branches = flags[BRANCHES] != 0
    most_queue, most_output = cores[:, c.QUEUE_ROOM].max(), cores[:, c.OUTPUT_ROOM].max()
    if flags[LEAK_FIRES]:
        most_queue = max(most_queue, cores[:, c.LEAK_QUEUE_ROOM].max())
        most_output = max(most_output, cores[:, c.LEAK_OUTPUT_ROOM].max())
    status = c.DONE
    while True:
        ticking = item >= 0 and item < len(items) and items[item] < 0
        turns = len(leaking) if ticking else len(entry)
        if turn >= turns and progress[c.WAITING] == 0:
            item += 1
            if item >= len(items):
                break
            turn = 0
            if branches and items[item] >= 0:
                for core in entry:
                    where, what = _taken_in(core, items[item], cores, along_row, along_y)
                    queue[core, heads[core], 0], queue[core, heads[core], 1] = where, what
                    lengths[core] = 1
                turn = len(entry)
                progress[c.WAITING] = turn
            continue
        if lengths.max() + most_queue > size:
            status = c.QUEUE_FULL
            break
        if progress[c.OUT] + most_output > len(out_item):
            status = c.OUTPUT_FULL
            break
        if turn < turns and ticking:
            core = leaking[turn]
            turn += 1
            count = _tick(core, cores, bias, state, fired, lows, highs, flags)
        else:
            if turn < turns:
                where, what = _taken_in(entry[turn], items[item], cores, along_row, along_y)
                turn += 1
            else:
                chosen = _drawn(lengths, draws) if branches else 0
                where, what = queue[chosen, heads[chosen], 0], queue[chosen, heads[chosen], 1]
                heads[chosen] = (heads[chosen] + 1) % size
                lengths[chosen] -= 1
                progress[c.WAITING] -= 1
            core = where >> c.CORE_BITS
            start = where & ((1 << c.CORE_BITS) - 1)
            run = (what >> c.COUNT_BITS) & ((1 << (c.ROWS_BITS - c.COUNT_BITS)) - 1)
            rows = what >> c.ROWS_BITS
            synops[core] += rows * run
            kept = careful_sweep(
                state,
                cores[core, c.STATE]
                + (start >> c.ROW_BITS) * cores[core, c.ROW]
                + (start & 0xFFFFFFFF),
                weights,
                what & 0xFFFFFFFF,
                run,
                rows,
                cores[core, c.ROW],
                cores[core, c.KERNEL_STEP],
                np.int16(cores[core, c.LOW]),
                np.int16(cores[core, c.HIGH]),
                np.int16(cores[core, c.DROP]),
                start,
                firing,
                origin,
                0,
                flags[WRAP],
                flags[DISCARD],
                core,
                lows,
                highs,
            )
            count = 0
            for group in range(kept):
                lanes = firing[group]
                while lanes:
                    fired[count] = origin[group] + lowest_bit(lanes)
                    lanes &= lanes - np.uint32(1)
                    count += 1
        spikes[core] += count
        if flags[SHUFFLE] and cores[core, c.PARALLEL]:
            for last in range(count - 1, 0, -1):
                other = _below(draws, last + 1)
                fired[last], fired[other] = fired[other], fired[last]
        for i in range(count):
            row = fired[i] >> c.ROW_BITS
            neuron = fired[i] & 0xFFFFFFFF
            if len(counts):
                counts[cores[core, c.STATE] + row * cores[core, c.ROW] + neuron] += 1
            end = cores[core, c.LAST_LINK]
            decimated[core] += 1
            if decimated[core] == cores[core, c.DECIMATE]:
                decimated[core] = 0
            else:
                end = cores[core, c.STEADY_LINK]
            for link in range(cores[core, c.FIRST_LINK], end):
                from_row = links[link, c.ALONG_ROW] + neuron
                from_y = links[link, c.ALONG_Y] + row
                where = along_row[from_row, 0] + along_y[from_y, 0]
                if where < 0:
                    dropped[links[link, c.DROPS]] += 1
                elif links[link, c.INTO_QUEUE]:
                    into = where >> c.CORE_BITS if branches else np.int64(0)
                    place = (heads[into] + lengths[into]) % size
                    queue[into, place, 0] = where
                    queue[into, place, 1] = along_row[from_row, 1] + along_y[from_y, 1]
                    lengths[into] += 1
                    progress[c.WAITING] += 1
                else:
                    out_item[progress[c.OUT]] = item
                    out_event[progress[c.OUT]] = where
                    progress[c.OUT] += 1
        progress[c.PEAK] = max(progress[c.PEAK], progress[c.WAITING])
    progress[c.ITEM] = item
    progress[c.ENTRY] = turn
    return status


@njit(nogil=True, error_model="numpy")
def _taken_in(core, event, cores, along_row, along_y):
    """An input event as the job of an entry core."""
    x, y, channel = event & 0xFFFF, (event >> 16) & 0xFFFF, (event >> 32) & 0xFFFF
    along = cores[core, c.INPUT_ALONG_ROW] + x * cores[core, c.CHANNELS] + channel
    from_y = cores[core, c.INPUT_ALONG_Y] + y
    return along_row[along, 0] + along_y[from_y, 0], along_row[along, 1] + along_y[from_y, 1]


@njit(nogil=True, error_model="numpy")
def _tick(core, cores, bias, state, fired, lows, highs, flags):
    low, high, drop = cores[core, c.LOW], cores[core, c.HIGH], cores[core, c.DROP]
    features = cores[core, c.FEATURES]
    at = cores[core, c.STATE]
    count = 0
    for row in range(cores[core, c.HEIGHT]):
        for neuron in range(cores[core, c.ROW]):
            before = np.int64(state[at])
            exact = before + np.int64(bias[cores[core, c.BIAS] + neuron % features])
            lows[core] += exact < low
            highs[core] += exact > 32767
            after = ((exact + 32768) & 0xFFFF) - 32768 if flags[WRAP] else min(exact, 32767)
            if after < low:
                after = before if flags[DISCARD] else low
            if flags[LEAK_FIRES] and after >= high:
                after -= min(after, drop)
                fired[count] = row << c.ROW_BITS | neuron
                count += 1
            state[at] = after
            at += 1
    return count


@njit(nogil=True, error_model="numpy")
def _drawn(lengths, draws):
    busy = 0
    for queue in range(len(lengths)):
        busy += lengths[queue] > 0
    chosen = _below(draws, busy)
    for queue in range(len(lengths)):
        if lengths[queue] > 0:
            if chosen == 0:
                return queue
            chosen -= 1
    return 0


@njit(nogil=True, error_model="numpy")
def _below(draws, count):
    draws[0] += np.uint64(0x9E3779B97F4A7C15)
    z = draws[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return np.int64(((z >> np.uint64(32)) * np.uint64(count)) >> np.uint64(32))
