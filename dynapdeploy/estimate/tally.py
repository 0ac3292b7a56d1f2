"""Sums over many samples, in whole numbers: those of parts add up to those of the whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from dynapdeploy.chip.image import ChipImage
from dynapdeploy.estimate.outcome import Outcome

PerCore = Mapping[int, int]


@dataclass(frozen=True, eq=False)
class Tally:
    """What some samples came to together. It takes a few bytes per sample.

    Attributes:
        samples, labelled, correct, undecided: how many.
        events, duration_us: sums over the samples.
        spikes, synops, dropped: the same by physical core.
        peaks: most additions in a window, by core, and the first sample it was met in.
        stable_us: int64 ``[n]``, for each sample with a decision when that stands.
        stable_events, stable_synops: sums over these.
        longest_us: of the labelled samples with timing.
        turns: int64 ``[2, k]``, times in rising order and by how much the number of labelled
            samples that are decided rightly changes there.
    """

    samples: int
    labelled: int
    correct: int
    undecided: int
    events: int
    duration_us: int
    spikes: PerCore
    synops: PerCore
    dropped: PerCore
    peaks: Mapping[int, tuple[int, str | None]]
    stable_us: np.ndarray
    stable_events: int
    stable_synops: int
    longest_us: int
    turns: np.ndarray

    def as_dict(self) -> dict[str, Any]:
        """Plain values that JSON can hold."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            **found,
            **{name: {str(core): n for core, n in found[name].items()} for name in _PER_CORE},
            "stable_us": self.stable_us.tolist(),
            "turns": self.turns.tolist(),
        }


_SUMS = (
    "samples", "labelled", "correct", "undecided", "events", "duration_us", "stable_events",
    "stable_synops",
)  # fmt: skip
_PER_CORE = ("spikes", "synops", "dropped", "peaks")


def tally_from(values: Mapping[str, Any]) -> Tally:
    """The tally that :meth:`Tally.as_dict` wrote."""
    per_core = {name: {int(c): n for c, n in values[name].items()} for name in _PER_CORE}
    per_core["peaks"] = {core: (peak, name) for core, (peak, name) in per_core["peaks"].items()}
    arrays = {
        "stable_us": np.array(values["stable_us"], np.int64),
        "turns": np.array(values["turns"], np.int64).reshape(2, -1),
    }
    return Tally(**{**values, **per_core, **arrays})


def tally(image: ChipImage, outcomes: Iterable[Outcome]) -> Tally:
    """Sum up; no outcome is kept."""
    cores = [core.core for core in image.cores]
    sums = dict.fromkeys((*_SUMS, "longest_us"), 0)
    per_core = {name: dict.fromkeys(cores, 0) for name in ("spikes", "synops", "dropped")}
    peaks: dict[int, tuple[int, str | None]] = dict.fromkeys(cores, (0, None))
    stable_us: list[int] = []
    turns: dict[int, int] = {}
    for outcome in outcomes:
        decision, known = outcome.decision, outcome.label is not None
        sums["samples"] += 1
        sums["labelled"] += known
        sums["correct"] += known and decision == outcome.label
        sums["undecided"] += decision is None
        sums["events"] += outcome.events
        sums["duration_us"] += outcome.duration_us
        for name, found in per_core.items():
            for core in cores:
                found[core] += getattr(outcome, name).get(core, 0)
        timing = outcome.timing
        if timing is None:
            continue
        for core, peak in timing.peaks.items():
            if peak > peaks[core][0]:
                peaks[core] = peak, outcome.name
        if timing.decided:
            stable_us.append(timing.stable_us)
            sums["stable_events"] += timing.stable_events
            sums["stable_synops"] += timing.stable_synops
        if known:
            sums["longest_us"] = max(sums["longest_us"], outcome.duration_us)
            right = False
            for at, to in zip(timing.turns_us.tolist(), timing.turns_to.tolist(), strict=True):
                now = to == outcome.label
                if now != right:
                    turns[at] = turns.get(at, 0) + (1 if now else -1)
                right = now
    whole: dict[str, Any] = {**sums, **per_core, "peaks": peaks}
    rising = np.array(sorted(turns.items()), np.int64).reshape(-1, 2).T
    return Tally(**whole, stable_us=np.array(stable_us, np.int64), turns=rising)


def merged(tallies: Iterable[Tally]) -> Tally:
    """The tally of all samples together; where peaks are equal the earlier tally's is kept."""
    first, *others = tallies
    found = {field.name: getattr(first, field.name) for field in fields(first)}
    for name in ("spikes", "synops", "dropped", "peaks"):
        found[name] = dict(found[name])
    stable, turns = [first.stable_us], [first.turns]
    for one in others:
        for name in _SUMS:
            found[name] += getattr(one, name)
        found["longest_us"] = max(found["longest_us"], one.longest_us)
        for name in ("spikes", "synops", "dropped"):
            for core, number in getattr(one, name).items():
                found[name][core] += number
        for core, peak in one.peaks.items():
            if peak[0] > found["peaks"][core][0]:
                found["peaks"][core] = peak
        stable.append(one.stable_us)
        turns.append(one.turns)
    at, change = np.concatenate(turns, axis=1)
    times, place = np.unique(at, return_inverse=True)
    total = np.zeros(len(times), np.int64)
    np.add.at(total, place, change)
    return Tally(
        **{**found, "stable_us": np.concatenate(stable), "turns": np.stack([times, total])}
    )
