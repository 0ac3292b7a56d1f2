"""Merges: nested ones become one, and convolutions that are added become one on a concatenation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dynapdeploy.graph.arrays import checked_bias
from dynapdeploy.graph.edit import fresh_name, prune, rewire
from dynapdeploy.graph.graph import Graph
from dynapdeploy.graph.nodes import Concat, Conv2d, Merge, Node
from dynapdeploy.graph.shapes import infer_shapes


def join_merges(graph: Graph) -> Graph:
    """A Merge fed by a Merge takes that one's inputs itself, and so with Concat."""
    inputs: dict[str, tuple[str, ...]] = {}
    for name, node in graph.nodes.items():
        if isinstance(node, Merge | Concat):
            feeding: list[str] = []
            for other in graph.inputs[name]:
                same = type(graph.nodes[other]) is type(node)
                feeding += inputs[other] if same else [other]
            inputs[name] = tuple(feeding)
    return rewire(graph, inputs)


def join_convolutions(graph: Graph) -> Graph:
    """A sum of convolutions, as of a residual branch, becomes one convolution on a Concat.

    A core adds up what all its inputs give, so conv(a) + conv(b) is one core whose input channels
    are those of a and then those of b. A branch that comes without a convolution (a shortcut) gets
    the identity as its kernel. Smaller kernels are put inside the largest with zeros around them
    where stride and padding allow; where they do not, the Merge stays as it is.
    The joint convolution takes the name of the Merge.
    """
    shapes = infer_shapes(graph)
    for name in list(graph.of(Merge)):
        feeding = graph.inputs[name]
        own = [o for o in feeding if isinstance(graph.nodes[o], Conv2d)]
        if not own or any(graph.outputs[o] != (name,) for o in own):
            continue
        branches = [
            graph.nodes[other] if other in own else _identity(shapes[other][0]) for other in feeding
        ]
        joint = _joint(branches, [shapes[graph.inputs[o][0] if o in own else o] for o in feeding])
        if joint is None:
            continue
        sources = [graph.inputs[other][0] if other in own else other for other in feeding]
        concat = fresh_name(f"{name}.inputs", graph.nodes)
        nodes: dict[str, Node] = {**graph.nodes, concat: Concat(), name: joint}
        inputs = {**graph.inputs, concat: tuple(sources), name: (concat,)}
        graph = join_merges(prune(Graph(nodes, inputs, graph.source)))
    return graph


def _identity(channels: int) -> Conv2d:
    return Conv2d(np.eye(channels, dtype=np.float32).reshape(channels, channels, 1, 1))


def _joint(branches: list, shapes: list) -> Conv2d | None:
    first = branches[0]
    plain = all(
        conv.groups == 1 and conv.dilation == (1, 1) and conv.padding_mode == "zeros"
        for conv in branches
    )
    if not plain or any(conv.stride != first.stride for conv in branches):
        return None
    if len({shape[1:] for shape in shapes}) > 1:
        return None
    padding = [max(conv.padding[axis] for conv in branches) for axis in (0, 1)]
    offsets = [[padding[axis] - conv.padding[axis] for axis in (0, 1)] for conv in branches]
    kernel = [
        max(
            offset[axis] + conv.weight.shape[2 + axis]
            for offset, conv in zip(offsets, branches, strict=True)
        )
        for axis in (0, 1)
    ]
    for axis in (0, 1):
        size = shapes[0][1 + axis]
        counts = {
            (size + 2 * conv.padding[axis] - conv.weight.shape[2 + axis]) // conv.stride[axis]
            for conv in branches
        }
        if counts != {(size + 2 * padding[axis] - kernel[axis]) // first.stride[axis]}:
            return None
    weights = []
    for conv, (top, left) in zip(branches, offsets, strict=True):
        outputs, channels, height, width = conv.weight.shape
        wide = np.zeros((outputs, channels, *kernel), conv.weight.dtype)
        wide[:, :, top : top + height, left : left + width] = conv.weight
        weights.append(wide)
    biases = [conv.bias for conv in branches if conv.bias is not None]
    total = np.sum(biases, axis=0) if biases else None
    weight = np.concatenate(weights, axis=1)
    return replace(
        first,
        weight=weight,
        bias=checked_bias(total, len(weight)),
        padding=(padding[0], padding[1]),
    )
