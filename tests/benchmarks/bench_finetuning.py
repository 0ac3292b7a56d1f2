"""The second stage of training against its alternatives, from the same QReLU net, in one run.

    PYTHONPATH=. python tests/benchmarks/bench_finetuning.py nmnist:PATH [--target N] [--epochs N]

Every row is what the emulator decides of the test split with the image made of the weights.
A trained threshold is no alternative: an image depends on the ratio of weights and threshold alone.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import numpy as np
import sinabs
import sinabs.layers as sl
import torch
from torch import nn
from torch.nn import functional

from dynapdeploy.chip.image import ChipImage
from dynapdeploy.data import open_dataset
from dynapdeploy.data.coding import encode
from dynapdeploy.data.frames import time_frames
from dynapdeploy.training import finetune as stage
from dynapdeploy.training.accuracy import accuracy
from dynapdeploy.training.emulated import chip_image, spike_counts
from dynapdeploy.training.finetune import backward
from dynapdeploy.training.moves import moved_events, pixel_maps
from dynapdeploy.training.qrelu import QReLU
from dynapdeploy.training.run import TrainingRun
from dynapdeploy.training.settings import TrainingSettings
from dynapdeploy.training.step import step_order
from dynapdeploy.training.synop_loss import meter
from dynapdeploy.training.trainer import train
from dynapdeploy.training.weight_grid import WeightGrid

STEP_US = 10_000
BATCH = 32


class Split:
    """Events and labels of one split, in the coding of the run's net."""

    def __init__(self, run: TrainingRun, name: str):
        dataset = open_dataset(run.data, name)
        samples = [dataset[index] for index in range(len(dataset))]
        self.shape, self.reach = run.input_shape, run.settings.recipe.reach
        self.events = [encode(sample, run.coding, self.shape) for sample in samples]
        self.labels = np.array([sample.label for sample in samples])

    def __call__(self, chosen, random: np.random.Generator) -> list[np.ndarray]:
        maps = pixel_maps(self.reach, self.shape[1:], len(chosen), random)
        return [
            moved_events(self.events[i], places, self.shape)
            for i, places in zip(chosen, maps, strict=True)
        ]


def bounded(image: ChipImage, bound: float | None) -> ChipImage:
    """The image with every lower bound at ``-bound`` thresholds."""
    if bound is None:
        return image
    cores = (
        dataclasses.replace(core, threshold_low=-max(1, round(bound * core.threshold_high)))
        for core in image.cores
    )
    return dataclasses.replace(image, cores=tuple(cores))


@contextmanager
def instead(name: str, value) -> Iterator[None]:
    """Inside, fine-tuning has ``value`` under that name."""
    before = getattr(stage, name)
    setattr(stage, name, value)
    try:
        yield
    finally:
        setattr(stage, name, before)


def lower_bound(bound: float):
    """Inside, fine-tuning emulates images with that lower bound."""
    return instead(
        "spike_counts", lambda image, events: spike_counts(bounded(image, bound), events)
    )


def whole_counts():
    """Inside, the gradient is that of convolved counts."""
    return instead("backward", lambda loss, layers, late: backward(loss, layers, 1.0))


@contextmanager
def free_weights() -> Iterator[None]:
    """Inside, fine-tuning lets weights be larger than the threshold."""
    clip = WeightGrid.clip
    WeightGrid.clip = lambda grid: None
    try:
        yield
    finally:
        WeightGrid.clip = clip


def on_the_emulator(
    run: TrainingRun, split: Split, epochs: int, changed: AbstractContextManager[None]
) -> nn.Sequential:
    """Fine-tuned as ``train`` does it, but for what is ``changed``."""
    model = copy.deepcopy(run.module)
    with changed:
        stage.finetune(
            model,
            meter(model, run.input_shape),
            split,
            split.labels,
            run.input_shape,
            epochs=epochs,
            batch=run.settings.recipe.batch,
            samples_per_epoch=len(split.labels),
            seed=run.settings.seed,
            temperature=run.settings.recipe.temperature,
            target=run.metrics["target_synops"],
            penalty=run.settings.penalty,
        )
    return model


def through_time(run: TrainingRun, split: Split, epochs: int, steps: int = 31) -> nn.Sequential:
    """Backpropagation through sinabs' time steps of 10 ms, with the same target and penalty."""
    model = copy.deepcopy(run.module)
    source = meter(model, run.input_shape)
    fanouts = [layer.fanout for layer in source.layers.values()]
    spiking = nn.Sequential(
        *[sl.IAFSqueeze(batch_size=BATCH, spike_threshold=torch.tensor(1.0))
          if isinstance(m, QReLU) else m for m in model]
    )  # fmt: skip
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    target, random = run.metrics["target_synops"], np.random.default_rng(0)
    for epoch in range(epochs):
        order = step_order(run.settings.seed, epoch, len(split.labels)).tolist()
        for first in range(0, len(order) - BATCH + 1, BATCH):
            chosen = order[first : first + BATCH]
            frames = [
                time_frames(e[e["t"] < steps * STEP_US], run.input_shape, STEP_US, start_us=0,
                            steps=steps)
                for e in split(chosen, random)
            ]  # fmt: skip
            x = torch.from_numpy(np.stack(frames)).flatten(0, 1)
            sinabs.reset_states(spiking)
            synops, left = source.input_synops(x) * steps, iter(fanouts)
            for module in spiking:
                x = module(x)
                fanout = next(left, None) if isinstance(module, sl.IAFSqueeze) else None
                if fanout is not None:
                    synops = synops + (x.sum(0) * fanout.reshape(x.shape[1:])).sum() / BATCH
            output = x.reshape(BATCH, steps, -1).sum(1)
            y = torch.as_tensor(split.labels[chosen])
            loss = functional.cross_entropy(output * run.settings.recipe.temperature, y)
            loss = loss + run.settings.penalty * ((synops - target) / target).square()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model


def main() -> None:
    """Print one row per alternative."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--target", type=float, default=600_000)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--through-time", type=int, default=8, help="epochs of the last row")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    settings = TrainingSettings(
        data=chosen.data, model="mnist_dvs", target_synops=chosen.target, seed=chosen.seed,
        finetune=False,
    )  # fmt: skip
    seen: list[float] = []

    def progress(stage_name: str, done: int, total: int, text: str) -> None:
        if stage_name == "training":
            seen.append(time.process_time())

    with tempfile.TemporaryDirectory() as folder:
        run = train(settings, folder, progress=progress)
    torch.set_num_threads(1)
    training, test = Split(run, "train"), Split(run, "test")
    qrelu = run.metrics["stages"]["qrelu"]
    epoch = (seen[-1] - seen[0]) / settings.recipe.epochs
    print(f"QReLU net: {qrelu['accuracy']:.1%}, {qrelu['synops_per_sample']:,.0f} SynOps")
    print(f"an epoch of it: {epoch:.2f} s of processor time")

    def row(name: str, tune: Callable[[], nn.Sequential], epochs: int, bound=None) -> None:
        start = time.process_time()
        model = tune()
        taken = time.process_time() - start
        counts = spike_counts(
            bounded(chip_image(model, run.input_shape), bound), test.events, layers=False
        )
        print(
            f"{name}: {accuracy(counts.output, test.labels):.1%}, "
            f"{counts.synops.mean():,.0f} SynOps, {taken / max(1, epochs) / epoch:.1f} epochs of "
            "the QReLU net for each of its own",
            flush=True,
        )

    def emulator(changed: AbstractContextManager[None]) -> Callable[[], nn.Sequential]:
        return lambda: on_the_emulator(run, training, chosen.epochs, changed)

    row("none", lambda: run.module, 0)
    row("emulator in the loop", emulator(nullcontext()), chosen.epochs)
    row("the same, labels alone", emulator(instead("TEACHER", 0.0)), chosen.epochs)
    row("the same, gradient of convolved counts", emulator(whole_counts()), chosen.epochs)
    row("the same, weights of any size", emulator(free_weights()), chosen.epochs)
    for bound in (1.0, 4.0):
        name = f"the same, lower bound at -{bound:g} thresholds"
        row(name, emulator(lower_bound(bound)), chosen.epochs, bound)
    row(
        "backpropagation through time steps of sinabs",
        lambda: through_time(run, training, chosen.through_time),
        chosen.through_time,
    )


if __name__ == "__main__":
    main()
