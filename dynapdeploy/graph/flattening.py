"""Flatten goes, and what came behind it becomes a convolution over the whole map."""

from __future__ import annotations

from dynapdeploy.errors import SourceError
from dynapdeploy.events import Shape
from dynapdeploy.graph.edit import remove_nodes, replace_nodes
from dynapdeploy.graph.graph import Graph
from dynapdeploy.graph.nodes import (
    IAF,
    Concat,
    Conv2d,
    Flatten,
    Linear,
    Merge,
    Node,
    ReLU,
    Unsupported,
)
from dynapdeploy.graph.shapes import infer_shapes, shape_after


def flatten_to_kernel(graph: Graph) -> Graph:
    """Linear on a flattened map (c, h, w) becomes a convolution with kernel (h, w).

    Neurons, merges and concatenations between the Flatten and the Linear work on the map as it is.
    A Flatten whose map reaches anything else, an output for instance, is refused by name.
    """
    while True:
        flat = infer_shapes(graph)
        changed, culprits = _on_maps(graph, flat)
        if not culprits:
            return remove_nodes(replace_nodes(graph, changed), list(graph.of(Flatten)))
        graph = replace_nodes(graph, culprits)


def _on_maps(graph: Graph, flat: dict[str, Shape]) -> tuple[dict[str, Node], dict[str, Node]]:
    """The nodes as they must be once every map stays a map; the Flattens that cannot go."""
    maps: dict[str, Shape] = {}
    changed: dict[str, Node] = {}
    culprits: dict[str, Node] = {}
    for name, node in graph.nodes.items():
        feeding = [maps[other] for other in graph.inputs[name]]
        kept = all(maps[other] == flat[other] for other in graph.inputs[name])
        if isinstance(node, Flatten):
            maps[name] = feeding[0]
        elif isinstance(node, Linear) or (not kept and _is_pointwise(node)):
            changed[name] = _covering(node, feeding[0])  # type: ignore[arg-type]
            maps[name] = flat[name]
        elif kept:
            maps[name] = flat[name]
        elif _keeps_order(node, feeding):
            maps[name] = shape_after(node, feeding)
        else:
            reason = f"{name} ({type(node).__name__}) behind it needs the features in a row"
            for flatten in _flattens(graph, name):
                culprits[flatten] = Unsupported("Flatten", reason, flat[flatten])
            maps[name] = flat[name]
    return changed, culprits


def _is_pointwise(node: Node) -> bool:
    return (
        isinstance(node, Conv2d)
        and node.weight.shape[2:] == (1, 1)
        and node.padding == (0, 0)
        and node.groups == 1
    )


def _covering(node: Linear | Conv2d, shape: Shape) -> Conv2d:
    weight = node.weight.reshape(len(node.weight), *shape)
    return Conv2d(weight, node.bias)


def _keeps_order(node: Node, feeding: list[Shape]) -> bool:
    if isinstance(node, Merge | Concat):
        try:
            shape_after(node, feeding)
        except SourceError:
            return False
        return True
    return isinstance(node, IAF | ReLU)


def _flattens(graph: Graph, name: str) -> list[str]:
    found: list[str] = []
    waiting = list(graph.inputs[name])
    while waiting:
        other = waiting.pop()
        if isinstance(graph.nodes[other], Flatten):
            found.append(other)
        elif not isinstance(graph.nodes[other], Conv2d | Linear):
            waiting.extend(graph.inputs[other])
    return found
