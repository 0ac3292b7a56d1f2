"""The second stage of a run: what the emulator makes of the net, and fine-tuning on it where asked.

The stage is bounded by SynOps, which is what emulation costs: nets with many of them are tuned on
fewer samples. The tuned weights are kept only if the emulator, on training samples drawn for the
comparison, decides at least as well with them as before; a net that comes nearer to its target may
lose up to :data:`PRICE` for it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dynapdeploy.data import Dataset, draw, readable
from dynapdeploy.data.coding import encode
from dynapdeploy.errors import CheckFailed
from dynapdeploy.events import Shape
from dynapdeploy.training.accuracy import accuracy
from dynapdeploy.training.emulated import chip_image, spike_counts
from dynapdeploy.training.finetune import TuningEpoch, finetune
from dynapdeploy.training.job import Job, Progress
from dynapdeploy.training.metrics import EpochMetrics
from dynapdeploy.training.moves import Reach, moved_events, pixel_maps
from dynapdeploy.training.weight_grid import WeightGrid

SYNOP_BUDGET = 4e10
"""SynOps that fine-tuning may take in all, about a minute on two processors."""
MEASURED_SYNOPS = 2e9
"""SynOps that each measurement of accuracy may take."""
KEPT_EVENTS = 10_000_000
"""Events of training samples that are kept in memory between the epochs."""
PROBE = 200
"""Training samples on which the net before and after tuning is compared."""
PRICE = 0.015
"""Accuracy that coming nearer to the target may cost, three of :data:`PROBE` samples."""


def tuning_stage(job: Job, tell: Progress) -> dict[str, Any]:
    """Measure in the emulator, fine-tune ``job.model`` where the settings say so, measure again.

    Returns:
        Figures by stage: ``emulator_untuned`` if tuning took place, and ``emulator``; accuracy,
            SynOps
        per sample and number of samples, on the test split (on the training split where there is
        none). Where no chip of the family runs such a net, ``emulator`` says why instead.
    """
    settings = job.settings
    try:
        chip_image(job.model, job.train.shape)
    except CheckFailed as fault:
        return {"emulator": {"refused": str(fault)}}
    test = job.train_set if job.test_set is None else job.test_set
    per_sample = max(1.0, _estimate(job))
    measured = draw(test, max(50, int(MEASURED_SYNOPS / per_sample)), settings.seed)
    tell("emulating", 0, 1, "")
    before = _measure(job, measured)
    if not settings.finetune or settings.finetune_epochs == 0:
        tell("emulating", 1, 1, _line(before))
        return {"emulator": before}
    probe = draw(
        job.train_set, min(PROBE, max(50, int(MEASURED_SYNOPS / per_sample))), settings.seed
    )
    kept, rows = copy.deepcopy(job.model.state_dict()), len(job.rows)
    start = _measure(job, probe)
    _tune(job, tell, per_sample)
    if not _helped(start, _measure(job, probe), job.target):
        job.model.load_state_dict(kept)
        del job.rows[rows:]
        return {
            "emulator_untuned": before,
            "emulator": {**before, "tuning": "did not help, undone"},
        }
    after = _measure(job, measured)
    return {"emulator_untuned": before, "emulator": after}


def _helped(before: Mapping[str, Any], after: Mapping[str, Any], target: float | None) -> bool:
    if after["accuracy"] >= before["accuracy"]:
        return True
    missed = [abs(x["synops_per_sample"] - target) if target else 0.0 for x in (before, after)]
    return after["accuracy"] >= before["accuracy"] - PRICE and missed[1] < missed[0]


def _estimate(job: Job) -> float:
    return job.rows[-1].train_synops if job.rows else job.facts["untrained_synops"]


def _tune(job: Job, tell: Progress, per_sample: float) -> None:
    settings, recipe = job.settings, job.settings.recipe
    bound = int(SYNOP_BUDGET / per_sample / settings.finetune_epochs)
    text = ""

    def on_epoch(row: TuningEpoch) -> None:
        nonlocal text
        text = f"loss {row.prediction_loss:.3f}, {row.accuracy:.1%}, {row.synops:,.0f} SynOps"
        job.rows.append(
            EpochMetrics(
                "chip",
                row.epoch,
                row.prediction_loss + settings.penalty * row.synop_loss,
                row.prediction_loss,
                row.synop_loss,
                job.target,
                row.accuracy,
                row.synops,
            )
        )

    finetune(
        job.model,
        job.meter,
        Recordings(job.train_set, job.coding, job.train.shape, recipe.reach, len(job.train)),
        job.train.y.numpy(),
        job.train.shape,
        epochs=settings.finetune_epochs,
        batch=recipe.batch,
        samples_per_epoch=max(recipe.batch, min(settings.finetune_samples, bound)),
        seed=settings.seed,
        temperature=recipe.temperature,
        target=job.target,
        penalty=settings.penalty,
        on_epoch=on_epoch,
        on_step=lambda done, total: tell("fine-tuning", done, total, text),
    )
    if settings.quantize_weights:
        WeightGrid(job.model, job.train.shape).snap()


def _measure(job: Job, dataset: Dataset) -> dict[str, Any]:
    image = chip_image(job.model, job.train.shape, job.coding)
    samples = [sample for _, sample in readable(dataset)]
    events = [encode(sample, job.coding, job.train.shape) for sample in samples]
    counts = spike_counts(image, events, layers=False)
    return {
        "accuracy": accuracy(counts.output, np.array([sample.label for sample in samples])),
        "synops_per_sample": float(counts.synops.mean()),
        "samples": len(samples),
        "split": dataset.split,
    }


def _line(figures: dict[str, Any]) -> str:
    return f"{figures['accuracy']:.1%}, {figures['synops_per_sample']:,.0f} SynOps"


class Recordings:
    """Events of training samples by index, moved about at random."""

    def __init__(self, dataset: Dataset, coding, shape: Shape, reach: Reach, count: int):
        self.dataset, self.coding, self.shape, self.reach = dataset, coding, shape, reach
        whole = count == len(dataset)
        self.places: Sequence[int] = range(count) if whole else [i for i, _ in readable(dataset)]
        self.kept: dict[int, np.ndarray] = {}
        self.room = KEPT_EVENTS

    def __call__(self, indices: Sequence[int], random: np.random.Generator) -> list[np.ndarray]:
        events = [self._events(index) for index in indices]
        if not self.reach:
            return events
        maps = pixel_maps(self.reach, self.shape[1:], len(events), random)
        return [moved_events(e, places, self.shape) for e, places in zip(events, maps, strict=True)]

    def _events(self, index: int) -> np.ndarray:
        if index in self.kept:
            return self.kept[index]
        events = encode(self.dataset[self.places[index]], self.coding, self.shape)
        if len(events) <= self.room:
            self.room -= len(events)
            self.kept[index] = events
        return events
