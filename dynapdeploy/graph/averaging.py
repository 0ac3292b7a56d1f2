"""Average pooling becomes sum pooling; what it divides by goes into the weights that follow.

Every node is followed with one factor per channel: what the averaging network has there, divided by
what the summing network has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dynapdeploy.events import Shape
from dynapdeploy.graph.edit import replace_nodes
from dynapdeploy.graph.graph import Graph
from dynapdeploy.graph.nodes import (
    IAF,
    Concat,
    Conv2d,
    Input,
    Merge,
    Node,
    Output,
    Pool2d,
    ReLU,
    Unsupported,
)
from dynapdeploy.graph.shapes import infer_shapes


def average_to_sum(graph: Graph) -> Graph:
    """Sum pooling only, 1/k^2 in the weights of every consumer; branches of a Merge may differ.

    A Merge whose branches carry different factors becomes a Concat, and the convolutions behind it
    take each branch through its own copy of their weights. An output behind pooling keeps the
    factor 1/k^2: its values are larger by k^2, all alike.
    """
    shapes = infer_shapes(graph)
    factors: dict[str, np.ndarray] = {}
    changed: dict[str, Node] = {}
    copies: dict[str, int] = {}
    for name, node in graph.nodes.items():
        feeding = [factors[other] for other in graph.inputs[name]]
        try:
            if isinstance(node, Merge) and _differ(feeding):
                _check_consumers(graph, name)
                changed[name] = Concat()
                copies[name] = len(feeding)
                factors[name] = np.concatenate(feeding)
            elif isinstance(node, Conv2d):
                before = graph.inputs[name][0]
                changed[name] = _taking(node, feeding[0], copies.get(before, 1))
                factors[name] = np.ones(shapes[name][0])
            else:
                factors[name], new = _through(node, feeding, shapes, graph.inputs[name])
                changed[name] = node if new is None else new
        except _Inexact as fault:
            blamed = graph.inputs[name][0] if isinstance(node, Output) else name
            kind = type(graph.nodes[blamed]).__name__
            changed[blamed] = Unsupported(kind, str(fault), shapes[blamed])
            factors[name] = np.ones(shapes[name][0])
    return replace_nodes(graph, changed)


class _Inexact(Exception):
    """No weights can take up the factor exactly."""


def _through(
    node: Node, feeding: Sequence[np.ndarray], shapes: dict[str, Shape], before: Sequence[str]
) -> tuple[np.ndarray, Node | None]:
    """The factor behind a node without weights, and the node that takes its place if any."""
    if isinstance(node, Input):
        return np.ones(node.shape[0] if node.shape else 1), None
    if isinstance(node, Concat):
        return np.concatenate(feeding), None
    factor = feeding[0]
    if isinstance(node, Pool2d) and node.kind == "average":
        if node.ceil_mode:
            raise _Inexact("average pooling with ceil_mode divides by less at the border")
        area = node.kernel[0] * node.kernel[1]
        return factor / area, replace(node, kind="sum")
    if isinstance(node, Unsupported):
        return np.ones(node.shape[0] if node.shape else shapes[before[0]][0]), None
    neuron = isinstance(node, IAF) or (isinstance(node, ReLU) and node.quantized)
    if neuron and (factor != 1).any():
        raise _Inexact(
            "a spiking neuron on averages needs weights of its own; put a convolution between"
        )
    if isinstance(node, Output) and (factor != factor[0]).any():
        raise _Inexact("its channels are averages over windows of different size; add weights")
    return factor, None


def _differ(feeding: Sequence[np.ndarray]) -> bool:
    return any((other != feeding[0]).any() for other in feeding)


def _check_consumers(graph: Graph, merge: str) -> None:
    for name in graph.outputs[merge]:
        node = graph.nodes[name]
        if not isinstance(node, Conv2d) or node.groups > 1:
            raise _Inexact(
                f"it adds averages over windows of different size, and {name} behind it has no "
                "weights that could tell them apart; use equal windows"
            )


def _taking(node: Conv2d, factor: np.ndarray, copies: int) -> Conv2d:
    weight = np.concatenate([node.weight] * copies, axis=1)
    if (factor == 1).all():
        return node if copies == 1 else replace(node, weight=weight)
    outputs, inputs = weight.shape[:2]
    first = np.arange(outputs) // (outputs // node.groups) * inputs
    per_weight = factor[first[:, None] + np.arange(inputs)][:, :, None, None]
    return replace(node, weight=(weight * per_weight).astype(weight.dtype))
