"""Networks without concatenations and repeated inputs, for formats that only add."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dynapdeploy.graph.edit import fresh_name, prune
from dynapdeploy.graph.graph import Graph
from dynapdeploy.graph.nodes import Concat, Conv2d, Identity, Merge, Node
from dynapdeploy.graph.shapes import infer_shapes


def split_concats(graph: Graph) -> Graph:
    """A convolution on a Concat becomes one per input and their sum; the opposite of folding them.

    The sum keeps the name of the convolution; the parts are ``<name>.0``, ``<name>.1`` and so on,
    the first has the bias. A Merge that a Concat feeds is taken apart as well. Concats that
    something else reads stay.
    """
    shapes = infer_shapes(graph)
    joined: dict[str, bool] = {}
    for name, node in graph.nodes.items():
        below = isinstance(node, Merge) and any(joined[other] for other in graph.inputs[name])
        joined[name] = isinstance(node, Concat) or below
    nodes: dict[str, Node] = dict(graph.nodes)
    inputs: dict[str, tuple[str, ...]] = {n: tuple(f) for n, f in graph.inputs.items()}

    def leaves(source: str, weight: np.ndarray) -> list[tuple[str, np.ndarray]]:
        if not joined[source]:
            return [(source, weight)]
        feeding = graph.inputs[source]
        if isinstance(graph.nodes[source], Merge):
            return [leaf for other in feeding for leaf in leaves(other, weight)]
        ends = np.cumsum([shapes[other][0] for other in feeding])[:-1]
        slices = np.split(weight, ends, axis=1)
        return [
            leaf
            for other, part in zip(feeding, slices, strict=True)
            for leaf in leaves(other, part)
        ]

    for name, node in graph.nodes.items():
        if isinstance(node, Conv2d) and node.groups == 1 and joined[inputs[name][0]]:
            parts = []
            for number, (source, weight) in enumerate(leaves(inputs[name][0], node.weight)):
                part = fresh_name(f"{name}.{number}", nodes)
                nodes[part] = replace(node, weight=weight, bias=None if number else node.bias)
                inputs[part] = (source,)
                parts.append(part)
            nodes[name], inputs[name] = Merge(), tuple(parts)
    return prune(Graph(nodes, inputs, graph.source))


def name_repeats(graph: Graph) -> Graph:
    """An input that stands in a node twice goes through an Identity the second time."""
    nodes: dict[str, Node] = dict(graph.nodes)
    inputs: dict[str, tuple[str, ...]] = {}
    for name, feeding in graph.inputs.items():
        once: list[str] = []
        for other in feeding:
            if other in once:
                again = fresh_name(f"{name}.again", nodes)
                nodes[again], inputs[again] = Identity(), (other,)
                other = again
            once.append(other)
        inputs[name] = tuple(once)
    return Graph(nodes, inputs, graph.source)
