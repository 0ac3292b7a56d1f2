"""SynOpLoss' folder ``mnist_quant_only``: accuracy against the scale of the input.

    python examples/quantization_only.py
    python examples/quantization_only.py --full --data mnist:PATH

Two nets of the same shape, one trained with ReLU, one with activations rounded down to whole spikes
(QReLU), both at input scale 1, both tested with rounding at input scales 0.1 to 4.9, and at some of
them as spiking networks in time steps. No SynOp loss anywhere.
"""

from __future__ import annotations

import numpy as np
import torch
from setting import canvas, images, options, save, setting, small_digits
from torch import nn

from dynapdeploy.graph import read_torch
from dynapdeploy.synops.spiking import run_spiking, spiking_network
from dynapdeploy.training.architecture import quantizable
from dynapdeploy.training.models import build

SCALES = np.arange(0.1, 5.0, 0.2)
"""The folder's own."""
TIMED = (0.1, 0.5, 0.9, 2.5, 4.9)
"""Scales tested in time steps too."""
COUNTS = 1 / 255
"""Pixels from 0 to 1 at scale 1."""


def train(x: torch.Tensor, y: torch.Tensor, quantized: bool, epochs: int, batch: int) -> nn.Module:
    """The net of the tutorials, with ReLU or QReLU. The loss sees the sums before the last one."""
    torch.manual_seed(0)
    net = build("mnist")
    quantizable(net, quantized)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(epochs):
        for part in torch.randperm(len(x)).split(batch):
            output = net[:-1](x[part]) * 0.3
            loss = nn.functional.cross_entropy(output, y[part])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return net


@torch.no_grad()
def accuracy(net: nn.Module, x: torch.Tensor, y: torch.Tensor, quantized: bool) -> float:
    """Share decided rightly; without rounding any largest sum is a decision."""
    quantizable(net, quantized)
    last = net if quantized else net[:-1]
    output = torch.cat([last(part) for part in x.split(1000)])
    most = output.max(1, keepdim=True).values
    clear = ((output == most).sum(1) == 1) & ((most[:, 0] > 0) | (not quantized))
    return (clear & (output.argmax(1) == y)).float().mean().item()


def spiking(net: nn.Module, x: torch.Tensor, y: torch.Tensor, steps: int) -> float:
    """Accuracy in ``steps`` time steps of a constant current."""
    graph = read_torch(net, input_shape=(1, 28, 28))
    currents = ((image[None].expand(steps, -1, -1, -1).numpy() / steps) for image in x)
    samples = zip(currents, y.tolist(), strict=True)
    found = run_spiking(spiking_network(graph), graph, samples, with_input=False)
    return found.accuracy or 0.0


def main(argv=None) -> dict[str, dict[float, float]]:
    chosen = setting(options(__doc__, "quantization_only", "mnist"), argv)
    spec = chosen.data or small_digits(chosen.out / "digits")
    x, y = images(spec, "train", chosen.limit)
    test, labels = images(spec, "test")
    epochs = chosen.epochs or (2 if chosen.full else 4)
    batch = 128 if chosen.full else 32
    found: dict[str, dict[float, float]] = {"float": {}}
    steps, few = (100, 200) if chosen.full else (20, 25)
    for name in ("ReLU", "QReLU"):
        net = train(x * COUNTS, y, name == "QReLU", epochs, batch)
        rounded = found[f"trained with {name}"] = {}
        for scale in map(float, SCALES):
            rounded[scale] = accuracy(net, test * COUNTS * scale, labels, True)
            if name == "ReLU":
                found["float"][scale] = accuracy(net, test * COUNTS * scale, labels, False)
        found[f"trained with {name}, {steps} time steps"] = {
            scale: spiking(net, test[:few] * COUNTS * scale, labels[:few], steps) for scale in TIMED
        }
    figure, (axes,) = canvas()
    colors = {"float": "gray", "ReLU": "C1", "QReLU": "C0"}
    for name, points in found.items():
        color = colors[name.removeprefix("trained with ").partition(",")[0]]
        style = "o" if "steps" in name else "-"
        axes.plot(list(points), list(points.values()), style, color=color, label=name,
                  fillstyle="none")  # fmt: skip
        print(f"{name}: " + ", ".join(f"{a:.3f} at {s:.1f}" for s, a in points.items() if
                                      round(s, 1) in TIMED))  # fmt: skip
    axes.set_xlabel("input scale")
    axes.set_ylabel("accuracy")
    axes.legend(fontsize="small")
    save(figure, chosen.out / "accuracy_input_scale.png")
    return found


if __name__ == "__main__":
    main()
