"""Layers that no chip of the family has, put in terms of those it has; the function changes.

Users of snn_toolbox know them as ``max2avg_pool`` and ``softmax_to_relu``. Each function tells
which layers it changed, so that the user can be warned.
"""

from __future__ import annotations

from dataclasses import replace

from dynapdeploy.graph.edit import replace_nodes
from dynapdeploy.graph.graph import Graph
from dynapdeploy.graph.nodes import Pool2d, ReLU, Unsupported


def max_to_average(graph: Graph) -> tuple[Graph, tuple[str, ...]]:
    """The network with average pooling in the place of max pooling, and the layers' names.

    The mean of a window is at most its maximum: activity falls, and the weights were trained for
    something else. Train on afterwards, or expect a loss.
    """
    changed = {
        name: replace(node, kind="average")
        for name, node in graph.nodes.items()
        if isinstance(node, Pool2d) and node.kind == "max"
    }
    return (replace_nodes(graph, changed) if changed else graph), tuple(changed)


def softmax_to_relu(graph: Graph) -> tuple[Graph, tuple[str, ...]]:
    """The network with a ReLU in the place of (log-)softmax, and the layers' names.

    The largest output stays the largest where it is above 0; if none is, no output spikes, and the
    sample counts as wrong.
    """
    changed = {
        name: ReLU()
        for name, node in graph.nodes.items()
        if isinstance(node, Unsupported) and node.kind.lower() in SOFTMAX
    }
    return (replace_nodes(graph, changed) if changed else graph), tuple(changed)


SOFTMAX = ("softmax", "logsoftmax", "log_softmax")
