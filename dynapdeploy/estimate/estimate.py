"""Accuracy, SynOps, spikes and energy of a chip image on a data set, without hardware."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from dynapdeploy.chip.image import ChipImage
from dynapdeploy.chip.profile import load_profile
from dynapdeploy.data.dataset import Dataset
from dynapdeploy.emulator import Jitter, Settings
from dynapdeploy.errors import DataError
from dynapdeploy.estimate.energy import Energy, dynamic_energy
from dynapdeploy.estimate.outcome import Outcome, outcomes


@dataclass(frozen=True)
class LayerCost:
    """What one layer does per sample, on average.

    Attributes:
        neurons: of the layer, before pooling.
        dropped_per_sample: spikes sent to it whose address lay outside its input map.
        energy_j_per_sample: its SynOps times the profile's joules per SynOp.
    """

    layer: str
    core: int
    neurons: int
    spikes_per_sample: float
    synops_per_sample: float
    dropped_per_sample: float
    energy_j_per_sample: float


@dataclass(frozen=True)
class Spread:
    """A figure over several seeds of the order jitter."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Estimate:
    """What the emulator says about an image on a data set.

    Attributes:
        samples: number of samples run.
        correct: number decided rightly, None where no sample has a label.
        undecided: samples without a single class of most output spikes; they count as wrong.
        synops_per_sample, events_per_sample, duration_s_per_sample: means.
        layers: in topological order.
        skipped: names of damaged recordings.
        settings: the choices made where no public source settles what the chip does.
        jitter_accuracy, jitter_synops: over the seeds of the jitter; None without.
        outcomes: sample by sample.
    """

    samples: int
    labelled: int
    correct: int | None
    undecided: int
    synops_per_sample: float
    events_per_sample: float
    duration_s_per_sample: float
    energy: Energy
    layers: tuple[LayerCost, ...]
    skipped: tuple[str, ...]
    settings: Settings
    jitter_accuracy: Spread | None = None
    jitter_synops: Spread | None = None
    outcomes: tuple[Outcome, ...] = field(default=(), repr=False)

    @property
    def accuracy(self) -> float | None:
        """Share of the labelled samples decided rightly."""
        return None if self.correct is None else self.correct / self.labelled


def estimate(
    image: ChipImage,
    dataset: Dataset,
    *,
    settings: Settings | None = None,
    jitters: Sequence[Jitter] = (),
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Estimate:
    """Run ``dataset`` through ``image`` in the emulator and sum up.

    Args:
        settings: choices where no public source settles what the chip does.
        jitters: perturbations to repeat the run with; the first figures are without any.
        workers: threads side by side.
        progress: called with the number of samples done so far, over all repetitions.

    Raises:
        Mismatch: the samples cannot enter the image.
        DataError: there is no sample that can be read.
    """
    settings = settings or Settings()
    runs: list[tuple[Outcome, ...]] = []
    for number, jitter in enumerate([None, *jitters]):
        before = sum(len(run) for run in runs)
        step = (lambda done, before=before: progress(before + done)) if progress else None
        found = outcomes(
            image, dataset, settings=settings, jitter=jitter, workers=workers, progress=step
        )
        runs.append(tuple(found))
        if not runs[number]:
            raise DataError(f"{dataset.spec}: no sample that can be read")
    plain = runs[0]
    return Estimate(
        samples=len(plain),
        labelled=sum(outcome.label is not None for outcome in plain),
        correct=_correct(plain),
        undecided=sum(outcome.decision is None for outcome in plain),
        synops_per_sample=_mean([sum(outcome.synops.values()) for outcome in plain]),
        events_per_sample=_mean([outcome.events for outcome in plain]),
        duration_s_per_sample=_mean([outcome.duration_us for outcome in plain]) * 1e-6,
        energy=_energy(image, plain),
        layers=_layer_costs(image, plain),
        skipped=dataset.skipped,
        settings=settings,
        jitter_accuracy=_accuracy_spread(runs[1:]),
        jitter_synops=_spread([_mean([sum(o.synops.values()) for o in run]) for run in runs[1:]]),
        outcomes=plain,
    )


def _correct(found: Sequence[Outcome]) -> int | None:
    labelled = [outcome for outcome in found if outcome.label is not None]
    if not labelled:
        return None
    return sum(int(outcome.decision == outcome.label) for outcome in labelled)


def _accuracy_spread(runs: Sequence[Sequence[Outcome]]) -> Spread | None:
    right = [_correct(run) for run in runs]
    labelled = [sum(outcome.label is not None for outcome in run) for run in runs]
    shares = [count / of for count, of in zip(right, labelled, strict=True) if count is not None]
    return _spread(shares)


def _spread(values: Sequence[float]) -> Spread | None:
    return Spread(_mean(values), min(values), max(values)) if values else None


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _energy(image: ChipImage, found: Sequence[Outcome]) -> Energy:
    synops = _mean([sum(outcome.synops.values()) for outcome in found])
    return dynamic_energy(synops, load_profile(image.device))


def _layer_costs(image: ChipImage, found: Sequence[Outcome]) -> tuple[LayerCost, ...]:
    joules = load_profile(image.device).energy.joules_per_synop
    costs = []
    for core in image.cores:
        synops = _mean([outcome.synops[core.core] for outcome in found])
        costs.append(
            LayerCost(
                layer=core.name,
                core=core.core,
                neurons=int(np.prod(core.output_shape)),
                spikes_per_sample=_mean([outcome.spikes[core.core] for outcome in found]),
                synops_per_sample=synops,
                dropped_per_sample=_mean([outcome.dropped.get(core.core, 0) for outcome in found]),
                energy_j_per_sample=synops * joules,
            )
        )
    return tuple(costs)
