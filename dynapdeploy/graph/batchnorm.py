"""BatchNorm moves into the weights next to it: y = a * x + b per channel, with
a = gamma / sqrt(variance + eps) and b = beta - a * mean.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dynapdeploy.errors import SourceError
from dynapdeploy.graph.arrays import checked_bias, checked_weights
from dynapdeploy.graph.edit import remove_nodes, replace_nodes
from dynapdeploy.graph.graph import Graph
from dynapdeploy.graph.nodes import BatchNorm2d, Conv2d, Flatten, Linear, Node, Unsupported
from dynapdeploy.graph.shapes import infer_shapes


def fold_batchnorm(graph: Graph) -> Graph:
    """Every BatchNorm into the weights before it, else into those behind it, else refused."""
    for name, node in list(graph.nodes.items()):
        if isinstance(node, BatchNorm2d):
            try:
                graph = _without(graph, name, node)
            except SourceError as fault:
                raise SourceError(f"{graph.source}: {name} (BatchNorm): {fault}") from None
    return graph


def scale_and_shift(node: BatchNorm2d) -> tuple[np.ndarray, np.ndarray]:
    """a and b of y = a * x + b, per channel, float64."""
    with np.errstate(all="ignore"):
        scale = node.gamma.astype(np.float64) / np.sqrt(node.variance.astype(np.float64) + node.eps)
        return scale, node.beta.astype(np.float64) - scale * node.mean


def _without(graph: Graph, name: str, node: BatchNorm2d) -> Graph:
    scale, shift = scale_and_shift(node)
    before = graph.inputs[name][0]
    weights = graph.nodes[before]
    if isinstance(weights, Conv2d | Linear) and graph.outputs[before] == (name,):
        return remove_nodes(
            replace_nodes(graph, {before: _scaled_outputs(weights, scale, shift)}), [name]
        )
    changed: dict[str, Node] = {}
    consumers = _consumers(graph, name)
    shapes = infer_shapes(graph)
    for consumer in consumers:
        behind = graph.nodes[consumer]
        if not isinstance(behind, Conv2d | Linear):
            return _refused(graph, name, f"{consumer} behind it has no weights to take it up")
        if isinstance(behind, Conv2d) and behind.padding != (0, 0) and shift.any():
            return _refused(
                graph,
                name,
                f"its shift cannot move into {consumer}, whose padding {behind.padding} is not "
                "shifted; put the BatchNorm after the convolution, or use padding 0",
            )
        through_flatten = consumer not in graph.outputs[name]
        area = shapes[name][1] * shapes[name][2] if through_flatten else 1
        changed[consumer] = _scaled_inputs(behind, np.repeat(scale, area), np.repeat(shift, area))
    return remove_nodes(replace_nodes(graph, changed), [name])


def _refused(graph: Graph, name: str, reason: str) -> Graph:
    return replace_nodes(graph, {name: Unsupported("BatchNorm2d", reason)})


def _consumers(graph: Graph, name: str) -> list[str]:
    found: list[str] = []
    for consumer in graph.outputs[name]:
        if isinstance(graph.nodes[consumer], Flatten):
            found += _consumers(graph, consumer)
        else:
            found.append(consumer)
    return found


def _scaled_outputs(node: Conv2d | Linear, scale: np.ndarray, shift: np.ndarray) -> Conv2d | Linear:
    bias = np.zeros(len(scale)) if node.bias is None else node.bias
    return _with(node, node.weight * _column(scale, node.weight.ndim), bias * scale + shift)


def _scaled_inputs(node: Conv2d | Linear, scale: np.ndarray, shift: np.ndarray) -> Conv2d | Linear:
    outputs, inputs = node.weight.shape[:2]
    groups = node.groups if isinstance(node, Conv2d) else 1
    group = np.arange(outputs) // (outputs // groups)
    channels = group[:, None] * inputs + np.arange(inputs)
    extent = (1,) * (node.weight.ndim - 2)
    bias = np.zeros(outputs) if node.bias is None else node.bias
    moved = node.weight * shift[channels].reshape(outputs, inputs, *extent)
    return _with(
        node,
        node.weight * scale[channels].reshape(outputs, inputs, *extent),
        bias + moved.reshape(outputs, -1).sum(1),
    )


def _with(node: Conv2d | Linear, weight: np.ndarray, bias: np.ndarray) -> Conv2d | Linear:
    checked = checked_weights(weight, "folded weight", weight.ndim)
    return replace(node, weight=checked, bias=checked_bias(bias, len(weight)))


def _column(values: np.ndarray, dimensions: int) -> np.ndarray:
    return values.reshape(-1, *[1] * (dimensions - 1))
