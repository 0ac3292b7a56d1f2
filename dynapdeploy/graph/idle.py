"""Neurons that change nothing: their input is already what they would put out."""

from __future__ import annotations

from dynapdeploy.graph.edit import remove_nodes, replace_nodes
from dynapdeploy.graph.graph import Graph
from dynapdeploy.graph.nodes import (
    IAF,
    Concat,
    Flatten,
    Input,
    Merge,
    Node,
    Pool2d,
    ReLU,
)


def drop_idle_neurons(graph: Graph) -> Graph:
    """Without neurons that get only counts of spikes, as they are or summed.

    Input events and spikes are whole and never negative. A ReLU keeps what is never negative; a
    quantized one, and an IAF neuron of threshold 1 that a spike of weight 1 makes fire at once,
    also need that no average was taken on the way.
    A quantized ReLU right after a plain one stays and takes over its place.
    """
    positive: dict[str, bool] = {}
    whole: dict[str, bool] = {}
    idle: list[str] = []
    changed: dict[str, Node] = {}
    for name, node in graph.nodes.items():
        before = graph.inputs[name]
        fed_positive = all(positive[other] for other in before)
        fed_whole = all(whole[other] for other in before)
        if isinstance(node, Input):
            positive[name] = whole[name] = True
        elif isinstance(node, ReLU | IAF):
            rounds = isinstance(node, IAF) or node.quantized
            positive[name] = True
            whole[name] = rounds or fed_whole
            if _passes(node) and fed_positive and (fed_whole or not rounds):
                idle.append(name)
            elif rounds and isinstance(node, ReLU) and _is_plain(graph, changed, name):
                changed[before[0]] = node
                whole[before[0]] = True
                idle.append(name)
        elif isinstance(node, Pool2d | Merge | Concat | Flatten):
            positive[name] = fed_positive
            averaged = isinstance(node, Pool2d) and node.kind == "average"
            whole[name] = fed_whole and not averaged
        else:
            positive[name] = whole[name] = False
    return remove_nodes(replace_nodes(graph, changed), idle)


def _passes(node: ReLU | IAF) -> bool:
    return isinstance(node, ReLU) or node.threshold == 1


def _is_plain(graph: Graph, changed: dict[str, Node], name: str) -> bool:
    before = graph.inputs[name][0]
    node = changed.get(before, graph.nodes[before])
    return isinstance(node, ReLU) and not node.quantized and graph.outputs[before] == (name,)
