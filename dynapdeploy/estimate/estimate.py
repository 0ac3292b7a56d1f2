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
from dynapdeploy.estimate.latency import Latency, latency_of
from dynapdeploy.estimate.load import WINDOW_US, Load, load_of
from dynapdeploy.estimate.outcome import Outcome, outcomes
from dynapdeploy.synops import count


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
        macs: multiplications of one pass of the same net as a conventional CNN.
        load: SynOps per second and core.
        latency: when decisions stand.
        classes: names of the data set's classes.
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
    macs: int
    load: Load
    latency: Latency
    classes: tuple[str, ...] = ()
    jitter_accuracy: Spread | None = None
    jitter_synops: Spread | None = None
    outcomes: tuple[Outcome, ...] = field(default=(), repr=False)

    @property
    def accuracy(self) -> float | None:
        """Share of the labelled samples decided rightly."""
        return None if self.correct is None else self.correct / self.labelled

    @property
    def synops_per_mac(self) -> float:
        """SynOps per sample over the MACs of the same net as a conventional CNN."""
        return self.synops_per_sample / self.macs


def estimate(
    image: ChipImage,
    dataset: Dataset,
    *,
    settings: Settings | None = None,
    jitters: Sequence[Jitter] = (),
    workers: int = 1,
    window_us: int = WINDOW_US,
    budget: float | None = None,
    battery_wh: float | None = None,
    progress: Callable[[int], None] | None = None,
) -> Estimate:
    """Run ``dataset`` through ``image`` in the emulator and sum up.

    Args:
        settings: choices where no public source settles what the chip does.
        jitters: perturbations to repeat the run with; the first figures are without any.
        workers: threads side by side.
        window_us: length of the window that the peak load is looked for in.
        budget: SynOps per second that a core may take, None if unknown.
        battery_wh: capacity of a battery to say the life of.
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
            image,
            dataset,
            settings=settings,
            jitter=jitter,
            workers=workers,
            window_us=window_us if jitter is None else None,
            progress=step,
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
        energy=_energy(image, plain, battery_wh),
        layers=_layer_costs(image, plain),
        skipped=dataset.skipped,
        settings=settings,
        macs=count(image).macs,
        load=_load(image, plain, window_us, budget),
        latency=latency_of(plain),
        classes=tuple(dataset.classes),
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


def _energy(image: ChipImage, found: Sequence[Outcome], battery_wh: float | None) -> Energy:
    stands = [o.timing for o in found if o.timing is not None and o.timing.decided]
    decision = None
    if stands:
        decision = (
            _mean([timing.stable_synops for timing in stands]),
            _mean([timing.stable_us for timing in stands]) * 1e-6,
        )
    return dynamic_energy(
        _mean([sum(outcome.synops.values()) for outcome in found]),
        load_profile(image.device),
        duration_s=_mean([outcome.duration_us for outcome in found]) * 1e-6,
        spikes_per_sample=_mean([sum(outcome.spikes.values()) for outcome in found]),
        decision=decision,
        battery_wh=battery_wh,
    )


def _load(image: ChipImage, found: Sequence[Outcome], window_us: int, budget: float | None) -> Load:
    peaks: dict[int, tuple[int, str | None]] = {core.core: (0, None) for core in image.cores}
    for outcome in found:
        for core, peak in (outcome.timing.peaks if outcome.timing else {}).items():
            if peak > peaks[core][0]:
                peaks[core] = peak, outcome.name
    return load_of(
        [(core.name, core.core) for core in image.cores],
        {core.core: sum(o.synops[core.core] for o in found) for core in image.cores},
        peaks,
        sum(outcome.events for outcome in found),
        sum(outcome.duration_us for outcome in found),
        window_us,
        budget,
    )


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
