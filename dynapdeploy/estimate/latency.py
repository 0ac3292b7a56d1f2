"""Latency: when the decision stands, and what accuracy there is by then.

Times run from a sample's first input event. They are those of the input events that caused the
output spikes: what the chip itself adds (a few µs through nine cores) is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dynapdeploy.compiled import cached

if TYPE_CHECKING:
    from dynapdeploy.estimate.tally import Tally

STEPS = 50
CHIP_DELAY = (
    "the chip's own delay is left out: 3.36 µs per event through nine cores (Yao et al., Nature "
    "Communications 2024); queueing under load is not public"
)


@dataclass(frozen=True)
class Latency:
    """When decisions stand.

    Attributes:
        decided: samples with a decision at their end.
        mean_s, median_s, worst_s: from the first input event to the moment from which on the
            decision stays as it is at the end, over the decided samples; None if there are none.
        mean_events: input events up to then.
        time_s: where the accuracy curve is sampled.
        accuracy: share of the labelled samples decided rightly by then; empty without labels.
    """

    decided: int
    mean_s: float | None
    median_s: float | None
    worst_s: float | None
    mean_events: float | None
    time_s: tuple[float, ...] = ()
    accuracy: tuple[float, ...] = ()


@cached()
def turns(times, classes, count):
    """When the decision changes and what it is from then on: int64 ``[k]`` each.

    -1 stands for none, as where two classes are level; before the first spike there is none. What
    a group of spikes of one time makes together counts, not the order inside it.

    Args:
        times: int64 ``[n]`` of the output spikes, sorted.
        classes: int64 ``[n]``, the class that each speaks for; -1 for none.
        count: number of classes.
    """
    spikes = np.zeros(count, np.int64)
    at, to = np.empty(len(times), np.int64), np.empty(len(times), np.int64)
    decision, found = -1, 0
    for i in range(len(times)):
        if classes[i] >= 0:
            spikes[classes[i]] += 1
        if i + 1 < len(times) and times[i + 1] == times[i]:
            continue
        best, most = -1, 0
        for one in range(count):
            if spikes[one] > most:
                best, most = one, spikes[one]
            elif spikes[one] == most:
                best = -1
        if best != decision:
            at[found], to[found] = times[i], best
            decision, found = best, found + 1
    return at[:found], to[:found]


def latency_of(tally: Tally) -> Latency:
    """Sum up the latency of a set of samples."""
    times, accuracy = _curve(tally)
    since = tally.stable_us
    if not len(since):
        return Latency(0, None, None, None, None, times, accuracy)
    return Latency(
        len(since),
        int(since.sum()) / len(since) * 1e-6,
        float(np.median(since)) * 1e-6,
        int(since.max()) * 1e-6,
        tally.stable_events / len(since),
        times,
        accuracy,
    )


def _curve(tally: Tally) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if not tally.longest_us:
        return (), ()
    grid = np.linspace(0, tally.longest_us, STEPS + 1).astype(np.int64)
    at, change = tally.turns
    right = np.append(0, np.cumsum(change))[np.searchsorted(at, grid, side="right")]
    return tuple((grid * 1e-6).tolist()), tuple((right / tally.labelled).tolist())
