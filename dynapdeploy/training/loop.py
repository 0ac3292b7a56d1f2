"""The training loop of a QReLU net, run by Lightning.

With several processes each takes its share of every batch. Loss, accuracy and SynOps are those of
the whole batch in each of them: the SynOp loss is no mean over samples, so averaging the gradients
of each share's own loss would train for something else. The order of the data and its moves are
those of one process; a run differs from that of one process by dropout and by rounding only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import lightning
import numpy as np
import torch
from torch import nn
from torch.nn import functional

from dynapdeploy.errors import TrainingFailed
from dynapdeploy.training import machine
from dynapdeploy.training.metrics import EpochMetrics
from dynapdeploy.training.models import Recipe
from dynapdeploy.training.moves import moved_frames, pixel_maps
from dynapdeploy.training.samples import Samples
from dynapdeploy.training.settings import TrainingSettings
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
        on_epoch: called after each epoch, in the first process; test figures are filled in there.
        on_step: called with the number of steps done and of all.
        grid: compute with the weights that quantization makes, and pass their gradients straight
            through; None: with the weights as they are.
        scaler: state of the loss scaling of 16-mixed, as :meth:`scaler` gave it; empty at the start
            and for every other precision.
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
        scaler: Mapping[str, Any] | None = None,
    ):
        super().__init__()
        self.model = model
        self.meter, self.samples, self.recipe = meter, samples, recipe
        self.seed, self.target, self.untrained, self.penalty = seed, target, untrained, penalty
        self.start_epoch, self.on_epoch, self.on_step = start_epoch, on_epoch, on_step
        self.optimizer, self.grid, self.first_scaler = optimizer, grid, scaler
        self.kept: list[torch.Tensor] = []
        self.steps = math.ceil(len(samples) / recipe.batch)

    @property
    def epoch(self) -> int:
        """Number of the running epoch, from 0, counted over all resumptions."""
        return self.start_epoch + self.current_epoch

    def scaler(self) -> dict[str, Any]:
        """State of the loss scaling of 16-mixed; empty for every other precision."""
        return dict(self.trainer.precision_plugin.state_dict())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return self.optimizer

    def train_dataloader(self) -> range:
        return range(self.steps)

    def setup(self, stage: str) -> None:
        torch.set_num_threads(self.recipe.threads)
        if self.first_scaler:
            self.trainer.precision_plugin.load_state_dict(dict(self.first_scaler))

    def on_train_epoch_start(self) -> None:
        self.model.train()
        self.samples = self.samples.to(self.device)
        torch.manual_seed(epoch_seed(self.seed, self.epoch) + self.global_rank)
        self.random = np.random.default_rng(epoch_seed(self.seed, self.epoch))
        self.order = step_order(self.seed, self.epoch, len(self.samples)).to(self.device)
        self.sums = dict.fromkeys(("loss", "prediction", "synop", "right", "synops"), 0.0)

    def training_step(self, _: int, step: int) -> torch.Tensor:
        done = self.epoch * self.steps + step
        share = done / (self.recipe.epochs * self.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.recipe.learning_rate, share)
        batch = self.order[step * self.recipe.batch : (step + 1) * self.recipe.batch]
        part, weight = self._part(len(batch))
        x = self._moved(self.samples.x[batch[part]], len(batch), part)
        y = self.samples.y[batch[part]]
        if self.grid is not None:
            self.kept = self.grid.keep()
            self.grid.snap()
        output = outputs(self.model, x, rounded=self.target is None).float()
        prediction = functional.cross_entropy(output * self.recipe.temperature, y)
        prediction, synops, right = self._of_batch(
            weight, prediction, self.meter.total(x), (output.argmax(1) == y).sum()
        )
        self.now = None if self.target is None else annealed(self.target, self.untrained, share)
        penalty = prediction.new_zeros(()) if self.now is None else synop_loss(synops, self.now)
        loss = prediction + self.penalty * penalty
        self._note(len(batch), loss, prediction, penalty, synops, right)
        if not math.isfinite(self.last_loss):
            kept = "the checkpoint of the last whole epoch is kept"
            raise TrainingFailed(
                f"epoch {self.epoch + 1}, step {step + 1}: the loss is {self.last_loss} "
                f"(prediction {float(prediction):g}, SynOps {float(synops):g}); "
                f"most likely the learning rate of {self.recipe.learning_rate:g} is too high; "
                f"{kept if self.epoch else 'there is no checkpoint yet'}"
            )
        self.on_step(done + 1, self.recipe.epochs * self.steps)
        return loss

    def on_after_backward(self) -> None:
        if self.grid is not None:
            self.grid.restore(self.kept)

    def on_train_epoch_end(self) -> None:
        if self.global_rank:
            return
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

    def _part(self, count: int) -> tuple[slice, float]:
        """This process' places in a batch of ``count``, and their share of it.

        Where there are fewer samples than processes, the others take the first with share 0, since
        all must take part in a step.
        """
        if self.global_rank >= count:
            return slice(0, 1), 0.0
        part = slice(self.global_rank, count, self.trainer.world_size)
        return part, len(range(count)[part]) / count

    def _of_batch(self, weight: float, *values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Two means and a count over this process' samples as those over the whole batch.

        Their gradients, averaged over the processes as DDP does, are those of the whole batch.
        """
        count = self.trainer.world_size
        if count == 1:
            return values
        weights = values[0].new_tensor([weight, weight, weight > 0])
        own = torch.stack([v.float() for v in values]) * weights
        whole = own.detach().clone()
        torch.distributed.all_reduce(whole)
        return (whole + count * (own - own.detach())).unbind()

    def _moved(self, x: torch.Tensor, count: int, part: slice) -> torch.Tensor:
        """``x``, the ``part`` of a batch of ``count``, moved as that batch is as a whole."""
        reach = self.recipe.reach
        if not reach:
            return x
        maps = pixel_maps(reach, (x.shape[2], x.shape[3]), count, self.random)
        return moved_frames(x, maps[part])

    def _note(self, count: int, *values: torch.Tensor) -> None:
        numbers = torch.stack([v.detach().float() for v in values]).tolist()
        self.last_loss = numbers[0]
        for name, number in zip(("loss", "prediction", "synop", "synops"), numbers, strict=False):
            self.sums[name] += number * count
        self.sums["right"] += numbers[4]


def fit(training: QReLUTraining, settings: TrainingSettings) -> None:
    """Run the loop to its end.

    Raises:
        TrainingFailed: the loss is not a number any more.
        EnvironmentLacks: as :func:`dynapdeploy.training.machine.fit`.
    """
    left = training.recipe.epochs - training.start_epoch
    if left > 0:
        machine.fit(training, settings, left)
