"""What a training run works on: settings, network, data, and how far it has come."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from dynapdeploy.chip.input_coding import InputCoding
from dynapdeploy.data import Dataset, draw, open_dataset
from dynapdeploy.errors import DataError, InputError, SourceError
from dynapdeploy.training.architecture import describe, quantizable
from dynapdeploy.training.checkpoint import (
    FILE,
    load_checkpoint,
    restore_optimizer,
    restore_weights,
)
from dynapdeploy.training.metrics import EpochMetrics
from dynapdeploy.training.models import MODELS, build
from dynapdeploy.training.run import RECORD, TrainingRun, load_run
from dynapdeploy.training.samples import Samples, check_classes, load_samples
from dynapdeploy.training.settings import TrainingSettings
from dynapdeploy.training.synop_loss import SynOpMeter, meter
from dynapdeploy.training.target import mean_synops, resolve_target

Progress = Callable[[str, int, int, str], None]
"""Called with the name of the stage, how much is done, how much there is, and some figures."""


@dataclass(eq=False)
class Job:
    """A training run in progress: what was asked for, net, data, and what is known so far."""

    settings: TrainingSettings
    folder: Path
    model: nn.Sequential
    meter: SynOpMeter
    coding: InputCoding
    classes: tuple[str, ...]
    train_set: Dataset
    test_set: Dataset | None
    train: Samples
    test: Samples | None
    target: float | None
    facts: dict[str, float]
    optimizer: torch.optim.Optimizer
    rows: list[EpochMetrics]
    start_epoch: int = 0
    scaler: Mapping[str, Any] = field(default_factory=dict)


def prepare(
    settings: TrainingSettings,
    folder: Path,
    resume: bool,
    tell: Progress,
    start: TrainingRun | None = None,
) -> Job:
    """Read data and model, resolve the target, and take up the checkpoint, if there is one, where
    ``resume`` says so.

    With ``start``, the first weights are those of that run before its fine-tuning, and the SynOps
    "before training" are what the net needs with them.

    Raises as :func:`dynapdeploy.training.trainer.train`.
    """
    before = load_checkpoint(folder) if resume and (folder / FILE).exists() else None
    if before is not None:
        _check_same(before.settings, settings, folder)
    elif resume and (folder / RECORD).exists():
        _check_same(load_run(folder).settings.as_dict(), settings, folder)
    train_set = draw(
        open_dataset(settings.data, "train", strict=settings.strict), settings.limit, settings.seed
    )
    test_set = _test_set(settings)
    model, coding = _model(settings, train_set)
    describe(model)
    if start is not None:
        first = load_run(start.folder, tuned=False).module.state_dict().values()
        named = dict(zip(model.state_dict(), first, strict=False))
        restore_weights(model, named, str(start.folder))

    def read(split: str) -> Callable[[int, int], None]:
        return lambda done, total: tell(f"reading {split} data", done, total, "")

    train = load_samples(train_set, coding, read("training"))
    test = None if test_set is None else load_samples(test_set, coding, read("test"))
    classes = tuple(train_set.classes)
    check_classes(train, classes, settings.data)
    _check_fit(model, train, classes, settings.model)
    counter = meter(model, train.shape, settings.fanout)
    untrained, source = mean_synops(model, counter, train)
    job = Job(
        settings, folder, model, counter, coding, classes, train_set, test_set, train, test,
        resolve_target(settings, untrained, source),
        {"untrained_synops": untrained, "input_synops": source},
        torch.optim.Adam(model.parameters(), settings.recipe.learning_rate),
        [],
    )  # fmt: skip
    if before is not None:
        restore_weights(model, before.weights, str(folder))
        restore_optimizer(job.optimizer, before.optimizer)
        job.rows, job.start_epoch = list(before.rows), before.epoch
        job.scaler = before.scaler
    return job


def _check_same(before: Any, settings: TrainingSettings, folder: Path) -> None:
    now = settings.as_dict()
    changed = [name for name in now if before.get(name) != now[name]]
    if changed:
        what = ", ".join(f"{n} was {before.get(n)!r} and is {now[n]!r}" for n in changed)
        raise InputError(f"{folder}: cannot resume with other settings: {what}")


def _test_set(settings: TrainingSettings) -> Dataset | None:
    try:
        return open_dataset(settings.data, "test", strict=settings.strict)
    except DataError:
        if settings.strict:
            raise
        return None


def _model(settings: TrainingSettings, data: Dataset) -> tuple[nn.Sequential, InputCoding]:
    torch.manual_seed(settings.seed)
    if settings.model in MODELS:
        coding = MODELS[settings.model].coding
        shape = (1, *data.shape[1:]) if coding.merge_polarity else data.shape
        model: Any = build(settings.model, shape, len(data.classes))
    else:
        from dynapdeploy.sources import read_source

        found = read_source(settings.model, data.shape)
        model, coding = found.module, found.coding
    if model is None:
        raise SourceError(
            f"model {settings.model!r}: a known model ({', '.join(MODELS)}) or file.py:factory "
            "was expected"
        )
    quantizable(model, settings.quantized)
    dropout = settings.recipe.dropout
    for layer in model.modules():
        if dropout is not None and isinstance(layer, nn.Dropout | nn.Dropout2d):
            layer.p = dropout
    return model, coding


def _check_fit(model: nn.Sequential, samples: Samples, classes: tuple[str, ...], name: str) -> None:
    try:
        with torch.no_grad():
            output = model.eval()(samples.x[:1]).flatten(1)
    except RuntimeError as fault:
        raise SourceError(
            f"model {name}: it does not take an input of {samples.shape} ({fault})"
        ) from fault
    if output.shape[1] != len(classes):
        raise SourceError(
            f"model {name}: it has {output.shape[1]} outputs, the data has {len(classes)} classes"
        )
