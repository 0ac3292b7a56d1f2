"""The accuracy ladder: the same samples on every step from the float net to the chip.

================  ================================================================================
float             the source net, activations not rounded
qrelu             the source net, every activation rounded down to whole spikes
snn               integrate-and-fire neurons of sinabs in time steps, float weights
quantized         the same in time steps, with the chip's integer weights and thresholds
emulator          the chip image, event by event
board             a board; skipped where none is attached
================  ================================================================================

All rungs take the events that enter the chip: as counts per place (float, qrelu), as frames of
counts per time step (snn, quantized), one by one (emulator). A decision is the class of the single
largest output; among spikes it must not be silent.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

TITLES = {
    "float": "float",
    "qrelu": "QReLU",
    "snn": "SNN in time steps",
    "quantized": "quantized, time steps",
    "emulator": "emulator",
    "board": "board",
}
TOLERANCE = 0.01
"""Relative difference of a layer's spike count from which on two rungs part."""


@dataclass(frozen=True, eq=False)
class RungResult:
    """What one rung gave for ``n`` samples.

    Attributes:
        decisions: int64 ``[n]``, -1 for none.
        spikes: of all samples, by layer; of rungs without spikes the activations.
        synops: additions for all samples, by receiving layer; empty where they are not known.
    """

    decisions: np.ndarray
    spikes: Mapping[str, float]
    synops: Mapping[str, float]


Results = Mapping[str, RungResult | str]
"""By rung, in order; a text says why a rung was skipped."""


def joined(results: Sequence[Results]) -> Results:
    """The results for all samples, from those for some of them at a time."""
    whole: dict[str, RungResult | str] = {}
    for key in results[0]:
        reasons = [found for part in results if isinstance(found := part[key], str)]
        each = [found for part in results if not isinstance(found := part[key], str)]
        whole[key] = (
            reasons[0]
            if reasons
            else RungResult(
                np.concatenate([found.decisions for found in each]),
                _added([found.spikes for found in each]),
                _added([found.synops for found in each]),
            )
        )
    return whole


def _added(parts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {layer: sum(part[layer] for part in parts) for layer in parts[0]}


@dataclass(frozen=True)
class Parting:
    """Where a rung's spike counts part from those of the rung before.

    Attributes:
        layer: the first one, in topological order, that differs by more than :data:`TOLERANCE`.
        before, here: mean spikes per sample.
    """

    layer: str
    before: float
    here: float

    @property
    def relative(self) -> float | None:
        """Difference over the count before; None where that was 0."""
        return (self.here - self.before) / self.before if self.before else None


@dataclass(frozen=True)
class Rung:
    """One rung, compared with the one before.

    Attributes:
        key, title: which one.
        reason: why it was skipped, empty if it was not; the figures are None then.
        correct: labelled samples decided rightly, None without labels.
        undecided: samples without a decision.
        agreement: share of the samples decided as on the rung before, None for the first.
        flips: names of the others.
        lost, gained: of those, labelled ones that were right before, and that are right now.
    """

    key: str
    title: str
    reason: str = ""
    correct: int | None = None
    accuracy: float | None = None
    undecided: int | None = None
    synops_per_sample: float | None = None
    spikes: Mapping[str, float] = field(default_factory=dict)
    synops: Mapping[str, float] = field(default_factory=dict)
    agreement: float | None = None
    flips: tuple[str, ...] = ()
    lost: int | None = None
    gained: int | None = None
    parting: Parting | None = None


@dataclass(frozen=True)
class Ladder:
    """All rungs.

    Attributes:
        samples, labelled: how many.
        layers: in topological order.
        step_us: length of a time step.
        rungs: from the float net on.
        notes: what the reader should know.
    """

    samples: int
    labelled: int
    layers: tuple[str, ...]
    step_us: int
    rungs: tuple[Rung, ...]
    notes: tuple[str, ...] = ()

    @property
    def largest_loss(self) -> Rung | None:
        """The rung that loses the most accuracy against the one before, None if none does."""
        known = [rung for rung in self.rungs if rung.accuracy is not None]
        losses = [
            (before.accuracy - rung.accuracy, rung)
            for before, rung in itertools.pairwise(known)
            if before.accuracy is not None and rung.accuracy is not None
        ]
        worst = max(losses, key=lambda pair: pair[0], default=(0.0, None))
        return worst[1] if worst[0] > 0 else None


def compare(
    results: Results,
    names: Sequence[str],
    labels: np.ndarray,
    layers: Sequence[str],
    step_us: int,
    notes: Sequence[str] = (),
) -> Ladder:
    """Line up what the rungs gave.

    Args:
        results: of all samples.
        names: of the samples.
        labels: int64 ``[n]``, -1 where unknown.
        layers: in topological order.
    """
    rungs: list[Rung] = []
    before: tuple[np.ndarray, Rung] | None = None
    for key, result in results.items():
        if isinstance(result, str):
            rungs.append(Rung(key, TITLES[key], result))
            continue
        rungs.append(_rung(key, result, before, names, labels, layers))
        before = result.decisions, rungs[-1]
    return Ladder(
        len(names),
        int((labels >= 0).sum()),
        tuple(layers),
        step_us,
        tuple(rungs),
        tuple(notes),
    )


def _rung(
    key: str,
    result: RungResult,
    before: tuple[np.ndarray, Rung] | None,
    names: Sequence[str],
    labels: np.ndarray,
    layers: Sequence[str],
) -> Rung:
    known = labels >= 0
    spikes, synops = (
        {layer: total / len(names) for layer, total in sums.items()}
        for sums in (result.spikes, result.synops)
    )
    right = known & (result.decisions == labels)
    rung: dict[str, Any] = {
        "correct": int(right.sum()) if known.any() else None,
        "accuracy": float(right[known].mean()) if known.any() else None,
        "undecided": int((result.decisions < 0).sum()),
        "synops_per_sample": sum(synops.values()) if synops else None,
        "spikes": spikes,
        "synops": synops,
    }
    if before is not None:
        decided, last = before
        same = result.decisions == decided
        was = known & (decided == labels)
        rung |= {
            "agreement": float(same.mean()),
            "flips": tuple(name for name, kept in zip(names, same, strict=True) if not kept),
            "lost": int((was & ~right).sum()) if known.any() else None,
            "gained": int((right & ~was).sum()) if known.any() else None,
            "parting": _parting(last.spikes, spikes, layers),
        }
    return Rung(key, TITLES[key], **rung)


def _parting(
    before: Mapping[str, float], here: Mapping[str, float], layers: Sequence[str]
) -> Parting | None:
    for layer in layers:
        if layer not in before or layer not in here:
            continue
        was, now = before[layer], here[layer]
        if abs(now - was) > TOLERANCE * max(was, now):
            return Parting(layer, was, now)
    return None
