"""When the spikes and additions of one sample came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dynapdeploy.chip.image import ChipImage
from dynapdeploy.emulator import Emulation, output_classes
from dynapdeploy.estimate.latency import decisions_over_time, stable_since
from dynapdeploy.estimate.load import binned, peak_in_window
from dynapdeploy.estimate.reach import arrivals

MOST_BINS = 10_000
"""Bins kept of one sample; a longer recording keeps its first part only."""


@dataclass(frozen=True, eq=False)
class Timing:
    """Times in µs from the first input event.

    Attributes:
        output_us: int64 ``[n]``, of each output spike, sorted.
        output_classes: int64 ``[n]``, the class it speaks for; -1 for none.
        decided: whether there is a decision at the end.
        stable_us: from here on the decision stays; 0 if there is none.
        stable_events, stable_synops: input events and additions up to then, that time included.
        peaks: most additions in any window, by core.
        timeline: int64 ``[cores, bins]``, additions per window-long bin, cores in image order.
    """

    output_us: np.ndarray
    output_classes: np.ndarray
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
    classes = output_classes(image, run.events)
    count = int(classes.max(initial=-1)) + 1
    times = np.maximum(run.events["t"] - start, 0)
    stable = stable_since(times, decisions_over_time(classes, count))
    until = start + (stable or 0)
    return Timing(
        output_us=times,
        output_classes=classes,
        decided=stable is not None,
        stable_us=stable or 0,
        stable_events=int(np.searchsorted(events["t"], until, side="right")),
        stable_synops=sum(
            int(additions[: np.searchsorted(at, until, side="right")].sum())
            for at, additions in came.values()
        ),
        peaks={core: peak_in_window(*found, window_us) for core, found in came.items()},
        timeline=np.stack([binned(*found, start, window_us, bins) for found in came.values()]),
    )
