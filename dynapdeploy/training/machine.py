"""Where training runs: processor or GPUs, one process or several, all by Lightning.

Several processes are several GPUs of one machine, or of several machines that SLURM, torchrun or
the user starts the command on. The first one (rank 0) is the one that was called; Lightning starts
the others of its machine by running the same command again.
"""

from __future__ import annotations

import logging
import os
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import lightning
import torch
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from dynapdeploy.errors import EnvironmentLacks
from dynapdeploy.training.settings import TrainingSettings


def lightning_accelerator(name: str) -> str:
    """Lightning's name for a choice of ours. Raises ``EnvironmentLacks`` without a GPU."""
    present = torch.cuda.is_available() or torch.backends.mps.is_available()
    if name == "gpu" and not present:
        raise EnvironmentLacks("accelerator gpu: torch finds no GPU on this machine")
    return "gpu" if present and name != "cpu" else "cpu"


def device_count(accelerator: str) -> int:
    """All GPUs of this machine, or 1 for its processor. Raises as :func:`lightning_accelerator`."""
    gpus = lightning_accelerator(accelerator) == "gpu"
    return max(1, torch.cuda.device_count()) if gpus else 1


def rank(settings: TrainingSettings) -> int:
    """Number of this process among those of the training, from 0.

    Raises:
        EnvironmentLacks: there is no GPU where one is needed, there are too few, or SLURM was asked
            for other tasks.
    """
    _accelerator(settings)
    if settings.processes == 1:
        return 0
    with quiet():
        return trainer(settings, 1).global_rank


def _accelerator(settings: TrainingSettings) -> str:
    accelerator = lightning_accelerator(settings.accelerator)
    if settings.precision == "16-mixed" and accelerator == "cpu":
        raise EnvironmentLacks("precision 16-mixed needs a GPU; bf16-mixed runs without one")
    return accelerator


def trainer(settings: TrainingSettings, epochs: int) -> lightning.Trainer:
    """Lightning's trainer for so many epochs. Raises as :func:`rank`."""
    accelerator = _accelerator(settings)
    alone = settings.processes == 1
    options: dict[str, Any] = {"plugins": [LightningEnvironment()]} if alone else {}
    try:
        return lightning.Trainer(
            accelerator=accelerator,
            devices=settings.devices,
            num_nodes=settings.nodes,
            strategy="auto" if alone else "ddp",
            precision=settings.precision,  # type: ignore[arg-type]
            max_epochs=epochs,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            deterministic="warn",
            **options,
        )
    except (MisconfigurationException, RuntimeError, ValueError) as fault:
        raise EnvironmentLacks(
            f"{settings.nodes} x {settings.devices} devices: {' '.join(str(fault).split())}"
        ) from fault


def fit(module: lightning.LightningModule, settings: TrainingSettings, epochs: int) -> None:
    """Train for so many epochs, on all devices asked for.

    Raises:
        EnvironmentLacks: as :func:`rank`, or one of several processes is gone.
    """
    with quiet():
        lightning_trainer = trainer(settings, epochs)
        try:
            lightning_trainer.fit(module)
        except RuntimeError as fault:
            if settings.processes == 1:
                raise
            raise EnvironmentLacks(
                f"process {module.global_rank} of {settings.processes}: training broke off, most "
                f"likely since another process is gone ({' '.join(str(fault).split())[:200]}); "
                "--resume goes on from the last whole epoch"
            ) from fault
        finally:
            _end_others(lightning_trainer)


def _end_others(lightning_trainer: lightning.Trainer) -> None:
    """End the processes that Lightning started here; after a good end they are gone already."""
    started = getattr(lightning_trainer.strategy.launcher, "procs", [])
    if lightning_trainer.state.status != "finished":
        for process in started:
            process.send_signal(signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
    for process in started:
        process.wait()
    started.clear()
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


@contextmanager
def quiet() -> Iterator[None]:
    """Lightning without its banners; the environment and torch's choices put back as they were."""
    loggers = [logging.getLogger(n) for n in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    deterministic = torch.are_deterministic_algorithms_enabled()
    environment = dict(os.environ)
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        torch.use_deterministic_algorithms(deterministic)
        os.environ.clear()
        os.environ.update(environment)
