"""Fine-tuning with the emulator in the loop: the net learns what the chip does with it.

A QReLU net does not survive the chip's dynamics: spikes come one by one and are never taken back,
so a neuron that fires before its inhibition arrives has fired; weights have 8 bits. Here the
forward pass *is* the chip: each layer's activation is the spike count that the emulator gives for
the quantized net on the recording itself. Backward, each layer is taken for the QReLU of its
convolution of the counts before it: the gradient passes where that sum is positive and also where
the chip fired although it is not. Rounding of the weights is passed straight through. SynOps are
those of the counts, so the SynOp loss sees what the chip would spend.

After each step no weight is larger than the threshold: what it would leave above the threshold
stays silent until that neuron's next event, and no QReLU knows of it.

The SynOp loss alone settles where its pull and that of the prediction loss are equal, above the
target. A multiplier ``m >= 0`` that grows while the net is above the target closes the gap (the
method of multipliers). The SynOps that the QReLU net would have with the same weights are held to
the chip's, so that its estimate stays true for what is deployed. The loss is
``prediction + penalty * (r**2 + ESTIMATE * e**2) + m * r`` with ``r = (SynOps - target) / target``
and ``e = (QReLU's SynOps - SynOps) / SynOps`` (0 far from the target), and after each step ``m``
grows by ``MULTIPLIER_GAIN * r`` over the number of steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from dynapdeploy.errors import SourceError, TrainingFailed
from dynapdeploy.events import Shape
from dynapdeploy.training.emulated import SpikeCounts, spike_counts
from dynapdeploy.training.qrelu import QReLU
from dynapdeploy.training.step import epoch_seed, step_order
from dynapdeploy.training.synop_loss import SynOpMeter
from dynapdeploy.training.weight_grid import WeightGrid

LEARNING_RATE = 1e-2
"""Of Adam at the first step; half a cosine down to 0."""
ESTIMATE = 2.0
"""Weight of the error of the QReLU net's SynOps beside that of the target."""
NEAR = 0.2
"""Relative distance from the target within which that error counts; the target comes first."""
MULTIPLIER_GAIN = 36.0
"""Growth of the multiplier over all steps, per unit of relative distance from the target."""
MULTIPLIER_STEP = 0.1
"""The most it grows in one step, per unit; short runs would overshoot otherwise."""


@dataclass(frozen=True)
class TuningEpoch:
    """Means over one epoch of fine-tuning, measured in the emulator while the weights moved."""

    epoch: int
    prediction_loss: float
    synop_loss: float
    accuracy: float
    synops: float


def finetune(
    model: nn.Sequential,
    meter: SynOpMeter,
    recordings: Callable[[Sequence[int], np.random.Generator], list[np.ndarray]],
    labels: np.ndarray,
    input_shape: Shape,
    *,
    epochs: int,
    batch: int,
    samples_per_epoch: int,
    seed: int,
    temperature: float,
    target: float | None,
    penalty: float,
    learning_rate: float = LEARNING_RATE,
    on_epoch: Callable[[TuningEpoch], None] | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> None:
    """Fine-tune ``model`` in place.

    Args:
        meter: of ``model``; its fan-outs price the counts.
        recordings: events of the samples with these indices, moved about at random if so wished.
        labels: int ``[n]``, of all training samples.
        input_shape: ``(c, h, w)``.
        samples_per_epoch: at most so many, drawn anew for each epoch.
        target: SynOps per sample, None for no SynOp loss.

    Raises:
        TrainingFailed: the loss is not a number any more.
        CheckFailed: no chip of the family runs such a net.
    """
    model.eval()
    grid = WeightGrid(model, input_shape)
    multiplier = 0.0
    optimizer = torch.optim.Adam(model.parameters(), learning_rate)
    used = min(samples_per_epoch, len(labels))
    steps = -(-used // batch)
    for epoch in range(epochs):
        order = step_order(seed, 10**6 + epoch, len(labels))[:used].tolist()
        random = np.random.default_rng(epoch_seed(seed, 10**6 + epoch))
        sums = np.zeros(4)
        for step in range(steps):
            share = (epoch * steps + step) / (epochs * steps)
            for group in optimizer.param_groups:
                group["lr"] = learning_rate * 0.5 * (1 + np.cos(np.pi * share))
            chosen = order[step * batch : (step + 1) * batch]
            events = recordings(chosen, random)
            counts = spike_counts(grid.chip_image(), events)
            y = torch.as_tensor(labels[chosen])
            x = input_counts(events, input_shape)
            output, synops = imposed(model, meter, x, counts)
            prediction = functional.cross_entropy(output * temperature, y)
            above = (synops - target) / target if target else prediction.new_zeros(())
            loss = prediction + penalty * above.square() + multiplier * above
            if penalty and abs(float(above.detach())) < NEAR:
                loss = loss + penalty * ESTIMATE * _misjudged(model, meter, x, synops).square()
            if not torch.isfinite(loss):
                raise TrainingFailed(
                    f"fine-tuning epoch {epoch + 1}, step {step + 1}: the loss is {float(loss)}; "
                    f"most likely the learning rate of {learning_rate:g} is too high"
                )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            grid.clip()
            distance = float(above.detach())
            if penalty:
                rate = min(MULTIPLIER_STEP, MULTIPLIER_GAIN / (epochs * steps))
                multiplier = max(0.0, multiplier + rate * distance)
            right = float((torch.from_numpy(counts.output).argmax(1) == y).float().mean())
            figures = [float(prediction.detach()), distance**2, right, counts.synops.mean()]
            sums += np.array(figures) * len(y)
            if on_step:
                on_step(epoch * steps + step + 1, epochs * steps)
        if on_epoch:
            on_epoch(TuningEpoch(epoch + 1, *(sums / used).tolist()))


def imposed(
    model: nn.Sequential, meter: SynOpMeter, x: torch.Tensor, counts: SpikeCounts
) -> tuple[torch.Tensor, torch.Tensor]:
    """Forward pass in which every layer puts out the emulator's counts.

    Args:
        x: ``[n, c, h, w]``, input events per place.
        counts: of the same recordings.

    Returns:
        The output counts ``[n, classes]``, with a gradient wherever they would have one without a
        ReLU, and the SynOps per sample, mean over the samples.
    """
    synops = meter.input_synops(x)
    fanouts = {layer: layer.fanout for layer in meter.layers.values()}
    weighted, last = None, _last_weighted(model)
    for name, module in model.named_children():
        if isinstance(module, nn.Conv2d | nn.Linear):
            x, weighted = module(x), name
            if name == last:
                x = _Imposed.apply(x, _like(counts, name, x), True)
        elif isinstance(module, QReLU):
            if weighted is None:
                raise SourceError(
                    f"layer {name}: a QReLU before the first weights cannot be fine-tuned"
                )
            if weighted != last:
                x = _Imposed.apply(x, _like(counts, weighted, x), False)
            fanout = fanouts.get(module)
            if fanout is not None:
                synops = synops + (x.sum(0) * fanout.reshape(x.shape[1:])).sum() / len(x)
        elif not isinstance(module, nn.Dropout | nn.Dropout2d):
            x = module(x)
    return x.flatten(1), synops


def _misjudged(
    model: nn.Sequential, meter: SynOpMeter, x: torch.Tensor, synops: torch.Tensor
) -> torch.Tensor:
    """By how much the QReLU net's SynOps differ from the chip's ``synops``, as a share of them."""
    model(x)
    chip = synops.detach()
    return (meter.total(x) - chip) / chip.clamp_min(1)


def input_counts(events: Sequence[np.ndarray], shape: Shape) -> torch.Tensor:
    """Events per place, float32 ``[n, c, h, w]``."""
    channels, height, width = shape
    frames = np.zeros((len(events), channels * height * width), np.float32)
    for frame, recording in zip(frames, events, strict=True):
        place = (recording["p"].astype(np.int64) * height + recording["y"]) * width + recording["x"]
        frame[:] = np.bincount(place, minlength=frame.size)
    return torch.from_numpy(frames.reshape(-1, channels, height, width))


def _last_weighted(model: nn.Sequential) -> str:
    return [n for n, m in model.named_children() if isinstance(m, nn.Conv2d | nn.Linear)][-1]


def _like(counts: SpikeCounts, name: str, x: torch.Tensor) -> torch.Tensor:
    if name not in counts.layers:
        raise SourceError(f"layer {name}: no core runs it, known are {', '.join(counts.layers)}")
    return torch.from_numpy(counts.layers[name]).reshape(x.shape)


class _Imposed(torch.autograd.Function):
    """Gives out ``counts``; gradient where ``z > 0`` or the chip fired; or everywhere."""

    @staticmethod
    def forward(ctx: Any, z: torch.Tensor, counts: torch.Tensor, everywhere: bool) -> torch.Tensor:
        ctx.everywhere = everywhere
        ctx.save_for_backward(z, counts)
        return counts.clone()

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor):
        z, counts = ctx.saved_tensors
        passed = grads[0] if ctx.everywhere else grads[0] * ((z > 0) | (counts > 0))
        return passed, None, None
