"""A Concat or Merge that names one input twice: the weights behind it add up instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dynapdeploy.graph.edit import remove_nodes
from dynapdeploy.graph.graph import Graph
from dynapdeploy.graph.nodes import Concat, Conv2d, Merge, Node, Unsupported
from dynapdeploy.graph.shapes import infer_shapes


def add_repeated_inputs(graph: Graph) -> Graph:
    """Every join takes each input once; one that is left with a single input goes.

    A Merge [a, a, b] in front of weights W becomes a Concat [a, b] in front of [2W, W]. Where
    something other than ungrouped convolutions stands behind a Concat it is refused: a core would
    have to send each spike twice to one place under two features. A Merge stays there as it is.
    """
    shapes = infer_shapes(graph)
    nodes: dict[str, Node] = dict(graph.nodes)
    inputs = {name: tuple(feeding) for name, feeding in graph.inputs.items()}
    for name in graph.of(Concat | Merge):
        feeding = inputs[name]
        once = tuple(dict.fromkeys(feeding))
        if len(once) == len(feeding):
            continue
        concat = isinstance(graph.nodes[name], Concat)
        behind = [(other, nodes[other]) for other in graph.outputs[name]]
        convs = [(o, n) for o, n in behind if isinstance(n, Conv2d) and n.groups == 1]
        if len(convs) == len(behind):
            for other, conv in convs:
                widths = [shapes[source][0] for source in feeding] if concat else None
                nodes[other] = _added(conv, feeding, once, widths)
            nodes[name], inputs[name] = Concat(), once
        elif concat:
            twice = next(source for source in feeding if feeding.count(source) > 1)
            nodes[name] = Unsupported("Concat", f"{twice} stands in it twice", shapes[name])
    joins = graph.of(Concat | Merge)
    return remove_nodes(
        Graph(nodes, inputs, graph.source), [n for n in joins if len(inputs[n]) == 1]
    )


def _added(
    conv: Conv2d, feeding: Sequence[str], once: Sequence[str], widths: Sequence[int] | None
) -> Conv2d:
    """Weights for each input once; ``widths`` are the channels of a Concat's inputs."""
    if widths is None:
        slices = [conv.weight] * len(feeding)
    else:
        slices = np.split(conv.weight, np.cumsum(widths)[:-1], axis=1)
    total = [sum(w for f, w in zip(feeding, slices, strict=True) if f == name) for name in once]
    return replace(conv, weight=np.concatenate(total, axis=1))
