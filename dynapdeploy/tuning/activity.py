"""How many spikes each layer gives: which layers must agree on it, and what evens it out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dynapdeploy.chip.lower import Network
from dynapdeploy.graph.evaluate import activations
from dynapdeploy.graph.graph import Graph

INPUT = None
"""Stands for the input events among the sources of spikes."""
BUSY = 99.0
"""Percentile of the activities above 0 that counts as a busy neuron; single outliers do not."""


def groups(network: Network) -> tuple[frozenset[str | None], ...]:
    """Sources of spikes that must share one activity, as some layer adds them up or joins them.

    The input is in a group where it shares a consumer with a layer; the activity there stays 1.
    """
    feeding: dict[str | None, set[str | None]] = {}
    for layer in network.layers:
        for target in layer.targets:
            feeding.setdefault(target.layer, set()).add(layer.name)
    for name in network.entry:
        feeding.setdefault(name, set()).add(INPUT)
    found: list[set[str | None]] = [{INPUT}]
    found += [{layer.name} for layer in network.layers]
    for sources in feeding.values():
        touched = [group for group in found if group & sources]
        found = [group for group in found if not group & sources] + [set().union(*touched)]
    return tuple(frozenset(group) for group in found)


def feeders(network: Network) -> dict[str, str | None]:
    """One source of spikes for each layer (all its sources share an activity)."""
    found: dict[str, str | None] = dict.fromkeys(network.entry, INPUT)
    for layer in network.layers:
        for target in layer.targets:
            if target.layer is not None:
                found.setdefault(target.layer, layer.name)
    return found


def busy_levels(graph: Graph, network: Network, counts: np.ndarray) -> dict[str | None, float]:
    """Spikes of a busy neuron of each layer in the float net, and input events of a busy pixel.

    Args:
        graph: the folded graph that ``network`` was lowered from.
        counts: input events per pixel, ``[n, c, h, w]``.

    Returns:
        Level by layer name; layers in which no neuron is ever active are left out.
    """
    found: dict[str | None, float] = {}
    values = activations(graph, counts, [layer.name for layer in network.layers], False)
    sums: dict[str | None, np.ndarray] = {INPUT: counts}
    sums |= {layer.name: values[layer.name] / layer.neuron.threshold for layer in network.layers}
    for name, value in sums.items():
        active = value[value > 0]
        if active.size:
            found[name] = float(np.percentile(active, BUSY))
    return found


def evened(network: Network, levels: Mapping[str | None, float], share: float) -> dict[str, float]:
    """Activities by which the busy neurons of every layer spike ``share`` times as often as a busy
    pixel of the input. Groups with the input in them keep 1.
    """
    found = {layer.name: 1.0 for layer in network.layers}
    for group in groups(network):
        busiest = max((levels[name] for name in group if name in levels), default=0.0)
        if INPUT in group or not busiest or INPUT not in levels:
            continue
        for name in group:
            if name is not None:
                found[name] = share * levels[INPUT] / busiest
    return found
