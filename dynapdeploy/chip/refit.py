"""Making the weights of a network fit again after some of its maps have changed their size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dynapdeploy.errors import SourceError
from dynapdeploy.events import Shape
from dynapdeploy.graph.edit import replace_nodes
from dynapdeploy.graph.graph import Graph
from dynapdeploy.graph.nodes import Conv2d, Linear, Node, Pool2d
from dynapdeploy.graph.shapes import infer_shapes, shape_after


def refit(graph: Graph, before: Graph) -> Graph:
    """The network with input channels, kernels and pools cut to the maps that they now get.

    A kernel that covered its whole map covers it again; other kernels and pools only shrink where
    they would be larger than their map.

    Args:
        before: the network before the change, for the maps that its layers read.

    Raises:
        SourceError: maps that are added up or joined no longer agree, or nothing is left of one.
    """
    found = infer_shapes(before)
    read = {name: found[inputs[0]] for name, inputs in before.inputs.items() if inputs}
    shapes: dict[str, Shape] = {}
    changed: dict[str, Node] = {}
    for name, node in graph.nodes.items():
        feeding = [shapes[other] for other in graph.inputs[name]]
        try:
            fitted = _fitted(node, feeding, read.get(name))
            shapes[name] = shape_after(fitted, feeding)
        except SourceError as fault:
            raise SourceError(f"{graph.source}: {name}: {fault}") from None
        if fitted is not node:
            changed[name] = fitted
    return replace_nodes(graph, changed)


def _fitted(node: Node, feeding: Sequence[Shape], before: Shape | None) -> Node:
    if isinstance(node, Linear) and node.weight.shape[1] != int(np.prod(feeding[0])):
        return replace(node, weight=with_channels(node.weight, 1, int(np.prod(feeding[0]))))
    if isinstance(node, Pool2d):
        extent = feeding[0][1:]
        room = min(n + 2 * p for n, p in zip(extent, node.padding, strict=True))
        if max(node.kernel) > room and node.kernel[0] == node.kernel[1]:
            return replace(node, kernel=(room, room), stride=(room, room))
    if isinstance(node, Conv2d) and before is not None:
        return _fitted_convolution(node, feeding[0], before)
    return node


def _fitted_convolution(node: Conv2d, shape: Shape, before: Shape) -> Conv2d:
    channels, *extent = shape
    weight = node.weight
    if channels != weight.shape[1] * node.groups:
        if channels % node.groups:
            raise SourceError(f"{channels} channels cannot be divided into {node.groups} groups")
        weight = with_channels(weight, 1, channels // node.groups)
    whole = weight.shape[2:] == before[1:] and not any(node.padding)
    for axis, size in enumerate(extent):
        now = weight.shape[2 + axis]
        fits = (size + 2 * node.padding[axis] - 1) // node.dilation[axis] + 1
        wanted = size if whole else min(now, fits)
        if wanted != now:
            weight = with_channels(weight, 2 + axis, wanted)
    return node if weight is node.weight else replace(node, weight=weight)


def with_channels(array: np.ndarray, axis: int, count: int) -> np.ndarray:
    """The first ``count`` entries along ``axis``, zeros behind if there are fewer."""
    have = array.shape[axis]
    if count <= have:
        return array[(slice(None),) * axis + (slice(count),)]
    widths = [(0, 0)] * array.ndim
    widths[axis] = (0, count - have)
    return np.pad(array, widths)
