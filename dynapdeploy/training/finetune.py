"""Fine-tuning with the emulator in the loop: the net learns what the chip does with it.

A QReLU net does not survive the chip's dynamics: spikes come one by one and are never taken back,
so a neuron that fires before its inhibition arrives has fired; weights have 8 bits. Here the
forward pass *is* the chip: each layer's activation is the spike count that the emulator gives for
the quantized net on the recording itself. Backward, the gradient runs through the events one by
one (:mod:`dynapdeploy.training.spike_gradient`). Rounding of the weights is passed straight
through. SynOps are those of the counts, so the SynOp loss sees what the chip would spend.

That gradient sees one maximum of each membrane state at a time. Most nets learn much faster by it;
in some, each step lowers the maximum that was and raises others, and they fire ever more. A net
that goes astray is taken back to its best epoch and goes on with the gradient of whole counts.

Half of the prediction loss is the distance from the labels, half that from what the QReLU net
answered for the same sample before it was tuned (distillation, Hinton et al. 2015, the net its own
teacher). That keeps the net near the one that it came from: fewer go astray, and the QReLU net's
estimate stays nearer to the chip.

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

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional

from dynapdeploy.chip.image import ChipImage
from dynapdeploy.errors import SourceError, TrainingFailed
from dynapdeploy.events import Shape
from dynapdeploy.training.emulated import SpikeCounts, spike_counts
from dynapdeploy.training.qrelu import QReLU
from dynapdeploy.training.spike_gradient import Layer, by_kernels
from dynapdeploy.training.step import epoch_seed, step_order
from dynapdeploy.training.synop_loss import SynOpMeter
from dynapdeploy.training.weight_grid import WeightGrid

LEARNING_RATE = 3e-3
"""Of Adam at the first step; half a cosine down to 0."""
TEACHER = 0.5
"""Share of the prediction loss that asks for the answers of the QReLU net before tuning."""
ESTIMATE = 2.0
"""Weight of the error of the QReLU net's SynOps beside that of the target."""
NEAR = 0.2
"""Relative distance from the target within which that error counts; the target comes first."""
MULTIPLIER_GAIN = 36.0
"""Growth of the multiplier over all steps, per unit of relative distance from the target."""
MULTIPLIER_STEP = 0.1
"""The most it grows in one step, per unit; short runs would overshoot otherwise."""
ASTRAY = 1.4
"""An epoch whose loss is so many times the best one's has gone astray."""


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
    start = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    multiplier, late = 0.0, 0.0
    best, kept = float("inf"), grid.keep()
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
            image = grid.chip_image()
            counts = spike_counts(image, events)
            y = torch.as_tensor(labels[chosen])
            x = input_counts(events, input_shape)
            layers = passed(model, image, x, events, counts)
            output, synops = emulated(model, meter, x, layers)
            decided = functional.log_softmax(output * temperature, 1)
            with torch.no_grad():
                wanted = functional.softmax(functional_call(model, start, (x,)) * temperature, 1)
            labelled = functional.nll_loss(decided, y)
            prediction = (1 - TEACHER) * labelled - TEACHER * (wanted * decided).sum(1).mean()
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
            backward(loss, list(layers.values()), late)
            optimizer.step()
            grid.clip()
            distance = float(above.detach())
            if penalty:
                rate = min(MULTIPLIER_STEP, MULTIPLIER_GAIN / (epochs * steps))
                multiplier = max(0.0, multiplier + rate * distance)
            right = float((torch.from_numpy(counts.output).argmax(1) == y).float().mean())
            figures = [float(labelled.detach()), distance**2, right, counts.synops.mean()]
            sums += np.array(figures) * len(y)
            if on_step:
                on_step(epoch * steps + step + 1, epochs * steps)
        row = TuningEpoch(epoch + 1, *(sums / used).tolist())
        if on_epoch:
            on_epoch(row)
        found = _loss_of(row, target, penalty)
        if found < best:
            best, kept = found, grid.keep()
        elif found > ASTRAY * best and late == 0:
            grid.restore(kept)
            late, optimizer = 1.0, torch.optim.Adam(model.parameters(), learning_rate)


def _loss_of(row: TuningEpoch, target: float | None, penalty: float) -> float:
    """Of an epoch; few SynOps are no fault."""
    above = max(0.0, row.synops / target - 1) if target else 0.0
    return row.prediction_loss + penalty * above**2


def passed(
    model: nn.Sequential,
    image: ChipImage,
    x: torch.Tensor,
    recordings: Sequence[np.ndarray],
    counts: SpikeCounts,
) -> dict[str, Layer]:
    """What every weighted layer took and fired, by name.

    Args:
        image: of ``model``.
        x: float32 ``[n, c, h, w]``, input events per place.
        recordings: the same events one by one, as they enter.
        counts: what the image makes of them.
    """
    cores = {core.name: core for core in image.cores}
    found: dict[str, Layer] = {}
    arriving, pooling, last = recordings, 1, _last_weighted(model)
    for name, module in model.named_children():
        if isinstance(module, nn.Conv2d | nn.Linear):
            if name not in cores:
                raise SourceError(f"layer {name}: no core runs it, known are {', '.join(cores)}")
            core, fired = cores[name], torch.from_numpy(counts.layers[name])
            with torch.no_grad():
                x = module(x).reshape(fired.shape)
            found[name] = Layer(
                kernel=module.weight.reshape(core.weights.shape) / pooling**2,
                arriving=arriving,
                fired=counts.spikes[name],
                counts=fired,
                wakes=(fired == 0) & ((x > 0) | (name == last)),
                pooling=pooling,
                stride=core.stride,
                padding=core.padding,
            )
            x, arriving, pooling = fired, counts.spikes[name], core.destinations[0].pooling
        elif isinstance(module, QReLU):
            if not found:
                raise SourceError(
                    f"layer {name}: a QReLU before the first weights cannot be fine-tuned"
                )
        else:
            x = module(x)
    return found


def emulated(
    model: nn.Sequential, meter: SynOpMeter, x: torch.Tensor, layers: Mapping[str, Layer]
) -> tuple[torch.Tensor, torch.Tensor]:
    """The output counts ``[n, classes]``, and the SynOps per sample, mean over the samples.

    Both with a gradient by the counts of the layers.
    """
    synops, counts = meter.input_synops(x), x
    for name, module in model.named_children():
        if name in layers:
            counts = layers[name].counts.requires_grad_()
        if isinstance(module, QReLU) and module.fanout is not None:
            fanout = module.fanout.reshape(counts.shape[1:])
            synops = synops + (counts.sum(0) * fanout).sum() / len(x)
    return counts.flatten(1), synops


def backward(loss: torch.Tensor, layers: Sequence[Layer], late: float = 0.0) -> None:
    """Give every weight its gradient, through the spikes and by whatever else ``loss`` hangs on."""
    counts = [layer.counts for layer in layers]
    found = torch.autograd.grad(
        loss, counts, retain_graph=True, allow_unused=True, materialize_grads=True
    )
    torch.autograd.backward(
        [loss, *(layer.kernel for layer in layers)],
        [torch.ones_like(loss), *by_kernels(layers, found, late)],
    )


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
