"""When the spikes and additions of one sample came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dynapdeploy.chip.image import ChipImage
from dynapdeploy.emulator import Emulation, output_classes
from dynapdeploy.estimate.latency import turns
from dynapdeploy.estimate.load import in_windows, total_until
from dynapdeploy.estimate.reach import arrivals

MOST_BINS = 10_000
"""Bins kept of one sample; a longer recording keeps its first part only."""


@dataclass(frozen=True, eq=False)
class Timing:
    """Times in µs from the first input event.

    Attributes:
        turns_us: int64 ``[n]``, when the decision changes, rising.
        turns_to: int64 ``[n]``, what it is from then on, -1 for none; before the first, none.
        decided: whether there is a decision at the end.
        stable_us: from here on the decision stays; 0 if there is none.
        stable_events, stable_synops: input events and additions up to then, that time included.
        peaks: most additions in any window, by core.
        timeline: int64 ``[cores, bins]``, additions per window-long bin, cores in image order.
    """

    turns_us: np.ndarray
    turns_to: np.ndarray
    decided: bool
    stable_us: int
    stable_events: int
    stable_synops: int
    peaks: Mapping[int, int]
    timeline: np.ndarray


def timing_of(
    image: ChipImage,
    maps: Mapping[tuple[int, int], np.ndarray],
    events: np.ndarray,
    run: Emulation,
    window_us: int,
) -> Timing:
    """Find the times of a run in which every core was monitored.

    Args:
        maps: of :func:`dynapdeploy.estimate.reach.reach_maps`.
        events: input events ``[n]``.
    """
    start = int(events["t"][0]) if len(events) else 0
    span = int(events["t"][-1]) - start if len(events) else 0
    came = arrivals(image, maps, events, run.monitored)
    bins = min(span // window_us + 1, MOST_BINS)
    load = {core: in_windows(*found, start, window_us, bins) for core, found in came.items()}
    classes = output_classes(image, run.events)
    count = int(classes.max(initial=-1)) + 1
    times = np.maximum(run.events["t"] - start, 0)
    turns_us, turns_to = turns(times, classes, count)
    decided = len(turns_to) > 0 and bool(turns_to[-1] >= 0)
    stable = int(turns_us[-1]) if decided else 0
    until = start + stable
    return Timing(
        turns_us=turns_us,
        turns_to=turns_to,
        decided=decided,
        stable_us=stable,
        stable_events=int(np.searchsorted(events["t"], until, side="right")),
        stable_synops=sum(total_until(*found, until) for found in came.values()),
        peaks={core: int(peak) for core, (peak, _) in load.items()},
        timeline=np.stack([timeline for _, timeline in load.values()]),
    )
