"""Train a QReLU net on a data set, for few SynOps where asked, and write the run to a folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import nn

from dynapdeploy.errors import TrainingFailed
from dynapdeploy.lock import locked_folder
from dynapdeploy.training import checkpoint as saved
from dynapdeploy.training.accuracy import accuracy
from dynapdeploy.training.job import Job, Progress, prepare
from dynapdeploy.training.metrics import EpochMetrics, write_metrics
from dynapdeploy.training.plots import CURVES, LOSSES, plot_curves, plot_losses
from dynapdeploy.training.run import (
    METRICS,
    RECORD,
    UNTUNED,
    WEIGHTS,
    TrainingRun,
    save_run,
    save_weights,
)
from dynapdeploy.training.samples import Samples
from dynapdeploy.training.settings import TrainingSettings
from dynapdeploy.training.synop_loss import SynOpMeter
from dynapdeploy.training.tuning_stage import tuning_stage
from dynapdeploy.training.weight_grid import WeightGrid

OWN_FILES = (WEIGHTS, UNTUNED, RECORD, METRICS, LOSSES, CURVES, saved.FILE)


def train(
    settings: TrainingSettings,
    folder,
    *,
    resume: bool = False,
    start: TrainingRun | None = None,
    progress: Progress | None = None,
) -> TrainingRun:
    """Train, fine-tune on the emulator if asked, and leave a complete run in ``folder``.

    The folder gets ``model.safetensors``, ``untuned.safetensors``, ``run.json``, ``metrics.csv``,
    plots, and while training goes on a checkpoint after every epoch. The same settings give the
    same files on one machine, killed and resumed or not.

    With several devices, all but the first process end here once their share of the first stage is
    done. Lightning starts those of this machine by running the calling script again, so a script
    trains one net in this way.

    Args:
        resume: go on from the folder's checkpoint, or begin where there is none yet; the settings
            of what is in the folder must be the same.
        start: a finished run whose weights before fine-tuning are the first ones of this run.
        progress: told about every step.

    Raises:
        InputError: a target that cannot be reached, or settings unlike those of the checkpoint.
        SourceError: an unknown model, one that does not fit the data, or a damaged checkpoint.
        DataError: data that cannot be read, without labels, or without samples of a class.
        Mismatch: still images for a net that takes recordings, or the other way round.
        TrainingFailed: the loss is not a number any more.
        EnvironmentLacks: a GPU was asked for and there is none, or too few; or one of several
            processes is gone.
        OutputError: ``folder`` cannot be written, or another process works in it.
    """
    from dynapdeploy.training.machine import rank

    if rank(settings):
        _follow(settings, Path(folder), resume, start)
    tell = progress or _silent
    with locked_folder(folder, OWN_FILES) as folder, _own_torch_state(settings.recipe.threads):
        job = prepare(settings, folder, resume, tell, start)
        _train_qrelu(job, tell)
        save_weights(folder / UNTUNED, job.model)
        stages = {"qrelu": _figures(job)}
        try:
            stages |= tuning_stage(job, tell)
        except TrainingFailed as fault:
            raise TrainingFailed(
                f"{fault}. The net before fine-tuning is kept in {folder / UNTUNED}; "
                "--no-finetune in another folder trains the same one"
            ) from fault
        if "emulator_untuned" in stages:
            stages["qrelu_tuned"] = _figures(job)
        return _finish(job, stages)


def _silent(stage: str, done: int, total: int, text: str) -> None:
    pass


def _follow(
    settings: TrainingSettings, folder: Path, resume: bool, start: TrainingRun | None
) -> NoReturn:
    """Do another process' share of the first stage, write nothing, and end.

    A loss that is no number stops all processes at the same step; the first one says so.
    """
    with _own_torch_state(settings.recipe.threads), suppress(TrainingFailed):
        _train_qrelu(prepare(settings, folder, resume, _silent, start), _silent)
    raise SystemExit(0)


def _train_qrelu(job: Job, tell: Progress) -> None:
    from dynapdeploy.training.loop import QReLUTraining, fit

    settings, recipe = job.settings, job.settings.recipe
    text = ""
    grid = WeightGrid(job.model, job.train.shape) if settings.quantize_weights else None
    if grid is not None:
        grid.quantized()

    def on_epoch(row: EpochMetrics) -> None:
        nonlocal text
        with grid.snapped() if grid is not None else nullcontext():
            figures = _figures(job)
        row = dataclasses.replace(
            row, test_accuracy=figures["accuracy"], test_synops=figures["synops_per_sample"]
        )
        job.rows.append(row)
        job.scaler = training.scaler()
        text = _line(row)
        _save(job, row.epoch)

    training = QReLUTraining(
        job.model,
        job.meter,
        job.train,
        recipe,
        seed=settings.seed,
        target=job.target,
        untrained=job.facts["untrained_synops"],
        penalty=settings.penalty,
        start_epoch=job.start_epoch,
        on_epoch=on_epoch,
        on_step=lambda done, total: tell("training", done, total, text),
        optimizer=job.optimizer,
        grid=grid,
        scaler=job.scaler,
    )
    fit(training, settings)
    job.model.cpu().eval()
    if grid is not None:
        grid.snap()


@torch.no_grad()
def evaluate(
    model: nn.Module, counter: SynOpMeter, samples: Samples | None, batch: int = 256
) -> dict[str, float]:
    """``test_accuracy`` and ``test_synops`` of the QReLU net; empty without samples."""
    if samples is None:
        return {}
    model.eval()
    device = next(model.parameters()).device
    outputs, synops = [], 0.0
    for start in range(0, len(samples), batch):
        x = samples.x[start : start + batch].to(device)
        outputs.append(model(x).flatten(1).cpu())
        synops += float(counter.total(x)) * len(x)
    right = accuracy(torch.cat(outputs).numpy(), samples.y.numpy())
    return {"test_accuracy": right, "test_synops": synops / len(samples)}


def _save(job: Job, epoch: int) -> None:
    saved.save_checkpoint(
        job.folder,
        saved.Checkpoint(
            "qrelu",
            epoch,
            job.settings.as_dict(),
            tuple(job.rows),
            job.facts,
            job.model.state_dict(),
            saved.optimizer_tensors(job.optimizer),
            job.scaler,
        ),
    )
    write_metrics(job.folder / METRICS, job.rows)


def _line(row: EpochMetrics) -> str:
    test = "" if row.test_accuracy is None else f", test {row.test_accuracy:.1%}"
    return (
        f"loss {row.loss:.3f}, train {row.train_accuracy:.1%}{test}, {row.train_synops:,.0f} SynOps"
    )


def _figures(job: Job) -> dict[str, Any]:
    found = evaluate(job.model, job.meter, job.test)
    return {
        "accuracy": found.get("test_accuracy"),
        "synops_per_sample": found.get("test_synops"),
        "samples": 0 if job.test is None else len(job.test),
    }


def _finish(job: Job, stages: dict[str, Any]) -> TrainingRun:
    metrics = {
        **job.facts,
        "target_synops": job.target,
        "training_samples": len(job.train),
        "test_samples": 0 if job.test is None else len(job.test),
        "skipped_recordings": list(job.train_set.skipped),
        "skipped_test_recordings": [] if job.test_set is None else list(job.test_set.skipped),
        "stages": stages,
    }
    write_metrics(job.folder / METRICS, job.rows)
    run = TrainingRun(
        job.folder, job.model, job.train.shape, job.classes, job.coding, job.settings, metrics
    )
    save_run(run)
    plot_losses(job.folder / LOSSES, job.rows)
    plot_curves(job.folder / CURVES, job.rows)
    return run


@contextmanager
def _own_torch_state(threads: int) -> Iterator[None]:
    """Torch's generator and number of threads, given back afterwards as they were."""
    before = torch.get_num_threads()
    with torch.random.fork_rng():
        torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)
