"""MACs as the code of Sorbaro et al. (2020) counts them, to compare with its figures."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import prod

from dynapdeploy.events import Shape
from dynapdeploy.graph.graph import Graph
from dynapdeploy.graph.nodes import Conv2d


def synoploss_macs(graph: Graph, shapes: Mapping[str, Shape]) -> int:
    """Sum over all convolutions but the first of
    ``c_in * ((h - k + p + 1) / s) * ((w - k + p + 1) / s) * k * k * c_out``.

    The formula counts the padding once instead of twice, and divides by the stride without
    rounding; it is right for stride 1 without padding. It gives 306,264,576 for the paper's
    CIFAR-10 net, whose same layers do 342,220,800.

    Args:
        shapes: ``(c, h, w)`` of the output of each node.
    """
    total = Fraction(0)
    for name in list(graph.of(Conv2d))[1:]:
        node = graph.nodes[name]
        if not isinstance(node, Conv2d):
            continue
        geometry = zip(
            shapes[graph.inputs[name][0]][1:],
            node.weight.shape[2:],
            node.padding,
            node.stride,
            strict=True,
        )
        outputs = prod(Fraction(size - k + p + 1, s) for size, k, p, s in geometry)
        total += node.weight.size * outputs
    return round(total)
