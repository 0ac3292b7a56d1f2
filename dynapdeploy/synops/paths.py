"""From every spiking population of a graph to the weights that its spikes meet next.

Spikes pass pooling, flattening, merges and whatever does nothing; they end at the first weights or
neurons.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dynapdeploy.errors import SourceError
from dynapdeploy.events import Shape
from dynapdeploy.graph.graph import Graph
from dynapdeploy.graph.nodes import IAF, Concat, Conv2d, Flatten, Input, Linear, Pool2d, ReLU
from dynapdeploy.synops.fanout import fanout_map, nominal_fanout, pool_back


@dataclass(frozen=True, eq=False)
class Path:
    """What one spike of a population costs in one layer.

    Attributes:
        source: name of the population (an Input, a ReLU or an IAF).
        layer: name of the Conv2d or Linear that its spikes reach.
        exact: int64 ``[c, h, w]`` of the population, connections that exist.
        nominal: connections per spike when borders are ignored.
        arrivals: int64 ``[c, h, w]`` of the population: how many times one of its spikes arrives
            at the layer; 0 where pooling drops it.
    """

    source: str
    layer: str
    exact: np.ndarray
    nominal: float
    arrivals: np.ndarray


Reach = tuple[np.ndarray, float, np.ndarray]
"""exact, nominal, arrivals of a :class:`Path`."""


def populations(graph: Graph) -> tuple[str, ...]:
    """Names of the nodes that send spikes: the input and every layer of neurons, in order.

    Neurons with no weights between them and the input only hand the input on; they are left out.
    """
    bare = _before_weights(graph)
    return tuple(
        name
        for name, node in graph.nodes.items()
        if isinstance(node, Input) or (isinstance(node, ReLU | IAF) and name not in bare)
    )


def paths(graph: Graph, shapes: Mapping[str, Shape]) -> tuple[Path, ...]:
    """Every path from a population to a layer, in the order of the populations.

    Args:
        shapes: ``(c, h, w)`` of the output of each node.
    """
    found: list[Path] = []
    bare = _before_weights(graph)
    for source in populations(graph):
        reached = _reached(graph, shapes, source, bare)
        found += [Path(source, layer, *reach) for layer, reach in reached.items()]
    return tuple(found)


def fanouts(
    graph: Graph, shapes: Mapping[str, Shape], definition: str = "exact"
) -> dict[str, np.ndarray]:
    """SynOps that one spike causes, float64 ``[c, h, w]`` per population, over all its paths.

    Args:
        definition: ``"exact"`` (connections that exist) or ``"nominal"`` (borders ignored).
    """
    if definition not in ("exact", "nominal"):
        raise SourceError(f"fan-out: exact or nominal was expected, got {definition!r}")
    total = {name: np.zeros(shapes[name]) for name in populations(graph)}
    for path in paths(graph, shapes):
        total[path.source] += path.exact if definition == "exact" else path.nominal
    return total


def _before_weights(graph: Graph) -> set[str]:
    bare: set[str] = set()
    for name, node in graph.nodes.items():
        if isinstance(node, Input) or (
            not isinstance(node, Conv2d | Linear) and all(o in bare for o in graph.inputs[name])
        ):
            bare.add(name)
    return bare


def _reached(
    graph: Graph, shapes: Mapping[str, Shape], name: str, bare: set[str]
) -> dict[str, Reach]:
    found: dict[str, Reach] = {}
    for target in graph.outputs[name]:
        for layer, (exact, nominal, arrivals) in _through(
            graph, shapes, name, target, bare
        ).items():
            if layer in found:
                before = found[layer]
                exact, arrivals = exact + before[0], arrivals + before[2]
                nominal = nominal + before[1]
            found[layer] = exact, nominal, arrivals
    return found


def _through(
    graph: Graph, shapes: Mapping[str, Shape], name: str, target: str, bare: set[str]
) -> dict[str, Reach]:
    node, shape = graph.nodes[target], shapes[name]
    if isinstance(node, Conv2d | Linear):
        return {target: (*_direct(node, shape), np.ones(shape, np.int64))}
    if isinstance(node, ReLU | IAF) and target not in bare:
        return {}
    behind = _reached(graph, shapes, target, bare)
    if isinstance(node, Pool2d):
        geometry = shape, node.kernel, node.stride, node.padding
        return {
            layer: (pool_back(exact, *geometry), nominal, pool_back(arrivals, *geometry))
            for layer, (exact, nominal, arrivals) in behind.items()
        }
    if isinstance(node, Flatten):
        return {
            layer: (exact.reshape(shape), nominal, arrivals.reshape(shape))
            for layer, (exact, nominal, arrivals) in behind.items()
        }
    if isinstance(node, Concat):
        before = graph.inputs[target][: graph.inputs[target].index(name)]
        first = sum(shapes[other][0] for other in before)
        own = slice(first, first + shape[0])
        return {
            layer: (exact[own], nominal, arrivals[own])
            for layer, (exact, nominal, arrivals) in behind.items()
        }
    return behind


def layer_fanout(node: Conv2d | Linear) -> float:
    """Nominal fan-out of one spike that arrives at a layer."""
    if isinstance(node, Linear):
        return float(node.weight.shape[0])
    return nominal_fanout(tuple(node.weight.shape), node.stride, node.groups)  # type: ignore[arg-type]


def _direct(node: Conv2d | Linear, shape: Shape) -> tuple[np.ndarray, float]:
    if isinstance(node, Linear):
        return np.full(shape, node.weight.shape[0], np.int64), layer_fanout(node)
    geometry = tuple(node.weight.shape), node.stride, node.padding, node.dilation, node.groups
    return fanout_map(shape, *geometry, node.padding_mode), layer_fanout(node)  # type: ignore[arg-type]
