"""Joins of branches in a format that only adds: NIR sums all edges into a node, each edge once."""

from __future__ import annotations

import numpy as np

from dynapdeploy.graph.edit import fresh_name, prune
from dynapdeploy.graph.graph import Graph
from dynapdeploy.graph.nodes import Concat, Conv2d, Identity, Merge, Node
from dynapdeploy.graph.shapes import infer_shapes


def spell_joins(graph: Graph) -> Graph:
    """The same function without Concat, and no node fed twice by the same one.

    A Concat becomes a Merge of 1x1 convolutions, ``<name>.0``, ``<name>.1`` and so on, that put
    each input into channels of its own. An input that a node has twice goes through an Identity
    the second time. :func:`read_joins` undoes both.
    """
    shapes = infer_shapes(graph)
    nodes: dict[str, Node] = {}
    inputs: dict[str, tuple[str, ...]] = {}
    taken = set(graph.nodes)

    def between(wanted: str, node: Node, before: str) -> str:
        name = fresh_name(wanted, taken)
        taken.add(name)
        nodes[name], inputs[name] = node, (before,)
        return name

    for name, node in graph.nodes.items():
        feeding: list[str] = []
        for number, before in enumerate(graph.inputs[name]):
            if isinstance(node, Concat):
                first = sum(shapes[other][0] for other in graph.inputs[name][:number])
                place = _place(shapes[name][0], first, shapes[before][0])
                before = between(f"{name}.{number}", place, before)
            elif before in feeding:
                before = between(f"{name}.again", Identity(), before)
            feeding.append(before)
        nodes[name] = Merge() if isinstance(node, Concat) else node
        inputs[name] = tuple(feeding)
    return Graph(nodes, inputs, graph.source)


def read_joins(graph: Graph) -> Graph:
    """The network with the Concats and repeated inputs that :func:`spell_joins` spelled out.

    What is recognised is the form, whoever wrote it: the function is the same in either.
    """
    nodes = dict(graph.nodes)
    inputs = {name: tuple(feeding) for name, feeding in graph.inputs.items()}
    for name in graph.of(Merge):
        firsts = {other: _first(graph, name, other) for other in graph.inputs[name]}
        parts = sorted((first, other) for other, first in firsts.items() if first is not None)
        if len(parts) == len(inputs[name]) and _fill(graph, parts):
            nodes[name] = Concat()
            inputs[name] = tuple(graph.inputs[other][0] for _, other in parts)
    for name in graph.of(Merge):
        inputs[name] = tuple(_repeated(graph, name, other) for other in inputs[name])
    return prune(Graph(nodes, inputs, graph.source))


def _place(channels: int, first: int, own: int) -> Conv2d:
    return Conv2d(np.eye(channels, dtype=np.float32)[:, first : first + own, None, None])


def _first(graph: Graph, merge: str, name: str) -> int | None:
    """The channel from which on a placing convolution puts its input, None if it is none."""
    node = graph.nodes[name]
    if not isinstance(node, Conv2d) or graph.outputs[name] != (merge,) or node.groups != 1:
        return None
    channels, own, *kernel = node.weight.shape
    if kernel != [1, 1] or own > channels or node.bias is not None or not node.weight[0].size:
        return None
    if node.stride != (1, 1) or node.padding != (0, 0):
        return None
    first = int(np.argmax(node.weight[:, 0, 0, 0]))
    placed = _place(channels, first, own).weight
    return first if np.array_equal(placed, node.weight) else None


def _fill(graph: Graph, parts: list[tuple[int, str]]) -> bool:
    """Whether the parts, in order, fill all channels."""
    reached = 0
    for first, name in parts:
        if first != reached:
            return False
        reached += graph.nodes[name].weight.shape[1]  # type: ignore[union-attr]
    return reached == graph.nodes[parts[0][1]].weight.shape[0]  # type: ignore[union-attr]


def _repeated(graph: Graph, merge: str, name: str) -> str:
    """What feeds ``name``, if it only repeats another input of ``merge``."""
    if isinstance(graph.nodes[name], Identity) and graph.outputs[name] == (merge,):
        before = graph.inputs[name][0]
        return before if before in graph.inputs[merge] else name
    return name
