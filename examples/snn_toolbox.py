"""For users of snn_toolbox: the counts of its issue 101, and its way of conversion.

    python examples/snn_toolbox.py
    python examples/snn_toolbox.py --full --data mnist:PATH

A net as one finds them, with biases, BatchNorm, max pooling and softmax, is trained with plain
ReLUs and converted: softmax to ReLU, max to average pooling (with a warning), BatchNorm into the
weights, activations normalised by a percentile of the nonzero ones, biases included. Then it runs
in time steps with a constant input, and its accuracy over time is drawn.
"""

from __future__ import annotations

import numpy as np
import torch
from setting import canvas, images, options, save, setting, small_digits
from torch import nn

from dynapdeploy import count
from dynapdeploy.graph import Graph, evaluate, fold, read_torch
from dynapdeploy.graph.normalise import normalise
from dynapdeploy.graph.substitutes import max_to_average, softmax_to_relu
from dynapdeploy.synops.spiking import PARTS, run_spiking, spiking_network

REFERENCE = {
    "neurons": 888,
    "synapses_nominal": 31_320,
    "operations": 57_912,
    "parameters": 20_820,
}
"""Printed in the issue: 14x14 -> conv 3x3x6 -> dense 24."""


def issue_101() -> dict[str, int]:
    """Our counts of the issue's net; its biases were not 0."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(864, 24), nn.ReLU())
    found = count(net, (1, 14, 14))
    ours = {name: getattr(found, name) for name in REFERENCE}
    for name, value in REFERENCE.items():
        print(f"{name}: {ours[name]:,} (snn_toolbox: {value:,})")
    print(f"synapses that exist (snn_toolbox forgets the border): {found.synapses:,}")
    return {**ours, "synapses": found.synapses}


def build() -> nn.Sequential:
    """A small net with what a chip does not have."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 5), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.1),
        nn.Flatten(), nn.Linear(256, 10), nn.Softmax(1),
    )  # fmt: skip


def train(net: nn.Sequential, x: torch.Tensor, y: torch.Tensor, epochs: int) -> None:
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    net.train()
    for _ in range(epochs):
        for part in torch.randperm(len(x)).split(64):
            loss = nn.functional.cross_entropy(net[:-1](x[part]), y[part])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    net.eval()


def accuracy(graph: Graph, x: np.ndarray, y: np.ndarray) -> float:
    """Of the analog network; an output without any activity is wrong."""
    output = evaluate(graph, x, quantized=False).reshape(len(x), -1)
    return float(((output.argmax(1) == y) & (output.max(1) > 0)).mean())


def main(argv=None) -> dict:
    chosen = setting(options(__doc__, "snn_toolbox", "mnist"), argv)
    spec = chosen.data or small_digits(chosen.out / "digits")
    counts = issue_101()
    x, y = images(spec, "train", chosen.limit)
    test, labels = images(spec, "test", 300 if chosen.full else 100)
    torch.manual_seed(0)
    net = build()
    train(net, x / 255, y, chosen.epochs or (1 if chosen.full else 4))
    inputs, wanted = (test / 255).numpy(), labels.numpy()
    with torch.no_grad():
        rungs = {"as trained": float((net(test / 255).argmax(1) == labels).float().mean())}
    graph, outputs = softmax_to_relu(read_torch(net, input_shape=(1, 28, 28)))
    print(f"softmax became ReLU: {', '.join(outputs)}")
    rungs["softmax to ReLU"] = accuracy(graph, inputs, wanted)
    graph, pools = max_to_average(graph)
    print(f"warning: max pooling became average pooling: {', '.join(pools)}; train on if it costs")
    rungs["max to average pooling"] = accuracy(graph, inputs, wanted)
    normalised = normalise(fold(graph), (x[:200] / 255).numpy())
    rungs["folded and normalised"] = accuracy(normalised.graph, inputs, wanted)
    for name, factor in normalised.factors.items():
        print(f"layer {name}: activations divided by {factor:.3g}")
    steps = 100
    samples = ((np.repeat(image[None], steps, 0), int(y)) for image, y in
               zip(inputs, wanted, strict=True))  # fmt: skip
    spiking = spiking_network(normalised.graph)
    run = run_spiking(spiking, normalised.graph, samples, with_input=False)
    rungs[f"{steps} time steps"] = run.accuracy or 0.0
    for name, value in rungs.items():
        print(f"{name}: {value:.3f}")
    print(f"{run.silent} of {run.samples} samples without an output spike, counted as wrong")
    figure, (axes,) = canvas()
    axes.plot(np.arange(1, PARTS + 1) * steps / PARTS, run.accuracy_over_time, "o-")
    axes.set_xlabel("time step")
    axes.set_ylabel("accuracy")
    axes.set_ylim(0, 1)
    save(figure, chosen.out / "accuracy_over_time.png")
    return {"counts": counts, "rungs": rungs, "over_time": run.accuracy_over_time}


if __name__ == "__main__":
    main()
