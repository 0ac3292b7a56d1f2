"""Random networks: torch chains, and graphs with branches whose weights are small whole numbers."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from dynapdeploy.graph import Graph, infer_shapes
from dynapdeploy.graph.arrays import checked_bias
from dynapdeploy.graph.edit import prune
from dynapdeploy.graph.nodes import (
    IAF,
    BatchNorm2d,
    Concat,
    Conv2d,
    Dropout,
    Flatten,
    Identity,
    Input,
    Linear,
    Merge,
    Output,
    Pool2d,
    ReLU,
)


def random_chain(seed: int) -> tuple[nn.Sequential, tuple[int, int, int]]:
    """A torch chain with BatchNorm at foldable places, and the shape of its input."""
    draw = random.Random(seed)
    torch.manual_seed(seed)
    shape = channels, height, width = draw.randint(1, 3), draw.randint(9, 20), draw.randint(9, 20)
    layers: list[nn.Module] = [nn.ReLU()] if draw.random() < 0.3 else []
    for _ in range(draw.randint(1, 3)):
        out, stride = draw.randint(1, 5), draw.choice([1, 1, 2])
        kernel = draw.randint(1, min(3, height, width))
        padding = draw.randint(0, 2)
        if draw.random() < 0.4 and padding == 0:
            layers.append(nn.BatchNorm2d(channels))
        layers.append(nn.Conv2d(channels, out, kernel, stride, padding, bias=draw.random() < 0.5))
        height, width = ((n + 2 * padding - kernel) // stride + 1 for n in (height, width))
        channels = out
        if draw.random() < 0.5:
            layers.append(nn.BatchNorm2d(channels))
        layers.append(nn.ReLU())
        for _ in range(draw.randint(0, 2)):
            if min(height, width) >= 6:
                layers.append(draw.choice([nn.AvgPool2d(2), nn.LPPool2d(1, 2), nn.Dropout2d()]))
                if not isinstance(layers[-1], nn.Dropout2d):
                    height, width = height // 2, width // 2
    layers += [nn.Sequential(nn.Flatten(), nn.Dropout())]
    features = channels * height * width
    if draw.random() < 0.5:
        layers.append(nn.BatchNorm1d(features))
    layers += [nn.Linear(features, 6), nn.ReLU(), nn.Linear(6, 4)]
    net = nn.Sequential(*layers).double().eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    return net, shape


def random_graph(seed: int, quantized: bool = False, concat: bool = True) -> Graph:
    """A graph with branches, merges and, if asked for, concatenations.

    Weights are multiples of 1/8 and windows powers of two, so that float64 is exact and rounding
    down gives the same on both sides of a comparison.
    """
    draw = random.Random(seed)
    numbers = np.random.default_rng(seed)
    nodes: dict = {"input": Input((draw.randint(1, 3), 16, draw.choice([16, 12])))}
    inputs: dict[str, tuple[str, ...]] = {}

    def add(node, *feeding: str) -> str:
        name = f"n{len(nodes)}"
        nodes[name], inputs[name] = node, feeding
        return name

    def weights(*shape: int) -> np.ndarray:
        return (numbers.integers(-8, 9, shape) / 8).astype(np.float32)

    def shape_of(name: str) -> tuple[int, int, int]:
        probe = Graph({**nodes, "out": Output()}, {**inputs, "out": (name,)})
        return infer_shapes(probe)[name]

    def conv(source: str, out: int, stride: int, kernel: int) -> str:
        bias = checked_bias(weights(out), out) if draw.random() < 0.3 else None
        padding = (kernel // 2, kernel // 2)
        node = Conv2d(
            weights(out, shape_of(source)[0], kernel, kernel), bias, (stride,) * 2, padding
        )
        return add(node, source)

    def neuron(source: str) -> str:
        if quantized:
            return add(draw.choice([ReLU(True), IAF(0.5), IAF(2.0, -2.0)]), source)
        return add(ReLU(), source)

    spiking = [neuron(conv("input", draw.randint(1, 4), 1, 3))]
    for _ in range(draw.randint(2, 6)):
        source = draw.choice(spiking)
        what = draw.choice(["conv", "pool", "merge", "residual", "concat" if concat else "conv"])
        twins = [other for other in spiking if shape_of(other) == shape_of(source)]
        mates = [other for other in spiking if shape_of(other)[1:] == shape_of(source)[1:]]
        if what == "pool" and shape_of(source)[1] % 2 == 0 and shape_of(source)[2] % 2 == 0:
            spiking.append(add(Pool2d(draw.choice(["average", "sum"]), (2, 2), (2, 2)), source))
        elif what == "merge":
            spiking.append(add(Merge(), source, draw.choice(twins)))
        elif what == "concat":
            spiking.append(add(Concat(), source, draw.choice(mates)))
        elif what == "residual":
            branch = conv(source, shape_of(source)[0], 1, 3)
            spiking.append(neuron(add(Merge(), branch, add(Identity(), source))))
        else:
            spiking.append(neuron(conv(source, draw.randint(1, 4), draw.choice([1, 2]), 3)))
    last = neuron(conv(add(Dropout(), spiking[-1]), 2, 1, 1))
    flat = add(Flatten(), last)
    features = shape_of(flat)[0]
    add(Output(), add(Linear(weights(3, features)), flat))
    return prune(Graph(nodes, inputs, f"random {seed}"))


def random_batchnorm(seed: int, channels: int) -> BatchNorm2d:
    """BatchNorm with statistics unlike the ones it starts with."""
    numbers = np.random.default_rng(seed)
    mean, gamma, beta = numbers.normal(size=(3, channels))
    return BatchNorm2d(mean, numbers.uniform(0.5, 2, channels), gamma, beta, 1e-3)


def counts(seed: int, shape: tuple[int, int, int], samples: int = 3) -> np.ndarray:
    """Input event counts ``[n, c, h, w]``, float64."""
    return np.random.default_rng(seed).integers(0, 4, (samples, *shape)).astype(np.float64)


def with_batchnorms(graph: Graph, seed: int) -> Graph:
    """``graph`` with BatchNorms behind some of its nodes, some of them without a shift."""
    draw = random.Random(seed)
    shapes = infer_shapes(graph)
    nodes: dict = {}
    inputs = dict(graph.inputs)
    stands_for: dict[str, str] = {}
    for name, node in graph.nodes.items():
        nodes[name] = node
        inputs[name] = tuple(stands_for.get(other, other) for other in inputs[name])
        if not isinstance(node, Output) and draw.random() < 0.25:
            norm = random_batchnorm(draw.randrange(2**32), shapes[name][0])
            if draw.random() < 0.5:
                norm = replace(norm, mean=norm.mean * 0, beta=norm.beta * 0)
            stands_for[name] = f"{name}.bn"
            nodes[f"{name}.bn"], inputs[f"{name}.bn"] = norm, (name,)
    return Graph(nodes, inputs, graph.source)
