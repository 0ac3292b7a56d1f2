"""Small steps by which one network becomes another; none of them changes its argument."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from dynapdeploy.graph.graph import Graph
from dynapdeploy.graph.nodes import Input, Node, Output


def replace_nodes(graph: Graph, changed: Mapping[str, Node]) -> Graph:
    """The network with other nodes under the same names."""
    return replace(graph, nodes={**graph.nodes, **changed})


def remove_nodes(graph: Graph, names: Iterable[str]) -> Graph:
    """The network without these nodes: who was fed by one is fed by what fed it.

    Each of them has exactly one input.
    """
    gone = set(names)
    if not gone:
        return graph

    def before(name: str) -> str:
        while name in gone:
            name = graph.inputs[name][0]
        return name

    nodes = {name: node for name, node in graph.nodes.items() if name not in gone}
    inputs = {name: tuple(before(other) for other in graph.inputs[name]) for name in nodes}
    return Graph(nodes, inputs, graph.source)


def rewire(graph: Graph, inputs: Mapping[str, Sequence[str]]) -> Graph:
    """The network in which the named nodes have other inputs; nodes nobody reads disappear."""
    return prune(Graph(graph.nodes, {**graph.inputs, **inputs}, graph.source))


def prune(graph: Graph) -> Graph:
    """The network without the nodes from which no output can be reached."""
    used = {name for name, node in graph.nodes.items() if isinstance(node, Input | Output)}
    for name in reversed(list(graph.nodes)):
        if name in used:
            used.update(graph.inputs[name])
    nodes = {name: node for name, node in graph.nodes.items() if name in used}
    return Graph(nodes, {name: graph.inputs[name] for name in nodes}, graph.source)


def fresh_name(wanted: str, taken: Iterable[str]) -> str:
    """``wanted``, with a number behind it if that name is taken."""
    names = set(taken)
    name, number = wanted, 1
    while name in names:
        name, number = f"{wanted}_{number}", number + 1
    return name
