"""Latency: when the decision stands, and what accuracy there is by then.

Times run from a sample's first input event. They are those of the input events that caused the
output spikes: what the chip itself adds (a few µs through nine cores) is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from dynapdeploy.estimate.outcome import Outcome

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


def decisions_over_time(classes: np.ndarray, class_count: int) -> np.ndarray:
    """The decision after each output spike, int64 ``[n]``; -1 where two classes are level.

    Args:
        classes: int64 ``[n]``, class of each output spike in order; -1 stands for none.
    """
    spikes = np.zeros((len(classes), class_count), np.int64)
    speaking = np.flatnonzero(classes >= 0)
    spikes[speaking, classes[speaking]] = 1
    counts = np.cumsum(spikes, axis=0)
    most = counts.max(axis=1, initial=0)
    single = (counts == most[:, None]).sum(axis=1) == 1
    return np.where(single & (most > 0), counts.argmax(axis=1) if class_count else -1, -1)


def stable_since(times: np.ndarray, decisions: np.ndarray) -> int | None:
    """Time from which on the decision is the last one; None where the last one is no decision.

    What a group of spikes of one time makes together counts, not the order inside it.

    Args:
        times: int64 ``[n]`` of the output spikes, sorted.
        decisions: after each of them, as :func:`decisions_over_time` gives them.
    """
    if not len(decisions) or decisions[-1] < 0:
        return None
    last_of_time = np.append(times[1:] != times[:-1], True)
    at, made = times[last_of_time], decisions[last_of_time]
    other = np.flatnonzero(made != made[-1])
    return int(at[other[-1] + 1] if len(other) else at[0])


def latency_of(outcomes: Sequence[Outcome]) -> Latency:
    """Sum up the latency of a set of samples."""
    stands = [o.timing for o in outcomes if o.timing is not None and o.timing.decided]
    since = [timing.stable_us for timing in stands]
    before = [timing.stable_events for timing in stands]
    times, accuracy = _curve(outcomes)
    if not since:
        return Latency(0, None, None, None, None, times, accuracy)
    return Latency(
        len(since),
        float(np.mean(since)) * 1e-6,
        float(np.median(since)) * 1e-6,
        max(since) * 1e-6,
        float(np.mean(before)),
        times,
        accuracy,
    )


def _curve(outcomes: Sequence[Outcome]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    labelled = [(o, o.timing) for o in outcomes if o.label is not None and o.timing is not None]
    longest = max((o.duration_us for o, _ in labelled), default=0)
    if not longest:
        return (), ()
    grid = np.linspace(0, longest, STEPS + 1).astype(np.int64)
    right = np.zeros(len(grid), np.int64)
    for outcome, timing in labelled:
        made = decisions_over_time(timing.output_classes, len(outcome.counts))
        known = np.searchsorted(timing.output_us, grid, side="right")
        at = np.where(known > 0, np.append(made, -1)[np.maximum(known - 1, 0)], -1)
        right += at == outcome.label
    return tuple((grid * 1e-6).tolist()), tuple((right / len(labelled)).tolist())
