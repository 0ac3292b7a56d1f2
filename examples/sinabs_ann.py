"""sinabs' how-to "Training an ANN with fewer synops", with dynapdeploy's counter.

    python examples/sinabs_ann.py                       # digits of scikit-learn, seconds
    python examples/sinabs_ann.py --full --data mnist:PATH

The how-to's counter has a fan-out of 1 everywhere: what it calls 250k SynOps are 250k spikes per
sample. The example trains to the same figure and prints the SynOps beside it.
"""

from __future__ import annotations

import sinabs.layers as sl
import torch
from setting import canvas, images, save, setting, small_digits
from torch import nn

from dynapdeploy.synops import SynOpCounter

TARGET = 250_000.0
REFERENCE = {"random input": 57.2, "one digit": 197_927, "accuracy": 0.9195, "counter": 235_800.56}
"""Printed in the how-to."""


def build() -> nn.Sequential:
    """The how-to's net."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, bias=False),
        sl.NeuromorphicReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(16, 32, 5, bias=False),
        sl.NeuromorphicReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(32, 120, 4, bias=False),
        sl.NeuromorphicReLU(),
        nn.Flatten(),
        nn.Linear(120, 10, bias=False),
    )


def spikes(counter: SynOpCounter) -> torch.Tensor:
    """The how-to's figure: spikes per sample of all three layers, fan-out 1."""
    return sum(counter.spikes().values())


def figures(ann: nn.Module, x: torch.Tensor) -> dict[str, float]:
    """Spikes and SynOps per sample of ``ann`` on ``x``."""
    with SynOpCounter(ann, (1, 28, 28), accumulate=True) as counter, torch.no_grad():
        for part in x.split(1000):
            ann(part)
    return {
        "spikes": spikes(counter).item(),
        "nominal": counter.total("nominal-all", with_input=False).item(),
        "exact": counter.total("exact", with_input=False).item(),
    }


def main(argv=None) -> dict[str, float]:
    chosen = setting(__doc__, "mnist", argv)
    spec = chosen.data or small_digits(chosen.out / "digits")
    batch, epochs = (512, 2) if chosen.full else (64, 4)
    epochs = chosen.epochs or epochs
    torch.manual_seed(0)
    ann = build()
    random = figures(ann, torch.rand(5, 1, 28, 28))["spikes"]
    print(f"random input, batch 5: {random:.1f} (how-to: {REFERENCE['random input']}, unseeded)")
    x, y = images(spec, "train", chosen.limit)
    digit = figures(ann, x[:1])["spikes"]
    print(f"one digit, pixels 0..255: {digit:,.0f} (how-to: {REFERENCE['one digit']:,}, unseeded)")

    optimizer = torch.optim.Adam(ann.parameters(), lr=1e-3)
    losses: dict[str, list[float]] = {"Prediction": [], "Synops": []}
    with SynOpCounter(ann, (1, 28, 28)) as counter:
        for _ in range(epochs):
            for part in torch.randperm(len(x)).split(batch):
                prediction = nn.functional.cross_entropy(ann(x[part]), y[part])
                synops = (spikes(counter) - TARGET).square() / 1e7
                optimizer.zero_grad()
                (prediction + synops).backward()
                optimizer.step()
                losses["Prediction"].append(prediction.item())
                losses["Synops"].append(synops.item())

    x, y = images(spec, "test")
    with torch.no_grad():
        decisions = torch.cat([ann(part).argmax(1) for part in x.split(1000)])
    accuracy = (decisions == y).float().mean().item()
    found = figures(ann, x)
    print(f"test accuracy {accuracy:.4f} (how-to: {REFERENCE['accuracy']})")
    print(
        f"counter {found['spikes']:,.0f} (how-to: {REFERENCE['counter']:,}), target {TARGET:,.0f}"
    )
    print(f"in SynOps: {found['nominal']:,.0f} nominal, {found['exact']:,.0f} exact")
    figure, (axes,) = canvas()
    for name, values in losses.items():
        axes.semilogy(values, label=name)
    axes.set_xlabel("training step")
    axes.set_ylabel("loss")
    axes.legend()
    save(figure, chosen.out / "losses.png")
    return {"accuracy": accuracy, "random": random, "digit": digit, **found}


if __name__ == "__main__":
    main()
