"""One net of a sweep: trained in a folder of its own, then tested with its first layer scaled up.

Runs in a worker; takes and gives plain data only.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dynapdeploy.chip.image import ChipImage
from dynapdeploy.data import draw, open_dataset, readable
from dynapdeploy.data.coding import encode
from dynapdeploy.errors import CheckFailed, DataError, SourceError
from dynapdeploy.training.accuracy import accuracy
from dynapdeploy.training.baselines import scale_first_weights
from dynapdeploy.training.emulated import chip_image, spike_counts
from dynapdeploy.training.run import WEIGHTS, TrainingRun, load_run
from dynapdeploy.training.settings import TrainingSettings
from dynapdeploy.training.trainer import train
from dynapdeploy.training.tuning_stage import MEASURED_SYNOPS


def train_point(arguments: Mapping[str, Any], place: Mapping[str, str]) -> dict[str, Any]:
    """Train one net, or go on with it; the row of the sweep's table.

    Args:
        arguments: ``settings``, ``target`` in ``unit``, ``chain`` (targets up to this one, None
            outside a chain) and ``scale_ups``, see :mod:`dynapdeploy.training.sweep_plan`.
        place: ``folder`` of the net; in a chain also ``before`` and ``first``.

    Raises as :func:`dynapdeploy.training.trainer.train`.
    """
    folder = Path(place["folder"])
    start = load_run(place["before"]) if "before" in place else None
    settings = _settings(arguments, place)
    run = train(settings, folder, resume=True, start=start)
    return {
        "seed": settings.seed,
        "target_synops": run.metrics["target_synops"],
        **_headline(run),
        "stages": run.metrics["stages"],
        "scaled": scaled_figures(run, arguments["scale_ups"]),
        "weights_sha256": hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest(),
    }


def _settings(arguments: Mapping[str, Any], place: Mapping[str, str]) -> TrainingSettings:
    settings = TrainingSettings(**arguments["settings"])
    target, unit = arguments["target"], arguments["unit"]
    if unit == "ratio" and "first" in place:
        untrained = load_run(place["first"]).metrics["untrained_synops"]
        target, unit = target * untrained, "synops"
    return dataclasses.replace(settings, **{f"target_{unit}": target})


def _headline(run: TrainingRun) -> dict[str, Any]:
    stages = run.metrics["stages"]
    source = "qrelu" if "accuracy" not in stages["emulator"] else "emulator"
    return {
        "accuracy": stages[source]["accuracy"],
        "synops_per_sample": stages[source]["synops_per_sample"],
        "measured_by": source,
    }


def scaled_figures(run: TrainingRun, factors: Sequence[float]) -> list[dict[str, Any]]:
    """Accuracy and SynOps in the emulator with the first layer's weights times each factor.

    On the test split (on the training split where there is none), bounded as the measurements of
    training are. Empty where no chip of the family runs such a net.
    """
    if not factors or "accuracy" not in run.metrics["stages"]["emulator"]:
        return []
    samples = _test_samples(run, max(factors))
    events = [encode(sample, run.coding, run.input_shape) for sample in samples]
    labels = np.array([sample.label for sample in samples])
    found = []
    for factor in factors:
        image = _image(run, factor)
        if image is None:
            continue
        counts = spike_counts(image, events, layers=False)
        found.append(
            {
                "factor": factor,
                "accuracy": accuracy(counts.output, labels),
                "synops_per_sample": float(counts.synops.mean()),
                "samples": len(samples),
            }
        )
    return found


def _test_samples(run: TrainingRun, factor: float) -> list:
    try:
        dataset = open_dataset(run.data, "test", strict=run.settings.strict)
    except DataError:
        dataset = draw(open_dataset(run.data, "train"), run.settings.limit, run.settings.seed)
    per_sample = max(1.0, factor * run.metrics["stages"]["emulator"]["synops_per_sample"])
    chosen = draw(dataset, max(50, int(MEASURED_SYNOPS / per_sample)), run.settings.seed)
    return [sample for _, sample in readable(chosen)]


def _image(run: TrainingRun, factor: float) -> ChipImage | None:
    try:
        return chip_image(scale_first_weights(run.module, factor), run.input_shape, run.coding)
    except (CheckFailed, SourceError):
        return None
