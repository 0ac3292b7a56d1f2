"""Time of a training step with QReLU and SynOp loss against the same net with plain ReLU.

Steps of both alternate in one run; the ratio of the medians is printed.

    PYTHONPATH=. python tests/benchmarks/bench_training_step.py [--rounds N] [--threads N]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

from dynapdeploy.training.models import build
from dynapdeploy.training.qrelu import QReLU
from dynapdeploy.training.synop_loss import meter, synop_loss

SIZES = ((34, 32), (64, 256))
"""Height and width of the map, samples per batch."""


def plain_step(size: int, x: torch.Tensor, y: torch.Tensor) -> Callable[[], None]:
    """A step of the net with ReLUs and cross entropy."""
    torch.manual_seed(0)
    layers = build("mnist_dvs", (1, size, size))
    model = nn.Sequential(*[nn.ReLU() if isinstance(m, QReLU) else m for m in layers])
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)

    def step() -> None:
        optimizer.zero_grad()
        functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    return step


def frugal_step(size: int, x: torch.Tensor, y: torch.Tensor) -> Callable[[], None]:
    """A step of the net with QReLUs and SynOp loss."""
    torch.manual_seed(0)
    model = build("mnist_dvs", (1, size, size))
    counter = meter(model, (1, size, size))
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)

    def step() -> None:
        optimizer.zero_grad()
        prediction = functional.cross_entropy(model(x), y)
        (prediction + 3 * synop_loss(counter.total(x), 6e5)).backward()
        optimizer.step()

    return step


def main() -> None:
    """Print one line per size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    for size, batch in SIZES:
        x = torch.poisson(torch.full((batch, 1, size, size), 1.0))
        y = torch.arange(batch) % 10
        steps = [plain_step(size, x, y), frugal_step(size, x, y)]
        times: list[list[float]] = [[], []]
        for number in range(chosen.rounds + 2):
            for step, taken in zip(steps, times, strict=True):
                start = time.process_time()
                step()
                if number >= 2:
                    taken.append(time.process_time() - start)
        plain, frugal = (statistics.median(taken) for taken in times)
        print(
            f"{size}x{size}, batch {batch}: ReLU {plain * 1e3:.1f} ms, QReLU and SynOp loss "
            f"{frugal * 1e3:.1f} ms, ratio {frugal / plain:.2f}"
        )


if __name__ == "__main__":
    main()
