"""The training loop of a QReLU net, run by Lightning."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import lightning
import numpy as np
import torch
from torch import nn
from torch.nn import functional

from dynapdeploy.errors import EnvironmentLacks, TrainingFailed
from dynapdeploy.training.metrics import EpochMetrics
from dynapdeploy.training.models import Recipe
from dynapdeploy.training.moves import moved_frames, pixel_maps
from dynapdeploy.training.samples import Samples
from dynapdeploy.training.step import epoch_seed, learning_rate, outputs, step_order
from dynapdeploy.training.synop_loss import SynOpMeter, synop_loss
from dynapdeploy.training.target import annealed
from dynapdeploy.training.weight_grid import WeightGrid

OnEpoch = Callable[[EpochMetrics], None]
OnStep = Callable[[int, int], None]


class QReLUTraining(lightning.LightningModule):
    """One run of the loop, from ``start_epoch`` (0 for a fresh one) to the recipe's last epoch.

    Args:
        model, meter: the net and what counts its SynOps.
        samples: all training samples.
        recipe: epochs, batch, learning rate and the like.
        seed: of order, moves and dropout, with the number of the epoch.
        target: SynOps per sample, None for no SynOp loss.
        untrained: SynOps per sample before training, where the annealed target starts.
        penalty: factor of the SynOp loss.
        start_epoch: epochs that are done.
        on_epoch: called after each epoch; test figures are filled in there.
        on_step: called with the number of steps done and of all.
        grid: compute with the weights that quantization makes, and pass their gradients straight
            through; None: with the weights as they are.
    """

    def __init__(
        self,
        model: nn.Sequential,
        meter: SynOpMeter,
        samples: Samples,
        recipe: Recipe,
        *,
        seed: int,
        target: float | None,
        untrained: float,
        penalty: float,
        start_epoch: int,
        on_epoch: OnEpoch,
        on_step: OnStep,
        optimizer: torch.optim.Optimizer,
        grid: WeightGrid | None = None,
    ):
        super().__init__()
        self.model = model
        self.meter, self.samples, self.recipe = meter, samples, recipe
        self.seed, self.target, self.untrained, self.penalty = seed, target, untrained, penalty
        self.start_epoch, self.on_epoch, self.on_step = start_epoch, on_epoch, on_step
        self.optimizer, self.grid = optimizer, grid
        self.kept: list[torch.Tensor] = []
        self.steps = math.ceil(len(samples) / recipe.batch)

    @property
    def epoch(self) -> int:
        """Number of the running epoch, from 0, counted over all resumptions."""
        return self.start_epoch + self.current_epoch

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return self.optimizer

    def train_dataloader(self) -> range:
        return range(self.steps)

    def on_train_epoch_start(self) -> None:
        self.model.train()
        self.samples = self.samples.to(self.device)
        torch.manual_seed(epoch_seed(self.seed, self.epoch))
        self.random = np.random.default_rng(epoch_seed(self.seed, self.epoch))
        self.order = step_order(self.seed, self.epoch, len(self.samples)).to(self.device)
        self.sums = dict.fromkeys(("loss", "prediction", "synop", "right", "synops"), 0.0)

    def training_step(self, batch: int, step: int) -> torch.Tensor:
        done = self.epoch * self.steps + step
        share = done / (self.recipe.epochs * self.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.recipe.learning_rate, share)
        chosen = self.order[step * self.recipe.batch : (step + 1) * self.recipe.batch]
        x, y = self._moved(self.samples.x[chosen]), self.samples.y[chosen]
        if self.grid is not None:
            self.kept = self.grid.keep()
            self.grid.snap()
        output = outputs(self.model, x, rounded=self.target is None)
        prediction = functional.cross_entropy(output * self.recipe.temperature, y)
        synops = self.meter.total(x)
        self.now = None if self.target is None else annealed(self.target, self.untrained, share)
        penalty = prediction.new_zeros(()) if self.now is None else synop_loss(synops, self.now)
        loss = prediction + self.penalty * penalty
        self._note(len(y), loss, prediction, penalty, synops, (output.argmax(1) == y).sum())
        if not math.isfinite(self.last_loss):
            raise TrainingFailed(
                f"epoch {self.epoch + 1}, step {step + 1}: the loss is {self.last_loss} "
                f"(prediction {float(prediction):g}, SynOps {float(synops):g}); "
                f"most likely the learning rate of {self.recipe.learning_rate:g} is too high. "
                "The checkpoint of the last whole epoch is kept"
            )
        self.on_step(done + 1, self.recipe.epochs * self.steps)
        return loss

    def on_after_backward(self) -> None:
        if self.grid is not None:
            self.grid.restore(self.kept)

    def on_train_epoch_end(self) -> None:
        count = len(self.samples)
        self.on_epoch(
            EpochMetrics(
                stage="qrelu",
                epoch=self.epoch + 1,
                loss=self.sums["loss"] / count,
                prediction_loss=self.sums["prediction"] / count,
                synop_loss=self.sums["synop"] / count,
                target_synops=self.now,
                train_accuracy=self.sums["right"] / count,
                train_synops=self.sums["synops"] / count,
            )
        )

    def _moved(self, x: torch.Tensor) -> torch.Tensor:
        reach = self.recipe.reach
        if not reach:
            return x
        return moved_frames(x, pixel_maps(reach, (x.shape[2], x.shape[3]), len(x), self.random))

    def _note(self, count: int, *values: torch.Tensor) -> None:
        numbers = torch.stack([v.detach().float() for v in values]).tolist()
        self.last_loss = numbers[0]
        for name, number in zip(("loss", "prediction", "synop", "synops"), numbers, strict=False):
            self.sums[name] += number * count
        self.sums["right"] += numbers[4]


def fit(training: QReLUTraining, accelerator: str = "auto") -> None:
    """Run the loop to its end.

    Raises:
        TrainingFailed: the loss is not a number any more.
        EnvironmentLacks: a GPU was asked for and there is none.
    """
    left = training.recipe.epochs - training.start_epoch
    if left < 1:
        return
    with _quiet():
        trainer = lightning.Trainer(
            accelerator=lightning_accelerator(accelerator),
            devices=1,
            max_epochs=left,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            deterministic="warn",
        )
        trainer.fit(training)


def lightning_accelerator(name: str) -> str:
    """Lightning's name for a choice of ours. Raises ``EnvironmentLacks`` without a GPU."""
    present = torch.cuda.is_available() or torch.backends.mps.is_available()
    if name == "gpu" and not present:
        raise EnvironmentLacks("accelerator gpu: torch finds no GPU on this machine")
    return "gpu" if present and name != "cpu" else "cpu"


@contextmanager
def _quiet() -> Iterator[None]:
    """Lightning without its banners, and torch's global choices put back as they were."""
    loggers = [logging.getLogger(n) for n in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    deterministic = torch.are_deterministic_algorithms_enabled()
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
