"""BatchNorm moves into weights: y = a * x + b per channel, with
a = gamma / sqrt(variance + eps) and b = beta - a * mean.

On the way to the weights it passes what it commutes with: pooling, joins of branches and Flatten.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from dynapdeploy.errors import SourceError
from dynapdeploy.events import Shape
from dynapdeploy.graph.arrays import checked_bias, checked_weights
from dynapdeploy.graph.edit import remove_nodes, replace_nodes
from dynapdeploy.graph.graph import Graph
from dynapdeploy.graph.nodes import (
    BatchNorm2d,
    Concat,
    Conv2d,
    Flatten,
    Linear,
    Merge,
    Node,
    Pool2d,
    Unsupported,
)
from dynapdeploy.graph.shapes import infer_shapes

KIND = "scale and shift (BatchNorm2d)"


@dataclass(frozen=True, eq=False)
class Affine:
    """a * x + b, per channel, float64."""

    scale: np.ndarray
    shift: np.ndarray

    @classmethod
    def of(cls, node: BatchNorm2d) -> Affine:
        """What a BatchNorm computes."""
        with np.errstate(all="ignore"):
            scale = node.gamma.astype(np.float64)
            scale = scale / np.sqrt(node.variance.astype(np.float64) + node.eps)
            return cls(scale, node.beta.astype(np.float64) - scale * node.mean)

    def part(self, channels: slice) -> Affine:
        """The same for some of the channels."""
        return Affine(self.scale[channels], self.shift[channels])

    def shifted_by(self, factor: float) -> Affine:
        """With the shift times ``factor``."""
        return Affine(self.scale, self.shift * factor)


class Stays(Exception):
    """There are no weights on this way that can take it up exactly; the text says why."""


def fold_batchnorm(graph: Graph) -> Graph:
    """Every BatchNorm into the weights before it, else into those behind it, else refused."""
    for name in list(graph.of(BatchNorm2d)):
        try:
            graph = _without(graph, name)
        except SourceError as fault:
            raise SourceError(f"{graph.source}: {name} (BatchNorm): {fault}") from None
    return graph


def _without(graph: Graph, name: str) -> Graph:
    affine = Affine.of(graph.nodes[name])  # type: ignore[arg-type]
    shapes = infer_shapes(graph)
    for absorb in (_before, _behind):
        changed: dict[str, Node] = {}
        try:
            absorb(graph, shapes, name, affine, changed)
        except Stays as fault:
            reason = str(fault)
            continue
        return remove_nodes(replace_nodes(graph, changed), [name])
    return replace_nodes(graph, {name: Unsupported(KIND, reason)})


def _before(
    graph: Graph,
    shapes: Mapping[str, Shape],
    reader: str,
    affine: Affine,
    changed: dict[str, Node],
) -> None:
    """Note in ``changed`` the weights that give ``reader`` what ``affine`` makes of its input."""
    ends = np.cumsum([shapes[other][0] for other in graph.inputs[reader]])
    joined = isinstance(graph.nodes[reader], Concat)
    for number, (name, end) in enumerate(zip(graph.inputs[reader], ends, strict=True)):
        own = affine.part(slice(int(end) - shapes[name][0], int(end))) if joined else affine
        own = own.shifted_by(0) if number and not joined else own
        node = graph.nodes[name]
        if graph.outputs[name] != (reader,):
            raise Stays(f"{name} before it feeds something else as well")
        if isinstance(node, Conv2d | Linear):
            changed[name] = _scaled_outputs(node, own)
        elif isinstance(node, Merge | Concat):
            _before(graph, shapes, name, own, changed)
        elif isinstance(node, Pool2d) and _commutes(node, own):
            _before(graph, shapes, name, own.shifted_by(1 / _sum_area(node)), changed)
        else:
            raise Stays(f"{name} before it has no weights to take it up")


def _behind(
    graph: Graph,
    shapes: Mapping[str, Shape],
    name: str,
    affine: Affine,
    changed: dict[str, Node],
) -> None:
    """Note in ``changed`` weights that make good for what reads ``name`` getting it without."""
    for consumer in dict.fromkeys(graph.outputs[name]):
        node = changed.get(consumer, graph.nodes[consumer])
        if isinstance(node, Conv2d | Linear):
            _check_padding(consumer, node, affine)
            changed[consumer] = _scaled_inputs(node, affine)
        elif isinstance(node, BatchNorm2d):
            then = Affine.of(node)
            shift = then.shift + then.scale * affine.shift
            changed[consumer] = _as_node(Affine(then.scale * affine.scale, shift))
        elif isinstance(node, Flatten):
            area = shapes[name][1] * shapes[name][2]
            wide = Affine(np.repeat(affine.scale, area), np.repeat(affine.shift, area))
            _behind(graph, shapes, consumer, wide, changed)
        elif isinstance(node, Concat):
            wide = _beside_others(graph, shapes, consumer, name, affine)
            _behind(graph, shapes, consumer, wide, changed)
        elif isinstance(node, Pool2d) and _commutes(node, affine):
            _behind(graph, shapes, consumer, affine.shifted_by(_sum_area(node)), changed)
        else:
            raise Stays(f"{consumer} behind it has no weights to take it up")


def _commutes(pool: Pool2d, affine: Affine) -> bool:
    """Whether pooling then ``affine`` is the same as the other way round, but for the shift."""
    whole = pool.padding == (0, 0) and not pool.ceil_mode
    return pool.kind != "max" and (whole or not affine.shift.any())


def _sum_area(pool: Pool2d) -> int:
    """How often a sum over a window has a shift in it that its average has once."""
    return pool.kernel[0] * pool.kernel[1] if pool.kind == "sum" else 1


def _check_padding(name: str, node: Conv2d | Linear, affine: Affine) -> None:
    padded = isinstance(node, Conv2d) and node.padding != (0, 0) and node.padding_mode == "zeros"
    if padded and affine.shift.any():
        raise Stays(
            f"its shift cannot move into {name}, whose padding {node.padding} is not shifted; "  # type: ignore[union-attr]
            "put the BatchNorm after the convolution, or use padding 0"
        )


def _beside_others(
    graph: Graph, shapes: Mapping[str, Shape], concat: str, name: str, affine: Affine
) -> Affine:
    """``affine`` for the channels that ``name`` has in ``concat``, nothing for the others."""
    scale, shift = [], []
    for other in graph.inputs[concat]:
        channels = shapes[other][0]
        scale.append(affine.scale if other == name else np.ones(channels))
        shift.append(affine.shift if other == name else np.zeros(channels))
    return Affine(np.concatenate(scale), np.concatenate(shift))


def _as_node(affine: Affine) -> BatchNorm2d:
    scale = checked_weights(affine.scale, "folded scale", 1)
    shift = checked_weights(affine.shift, "folded shift", 1)
    return BatchNorm2d(scale * 0, scale * 0 + 1, scale, shift, 0.0)


def _scaled_outputs(node: Conv2d | Linear, affine: Affine) -> Conv2d | Linear:
    bias = np.zeros(len(affine.scale)) if node.bias is None else node.bias
    column = affine.scale.reshape(-1, *[1] * (node.weight.ndim - 1))
    return _with(node, node.weight * column, bias * affine.scale + affine.shift)


def _scaled_inputs(node: Conv2d | Linear, affine: Affine) -> Conv2d | Linear:
    outputs, inputs = node.weight.shape[:2]
    groups = node.groups if isinstance(node, Conv2d) else 1
    group = np.arange(outputs) // (outputs // groups)
    channels = group[:, None] * inputs + np.arange(inputs)
    extent = (1,) * (node.weight.ndim - 2)
    bias = np.zeros(outputs) if node.bias is None else node.bias
    moved = node.weight * affine.shift[channels].reshape(outputs, inputs, *extent)
    return _with(
        node,
        node.weight * affine.scale[channels].reshape(outputs, inputs, *extent),
        bias + moved.reshape(outputs, -1).sum(1),
    )


def _with(node: Conv2d | Linear, weight: np.ndarray, bias: np.ndarray) -> Conv2d | Linear:
    checked = checked_weights(weight, "folded weight", weight.ndim)
    return replace(node, weight=checked, bias=checked_bias(bias, len(weight)))
