"""Small layers and networks for the tests of the chip room."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from dynapdeploy.chip.lower import Layer, Network, Target
from dynapdeploy.graph.graph import Graph, chain
from dynapdeploy.graph.nodes import IAF, Conv2d, Input, Output, Pool2d, ReLU


def layer(
    weight: np.ndarray,
    extent: tuple[int, int] = (8, 8),
    *,
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int] = (0, 0),
    bias: np.ndarray | None = None,
    neuron: IAF | None = None,
    name: str = "conv",
    targets: tuple[Target, ...] = (Target(None),),
) -> Layer:
    """A layer on a map of ``extent``, as lowering gives it."""
    height, width = (
        (n + 2 * p - k) // s + 1
        for n, p, k, s in zip(extent, padding, weight.shape[2:], stride, strict=True)
    )
    return Layer(
        name=name,
        weight=np.asarray(weight, np.float64),
        bias=bias,
        stride=stride,
        padding=padding,
        dilation=(1, 1),
        groups=1,
        padding_mode="zeros",
        input_shape=(weight.shape[1], *extent),
        output_shape=(weight.shape[0], height, width),
        neuron=neuron or IAF(),
        spiking=True,
        targets=targets,
    )


def network(*layers: Layer) -> Network:
    """A network of these layers; the first is the entry."""
    return Network(tuple(layers), (layers[0].name,), layers[0].input_shape, (), "test net")


def conv_chain(
    channels: list[int], extent: tuple[int, int], kernel: int = 3, *, pool: int = 1, seed: int = 0
) -> Graph:
    """input -> conv -> ReLU (-> sum pool) -> ... -> output, weights drawn by ``seed``."""
    random = np.random.default_rng(seed)
    nodes: dict = {"input": Input((channels[0], *extent))}
    for i, (before, after) in enumerate(pairwise(channels), 1):
        weight = random.normal(0, 0.2, (after, before, kernel, kernel))
        nodes[f"conv{i}"] = Conv2d(weight, padding=(kernel // 2, kernel // 2))
        nodes[f"relu{i}"] = ReLU()
        if pool > 1 and i < len(channels) - 1:
            nodes[f"pool{i}"] = Pool2d("sum", (pool, pool), (pool, pool))
    nodes["output"] = Output()
    return chain(nodes, "test net")
