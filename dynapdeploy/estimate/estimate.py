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
from dynapdeploy.estimate.tally import Tally, tally
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
        outcomes: sample by sample, where they were kept.
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
    keep: bool = True,
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
        keep: fill in ``outcomes``, whose memory grows with the number of samples.
        progress: called with the number of samples done so far, over all repetitions.

    Raises:
        Mismatch: the samples cannot enter the image.
        DataError: there is no sample that can be read.
    """
    settings = settings or Settings()
    kept: list[Outcome] = []
    tallies: list[Tally] = []
    for jitter in [None, *jitters]:
        before = sum(one.samples for one in tallies)
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
        if keep and jitter is None:
            found = iter(kept := list(found))
        tallies.append(tally(image, found))
    return summed(
        image,
        dataset,
        tallies,
        settings=settings,
        window_us=window_us,
        budget=budget,
        battery_wh=battery_wh,
        kept=kept,
    )


def summed(
    image: ChipImage,
    dataset: Dataset,
    tallies: Sequence[Tally],
    *,
    settings: Settings,
    window_us: int,
    budget: float | None,
    battery_wh: float | None,
    skipped: Sequence[str] | None = None,
    kept: Sequence[Outcome] = (),
) -> Estimate:
    """The estimate that tallies make: the first is without jitter, the others each with one.

    Args:
        skipped: names of damaged recordings, None for those that ``dataset`` names.

    Raises:
        DataError: there is no sample that can be read.
    """
    plain, jittered = tallies[0], tallies[1:]
    if not plain.samples:
        raise DataError(f"{dataset.spec}: no sample that can be read")
    shares = [one.correct / one.labelled for one in jittered if one.labelled]
    return Estimate(
        samples=plain.samples,
        labelled=plain.labelled,
        correct=plain.correct if plain.labelled else None,
        undecided=plain.undecided,
        synops_per_sample=_synops(plain),
        events_per_sample=plain.events / plain.samples,
        duration_s_per_sample=plain.duration_us / plain.samples * 1e-6,
        energy=_energy(image, plain, battery_wh),
        layers=_layer_costs(image, plain),
        skipped=dataset.skipped if skipped is None else tuple(skipped),
        settings=settings,
        macs=count(image).macs,
        load=_load(image, plain, window_us, budget),
        latency=latency_of(plain),
        classes=tuple(dataset.classes),
        jitter_accuracy=_spread(shares),
        jitter_synops=_spread([_synops(one) for one in jittered]),
        outcomes=tuple(kept),
    )


def _spread(values: Sequence[float]) -> Spread | None:
    return Spread(float(np.mean(values)), min(values), max(values)) if values else None


def _synops(found: Tally) -> float:
    return sum(found.synops.values()) / found.samples


def _energy(image: ChipImage, found: Tally, battery_wh: float | None) -> Energy:
    decision = None
    if decided := len(found.stable_us):
        decision = (found.stable_synops / decided, int(found.stable_us.sum()) / decided * 1e-6)
    return dynamic_energy(
        _synops(found),
        load_profile(image.device),
        duration_s=found.duration_us / found.samples * 1e-6,
        spikes_per_sample=sum(found.spikes.values()) / found.samples,
        decision=decision,
        battery_wh=battery_wh,
    )


def _load(image: ChipImage, found: Tally, window_us: int, budget: float | None) -> Load:
    return load_of(
        [(core.name, core.core) for core in image.cores],
        found.synops,
        found.peaks,
        found.events,
        found.duration_us,
        window_us,
        budget,
    )


def _layer_costs(image: ChipImage, found: Tally) -> tuple[LayerCost, ...]:
    joules = load_profile(image.device).energy.joules_per_synop
    costs = []
    for core in image.cores:
        synops = found.synops[core.core] / found.samples
        costs.append(
            LayerCost(
                layer=core.name,
                core=core.core,
                neurons=int(np.prod(core.output_shape)),
                spikes_per_sample=found.spikes[core.core] / found.samples,
                synops_per_sample=synops,
                dropped_per_sample=found.dropped[core.core] / found.samples,
                energy_j_per_sample=synops * joules,
            )
        )
    return tuple(costs)
