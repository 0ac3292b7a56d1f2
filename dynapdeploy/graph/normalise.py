"""Normalisation of a network's activations layer by layer, as snn_toolbox does before conversion.

``lambda_l`` is a percentile of the activations of layer ``l`` that are not 0;
``w_l *= lambda_(l-1) / lambda_l`` and ``b_l /= lambda_l``. With that every activation of layer
``l`` becomes ``1 / lambda_l`` of what it was, biases or not, and the largest output stays the
largest. (sinabs 3.1.3 takes the percentile over zeros too and leaves biases as they are, which
changes the function.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from dynapdeploy.errors import InputError, SourceError
from dynapdeploy.graph.edit import replace_nodes
from dynapdeploy.graph.evaluate import activations
from dynapdeploy.graph.graph import Graph
from dynapdeploy.graph.nodes import (
    IAF,
    BatchNorm2d,
    Concat,
    Conv2d,
    Input,
    Linear,
    Merge,
    Node,
    ReLU,
    Unsupported,
)

PERCENTILE = 99.9
"""snn_toolbox's default."""


@dataclass(frozen=True, eq=False)
class Normalised:
    """The network, and by neuron layer the factor that its activations were divided by."""

    graph: Graph
    factors: dict[str, float]


def normalise(
    graph: Graph, x: np.ndarray, percentile: float = PERCENTILE, level: float = 1.0
) -> Normalised:
    """Scale weights and biases so that each layer's ``percentile`` activation becomes ``level``.

    Layers whose spikes are added up or joined share one factor; the input keeps 1. A layer without
    any activity keeps its scale. Fold BatchNorm first.

    Args:
        x: input counts ``[n, c, h, w]`` of some training samples.
        percentile: of the activations that are not 0, 0 to 100.
        level: spikes per sample that a neuron at the percentile shall have. snn_toolbox's 1 is one
            spike per time step; where ``x`` holds counts of whole samples, it must be larger.

    Raises:
        InputError: a percentile or level out of range.
        SourceError: BatchNorm, or an unsupported layer, by name.
    """
    if not 0 < percentile <= 100 or not 0 < level < float("inf"):
        raise InputError(
            f"normalise: a percentile in 0..100 and a level above 0 were expected, "
            f"got {percentile!r} and {level!r}"
        )
    for name, node in graph.nodes.items():
        if isinstance(node, BatchNorm2d | Unsupported):
            raise SourceError(f"{graph.source}: {name}: {type(node).__name__} in the way; fold it")
    factors = _factors(graph, x, percentile, level)
    return Normalised(_scaled(graph, factors), factors)


def _factors(graph: Graph, x: np.ndarray, percentile: float, level: float) -> dict[str, float]:
    names = [name for name, node in graph.nodes.items() if isinstance(node, ReLU | IAF)]
    values = activations(graph, x, names, quantized=False)
    found: dict[str, float] = {}
    for group in _groups(graph, names):
        if graph.input in group:
            factor = 1.0
        else:
            active = np.concatenate([values[name][values[name] > 0] for name in group])
            factor = float(np.percentile(active, percentile)) / level if active.size else 1.0
        found |= {name: factor for name in group if name in values}
    return {name: found[name] for name in names}


def _groups(graph: Graph, names: list[str]) -> list[set[str]]:
    """Neuron layers, and the input, that must share one factor."""
    groups: list[set[str]] = [{name} for name in [graph.input, *names]]

    def join(together: set[str]) -> None:
        touched = [group for group in groups if group & together]
        groups[:] = [g for g in groups if not g & together] + [set().union(*touched)]

    for name, node in graph.nodes.items():
        if isinstance(node, Merge | Concat | ReLU | IAF):
            origins = {origin for origin in _origins(graph, name) if origin is not None}
            if isinstance(node, ReLU | IAF):
                origins.add(name)
            if origins:
                join(origins)
    return groups


def _origins(graph: Graph, name: str) -> Iterator[str | None]:
    """Neuron layers and input whose activity reaches ``name`` through no weights; None: weights."""
    for other in graph.inputs[name]:
        node = graph.nodes[other]
        if isinstance(node, ReLU | IAF | Input):
            yield other
        elif isinstance(node, Conv2d | Linear):
            yield None
        else:
            yield from _origins(graph, other)


def _scaled(graph: Graph, factors: dict[str, float]) -> Graph:
    changed: dict[str, Node] = {}
    for name, node in graph.nodes.items():
        if isinstance(node, Conv2d | Linear):
            before = _before(graph, name, factors)
            after = _after(graph, name, factors)
            weight = (node.weight * (before / after)).astype(node.weight.dtype)
            bias = None if node.bias is None else (node.bias / after).astype(node.bias.dtype)
            changed[name] = replace(node, weight=weight, bias=bias)
        elif isinstance(node, IAF) and node.lower_bound is not None:
            changed[name] = replace(node, lower_bound=node.lower_bound / factors[name])
    return replace_nodes(graph, changed)


def _before(graph: Graph, name: str, factors: dict[str, float]) -> float:
    """Factor of what enters a layer; one that nothing but weights feeds has theirs, 1."""
    found = {factors.get(origin, 1.0) for origin in _origins(graph, name) if origin is not None}
    return found.pop() if found else 1.0


def _after(graph: Graph, name: str, factors: dict[str, float]) -> float:
    """Factor of the neurons behind a layer; 1 where there are none before the next weights."""
    for other in graph.outputs[name]:
        node = graph.nodes[other]
        if isinstance(node, ReLU | IAF):
            return factors[other]
        if not isinstance(node, Conv2d | Linear):
            return _after(graph, other, factors)
    return 1.0
