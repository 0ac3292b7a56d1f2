"""Shapes: what every node of a network puts out, from the shape of its input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dynapdeploy.errors import SourceError
from dynapdeploy.events import Shape
from dynapdeploy.graph.graph import Graph
from dynapdeploy.graph.nodes import (
    BatchNorm2d,
    Concat,
    Conv2d,
    Flatten,
    Input,
    Linear,
    Merge,
    Node,
    Pool2d,
    Unsupported,
)


def infer_shapes(graph: Graph) -> dict[str, Shape]:
    """(channels, height, width) of what each node puts out, by name, in topological order.

    Raises:
        SourceError: the input shape is unknown, or a node does not fit what feeds it; the message
            names the node, what it expects and what it gets.
    """
    shapes: dict[str, Shape] = {}
    for name, node in graph.nodes.items():
        feeding = [shapes[other] for other in graph.inputs[name]]
        try:
            shapes[name] = shape_after(node, feeding)
        except SourceError as fault:
            raise SourceError(
                f"{graph.source}: {name}: {fault}{_guessed_before(graph, name)}"
            ) from None
    return shapes


def with_input_shape(graph: Graph, shape: Sequence[int]) -> Graph:
    """The same network for an input of ``shape`` (channels, height, width).

    Raises:
        SourceError: ``shape`` is not three whole numbers of at least 1.
    """
    nodes = dict(graph.nodes)
    nodes[graph.input] = Input(checked_shape(shape, graph.source))
    return replace(graph, nodes=nodes)


def checked_shape(shape: Sequence[int], source: str = "network") -> Shape:
    """``shape`` as three plain ints. Raises ``SourceError`` if it is anything else."""
    values = tuple(shape)
    whole = all(isinstance(v, int | np.integer) and not isinstance(v, bool) for v in values)
    if len(values) != 3 or not whole or min(values) < 1:
        raise SourceError(
            f"{source}: the input shape must be channels, height and width, "
            f"three whole numbers of at least 1, got {values}"
        )
    channels, height, width = (int(v) for v in values)
    return channels, height, width


def shape_after(node: Node, feeding: Sequence[Shape]) -> Shape:
    """Shape of what ``node`` puts out when fed by outputs of these shapes.

    Raises:
        SourceError: they do not fit; the message does not name the node.
    """
    if isinstance(node, Input):
        if node.shape is None:
            raise SourceError(
                "the shape of the input is not known; give it as channels, height, width "
                "(--input-shape C,H,W)"
            )
        return node.shape
    if isinstance(node, Merge):
        return _merged(feeding)
    if isinstance(node, Concat):
        return _concatenated(feeding)
    channels, height, width = shape = feeding[0]
    if isinstance(node, Conv2d):
        return _convolved(node, shape)
    if isinstance(node, Linear):
        return _linear(node, shape)
    if isinstance(node, Pool2d):
        return (channels, *_pooled(node, (height, width)))
    if isinstance(node, Flatten):
        return (channels * height * width, 1, 1)
    if isinstance(node, BatchNorm2d) and len(node.mean) != channels:
        raise SourceError(
            f"batch normalization of {len(node.mean)} channels, but its input has {channels}"
        )
    if isinstance(node, Unsupported) and node.shape is not None:
        return node.shape
    return shape


def _convolved(node: Conv2d, shape: Shape) -> Shape:
    channels, *extent = shape
    expected = node.weight.shape[1] * node.groups
    if channels != expected:
        raise SourceError(
            f"weights for {expected} input channels, but its input has {channels} "
            f"(shape {_text(shape)})"
        )
    out = []
    for size, kernel, stride, padding, dilation in zip(
        extent, node.weight.shape[2:], node.stride, node.padding, node.dilation, strict=True
    ):
        reach = dilation * (kernel - 1) + 1
        if size + 2 * padding < reach:
            raise SourceError(
                f"a kernel of {node.weight.shape[2]}x{node.weight.shape[3]} is larger than its "
                f"input of {extent[0]}x{extent[1]} with padding {node.padding}"
            )
        out.append((size + 2 * padding - reach) // stride + 1)
    return (node.weight.shape[0], out[0], out[1])


def _linear(node: Linear, shape: Shape) -> Shape:
    channels, height, width = shape
    if height * width > 1:
        raise SourceError(
            f"a linear layer needs flat features, but its input is a map {_text(shape)}; "
            "put a Flatten before it"
        )
    if channels != node.weight.shape[1]:
        raise SourceError(
            f"weights for {node.weight.shape[1]} input features, but its input has {channels}"
        )
    return (node.weight.shape[0], 1, 1)


def _pooled(node: Pool2d, extent: tuple[int, int]) -> tuple[int, int]:
    out = []
    for size, kernel, stride, padding in zip(
        extent, node.kernel, node.stride, node.padding, strict=True
    ):
        room = size + 2 * padding - kernel
        if room < 0:
            raise SourceError(
                f"a pooling window of {node.kernel[0]}x{node.kernel[1]} is larger than its input "
                f"of {extent[0]}x{extent[1]}"
            )
        steps = -(-room // stride) if node.ceil_mode else room // stride
        if node.ceil_mode and steps * stride >= size + padding:
            steps -= 1  # torch drops windows that start beyond the map
        out.append(steps + 1)
    return out[0], out[1]


def _merged(feeding: Sequence[Shape]) -> Shape:
    if len(set(feeding)) > 1:
        raise SourceError(f"it adds maps of different shapes, {_texts(feeding)}")
    return feeding[0]


def _concatenated(feeding: Sequence[Shape]) -> Shape:
    if len({shape[1:] for shape in feeding}) > 1:
        raise SourceError(f"it concatenates maps of different size, {_texts(feeding)}")
    return (sum(shape[0] for shape in feeding), *feeding[0][1:])


def _guessed_before(graph: Graph, name: str) -> str:
    seen: set[str] = set()
    waiting = list(graph.inputs[name])
    while waiting:
        other = waiting.pop()
        node = graph.nodes[other]
        if isinstance(node, Unsupported) and node.shape is None:
            return f" (behind {other}, which is not supported: {node.kind}, {node.reason})"
        if other not in seen:
            seen.add(other)
            waiting.extend(graph.inputs[other])
    return ""


def _text(shape: Shape) -> str:
    return "x".join(str(size) for size in shape)


def _texts(shapes: Sequence[Shape]) -> str:
    return " and ".join(_text(shape) for shape in shapes)
