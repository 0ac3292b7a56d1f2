"""The kernel for what the plain one leaves out: counting, other sums, jitter, firing leaks."""

from __future__ import annotations

import numpy as np
from numba import njit

from dynapdeploy.emulator import columns as c
from dynapdeploy.emulator import options
from dynapdeploy.emulator.compiled import cached
from dynapdeploy.emulator.options import COUNT, DISCARD, LEAK_FIRES, SHUFFLE, WRAP


@cached(c, options)
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
    status = c.DONE
    while True:
        ticking = item >= 0 and item < len(items) and items[item] < 0
        turns = len(leaking) if ticking else len(entry)
        chosen = 0
        event = np.int64(-1)
        if turn < turns:
            core = leaking[turn] if ticking else entry[turn]
            event = items[item]
        elif progress[c.WAITING] > 0:
            if len(lengths) > 1:
                chosen = _drawn(lengths, draws)
            event = queue[chosen, heads[chosen]]
            core = event >> 48 if len(lengths) == 1 else np.int64(chosen)
        else:
            item += 1
            if item >= len(items):
                break
            turn = 0
            if len(lengths) > 1 and items[item] >= 0:
                for core in entry:
                    queue[core, heads[core]] = items[item]
                    lengths[core] = 1
                turn = len(entry)
                progress[c.WAITING] = turn
            continue
        leaks = turn < turns and ticking
        queue_room = cores[core, c.LEAK_QUEUE_ROOM if leaks else c.QUEUE_ROOM]
        output_room = cores[core, c.LEAK_OUTPUT_ROOM if leaks else c.OUTPUT_ROOM]
        if lengths.max() + queue_room > size:
            status = c.QUEUE_FULL
            break
        if progress[c.OUT] + output_room > len(out_item):
            status = c.OUTPUT_FULL
            break
        if turn < turns:
            turn += 1
        else:
            heads[chosen] = (heads[chosen] + 1) % size
            lengths[chosen] -= 1
            progress[c.WAITING] -= 1

        if event < 0:
            count = _tick(core, cores, bias, state, fired, lows, highs, flags)
        else:
            count = _receive(
                core,
                event,
                cores,
                x_table,
                y_table,
                weights,
                state,
                fired,
                synops,
                lows,
                highs,
                flags,
            )
        spikes[core] += count
        if flags[SHUFFLE] and cores[core, c.PARALLEL]:
            for last in range(count - 1, 0, -1):
                other = _below(draws, last + 1)
                fired[last], fired[other] = fired[other], fired[last]
        for i in range(count):
            row = fired[i] // cores[core, c.ROW]
            neuron = fired[i] % cores[core, c.ROW]
            if len(counts):
                counts[cores[core, c.STATE] + fired[i]] += 1
            end = cores[core, c.LAST_LINK]
            decimated[core] += 1
            if decimated[core] == cores[core, c.DECIMATE]:
                decimated[core] = 0
            else:
                end = cores[core, c.STEADY_LINK]
            for link in range(cores[core, c.FIRST_LINK], end):
                address = (
                    along_row[links[link, c.ALONG_ROW] + neuron]
                    + along_y[links[link, c.ALONG_Y] + row]
                )
                if address < 0:
                    dropped[links[link, c.DROPS]] += 1
                elif links[link, c.INTO_QUEUE]:
                    into = address >> 48 if len(lengths) > 1 else np.int64(0)
                    queue[into, (heads[into] + lengths[into]) % size] = address
                    lengths[into] += 1
                    progress[c.WAITING] += 1
                else:
                    out_item[progress[c.OUT]] = item
                    out_event[progress[c.OUT]] = address
                    progress[c.OUT] += 1
        progress[c.PEAK] = max(progress[c.PEAK], progress[c.WAITING])
    progress[c.ITEM] = item
    progress[c.ENTRY] = turn
    return status


@njit(nogil=True, error_model="numpy")
def _receive(
    core, event, cores, x_table, y_table, weights, state, fired, synops, lows, highs, flags
):
    x = cores[core, c.X_TABLE] + (event & 0xFFFF)
    y = cores[core, c.Y_TABLE] + ((event >> 16) & 0xFFFF)
    from_weight = (
        cores[core, c.WEIGHTS]
        + ((event >> 32) & 0xFFFF) * cores[core, c.CHANNEL]
        + y_table[y, c.KERNEL_ROW]
        + x_table[x, c.WEIGHT]
    )
    first = y_table[y, c.FIRST_ROW] * cores[core, c.ROW] + x_table[x, c.START]
    count = 0
    for row in range(y_table[y, c.ROWS]):
        for i in range(x_table[x, c.RUN]):
            neuron = first + row * cores[core, c.ROW] + i
            weight = weights[from_weight - row * cores[core, c.KERNEL_STEP] + i]
            _add(core, neuron, weight, cores, state, lows, highs, flags)
            if _fires(core, neuron, cores, state):
                fired[count] = neuron
                count += 1
    synops[core] += y_table[y, c.ROWS] * x_table[x, c.RUN]
    return count


@njit(nogil=True, error_model="numpy")
def _tick(core, cores, bias, state, fired, lows, highs, flags):
    count = 0
    for neuron in range(cores[core, c.HEIGHT] * cores[core, c.ROW]):
        amount = bias[cores[core, c.BIAS] + neuron % cores[core, c.FEATURES]]
        _add(core, neuron, amount, cores, state, lows, highs, flags)
        if flags[LEAK_FIRES] and _fires(core, neuron, cores, state):
            fired[count] = neuron
            count += 1
    return count


@njit(nogil=True, error_model="numpy")
def _add(core, neuron, amount, cores, state, lows, highs, flags):
    at = cores[core, c.STATE] + neuron
    before = np.int64(state[at])
    exact = before + np.int64(amount)
    low = cores[core, c.LOW]
    if flags[COUNT]:
        lows[core] += exact < low
        highs[core] += exact > 32767
    after = ((exact + 32768) & 0xFFFF) - 32768 if flags[WRAP] else min(exact, 32767)
    if after < low:
        after = before if flags[DISCARD] else low
    state[at] = after


@njit(nogil=True, error_model="numpy")
def _fires(core, neuron, cores, state):
    at = cores[core, c.STATE] + neuron
    if state[at] < cores[core, c.HIGH]:
        return False
    state[at] = (state[at] - cores[core, c.HIGH]) & cores[core, c.KEEP]
    return True


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
