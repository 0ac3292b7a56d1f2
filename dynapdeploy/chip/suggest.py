"""The smallest set of changes that makes a whole network fit a chip.

The size of a set of changes: each counts :data:`PER_CHANGE` and the square of how often it halves
what it changes (channels, pixels of a kernel or of a step), so that a little less in several layers
is smaller than a bottleneck in one; between sets of one size, lost parameters and
multiply-accumulates decide. What has only one answer (no bias, no dilation, ...) is changed first.
Then sizes are searched: a beam from the net as it is towards smaller ones, whose best ends are
improved by giving back what can be given back. Weights play no part; the result has to be trained
again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dynapdeploy.chip.changes import Change
from dynapdeploy.chip.diagnostics import Diagnostic
from dynapdeploy.chip.lower import Network, lower
from dynapdeploy.chip.place import demand_of, place
from dynapdeploy.chip.profile import Profile
from dynapdeploy.chip.remedy import apply_folded
from dynapdeploy.chip.rules import Subject, check_rules
from dynapdeploy.chip.sizing import Plan, Sized, Sizing, troubled
from dynapdeploy.errors import SourceError
from dynapdeploy.graph.edit import replace_nodes
from dynapdeploy.graph.fold import fold
from dynapdeploy.graph.graph import Graph
from dynapdeploy.graph.nodes import Conv2d

PER_CHANGE = 1.0
PER_LOST_HALVING = 0.1
"""Of all parameters, or of all MACs."""
BEAM = 24
ENDS = 3
MOST_SETTLED = 200
OF_SIZE = {"DYN015", "DYN021", "DYN022", "DYN023", "DYN024", "DYN025", "DYN027"}
"""Rules whose errors the search of sizes ends."""


@dataclass(frozen=True)
class Suggestion:
    """Changes that make a network fit, in the order to apply them, and what they cost.

    Attributes:
        changes: empty if it fits as it is.
        parameters, parameters_before: weights of the network, after and before.
        macs, macs_before: multiply-accumulates of one forward pass; SynOps go with them where
            neurons spike as often as before.
        network: the changed network, lowered.
    """

    changes: tuple[Change, ...]
    parameters: int
    parameters_before: int
    macs: int
    macs_before: int
    network: Network


def suggest(
    graph: Graph,
    profile: Profile,
    *,
    allow_bias: bool = False,
    pinned: Mapping[str, int] | None = None,
) -> Suggestion | None:
    """Find the cheapest changes after which no rule of the chip reports an error.

    The classes and the channels of the input stay as they are.

    Returns:
        None where no changes of size were found that help, for instance because a module cannot run
        on the chip at all.

    Raises:
        SourceError: the input shape is unknown or does not fit the weights.
    """
    pins = dict(pinned or {})

    def errors(network: Network) -> list[Diagnostic]:
        return _errors(network, profile, allow_bias, pins)

    start = _hollow(fold(graph))
    before = _size(lower(start))
    settled = _settled(start, errors)
    if settled is None:
        return None
    graph, fixed = settled
    network = lower(graph)
    sizing = Sizing(network, profile, {n: c for n, c in pins.items() if n in _names(network)})
    for plan in _plans(sizing, before):
        for changes in _orders(fixed, sizing.changes(plan)):
            changed = _replayed(start, changes)
            if changed is None:
                continue
            for error in errors(lower(changed)):
                if error.rule == "DYN010" and error.changes:
                    changed = apply_folded(changed, error.changes[0])
                    changes = (*changes, error.changes[0])
            if not errors(lower(changed)):
                network = lower(changed)
                told = _with_padding(changes, lower(start), network)
                parameters, macs = _size(network)
                return Suggestion(told, parameters, before[0], macs, before[1], network)
    return None


def _plans(sizing: Sizing, before: tuple[int, int]) -> list[Plan]:
    """Plans with which all layers fit, the cheapest first."""
    ends: list[tuple[float, Plan]] = []
    beam, seen = [sizing.start], {sizing.start}
    while beam:
        following: list[tuple[float, float, Plan]] = []
        for plan in beam:
            sizes = sizing.sizes(plan)
            trouble = troubled(sizes) if sizes else []
            if sizes and not trouble:
                ends.append((_cost(sizing, sizes, plan, before), plan))
                continue
            for knob in sorted({knob for i in trouble for knob in sizing.near[i]}):
                narrower = _turned(sizing, plan, knob, plan[knob] + 1)
                if narrower is None or narrower in seen:
                    continue
                seen.add(narrower)
                found = sizing.sizes(narrower)
                if found:
                    cost = _cost(sizing, found, narrower, before)
                    following.append((cost + _missing(found), cost, narrower))
        cheapest = min(ends)[0] if ends else math.inf
        beam = [plan for _, cost, plan in sorted(following)[:BEAM] if cost < cheapest]
    improved = {_improved(sizing, plan, price, before) for price, plan in sorted(ends)[:ENDS]}
    return [plan for _, plan in sorted(improved)]


def _improved(
    sizing: Sizing, plan: Plan, price: float, before: tuple[int, int]
) -> tuple[float, Plan]:
    """Give back one change, or part of it, at the cost of one other at most, while that helps."""
    while True:
        best = price, plan
        for other in _nearby(sizing, plan):
            sizes = sizing.sizes(other)
            cost = _cost(sizing, sizes, other, before) if sizes else math.inf
            if sizes and cost < best[0] - 1e-9 and not troubled(sizes):
                best = cost, other
        if best[1] == plan:
            return price, plan
        price, plan = best


def _nearby(sizing: Sizing, plan: Plan) -> Iterator[Plan]:
    for wide, level in enumerate(plan):
        for lower_level in range(level):
            wider = _turned(sizing, plan, wide, lower_level)
            if wider is None:
                continue
            yield wider
            for narrow in range(len(plan)):
                if narrow != wide:
                    for more in range(plan[narrow] + 1, len(sizing.knobs[narrow].values)):
                        yield (*wider[:narrow], more, *wider[narrow + 1 :])


def _turned(sizing: Sizing, plan: Plan, knob: int, level: int) -> Plan | None:
    if level >= len(sizing.knobs[knob].values):
        return None
    return (*plan[:knob], level, *plan[knob + 1 :])


def _cost(sizing: Sizing, sizes: Sequence[Sized], plan: Plan, before: tuple[int, int]) -> float:
    """The size of the set of changes, as this module defines it; gains do not count."""
    after = sum(s.parameters for s in sizes), sum(s.macs for s in sizes)
    lost = (math.log2(b / a) for b, a in zip(before, after, strict=True))
    turned = [(knob, level) for knob, level in zip(sizing.knobs, plan, strict=True) if level]
    return sum(
        PER_CHANGE + knob.halvings(level) ** 2 for knob, level in turned
    ) + PER_LOST_HALVING * sum(max(0.0, halvings) for halvings in lost)


def _missing(sizes: Sequence[Sized]) -> float:
    """A guess at what is still to pay."""
    competing = len(troubled(sizes))
    return sum(size.excess for size in sizes) + (PER_CHANGE if competing else 0.0)


def _settled(start: Graph, errors) -> tuple[Graph, tuple[Change, ...]] | None:
    """The network without what no change of size ends, and the changes made for it."""
    graph, changes = start, tuple[Change, ...]()
    for _ in range(MOST_SETTLED):
        network = lower(graph)
        for error in errors(network):
            if _is_of_size(error, network):
                continue
            ways = _removals(network) if error.rule == "DYN020" else error.changes
            found = [(c, g) for c in ways if (g := _applied(graph, c)) is not None]
            if not found:
                return None
            change, graph = min(found, key=lambda way: _left(lower(way[1]), errors))
            if change in changes:
                return None
            changes = (*changes, change)
            break
        else:
            return graph, changes
    return None


def _left(network: Network, errors) -> tuple[int, int]:
    """The fewer errors are left the better, then the more of the network is left."""
    return len(errors(network)), -sum(_size(network))


def _is_of_size(error: Diagnostic, network: Network) -> bool:
    if error.rule in ("DYN010", "DYN011"):
        return network[error.layer or ""].covers_map
    inner = error.rule == "DYN014" and error.layer not in network.entry
    return inner or error.rule in OF_SIZE


def _applied(graph: Graph, change: Change) -> Graph | None:
    """None where the network cannot be made to fit the change, or its ends would differ."""
    try:
        changed = apply_folded(graph, change)
        same = _ends(lower(changed)) == _ends(lower(graph))
    except SourceError:
        return None
    return changed if same else None


def _replayed(graph: Graph, changes: Sequence[Change]) -> Graph | None:
    for change in changes:
        changed = _applied(graph, change)
        if changed is None:
            return None
        graph = changed
    return graph


def _errors(
    network: Network, profile: Profile, allow_bias: bool, pinned: Mapping[str, int]
) -> list[Diagnostic]:
    demands = {layer.name: demand_of(layer) for layer in network.layers}
    kept = {name: core for name, core in pinned.items() if name in demands}
    placement = place(list(demands.values()), profile, "reproducible", kept, network.entry)
    subject = Subject(
        network, profile, demands, placement=placement, allow_bias=allow_bias, pinned=kept
    )
    return [d for d in check_rules(subject) if d.severity == "error"]


def _removals(network: Network) -> list[Change]:
    """Leave out one of the layers whose spikes do not leave the chip, nor make one of a map."""
    return [
        Change(layer.name, "removed")
        for layer in network.layers
        if all(t.layer for t in layer.targets)
        and (not layer.covers_map or layer.input_shape[1:] == (1, 1))
    ]


def _hollow(graph: Graph) -> Graph:
    """The same shapes with weights that take no memory."""
    return replace_nodes(
        graph,
        {
            name: replace(node, weight=np.broadcast_to(np.float64(0), node.weight.shape))
            for name, node in graph.nodes.items()
            if isinstance(node, Conv2d)
        },
    )


def _size(network: Network) -> tuple[int, int]:
    """Parameters and MACs."""
    weights = [layer.weight.size for layer in network.layers]
    maps = [layer.output_shape[1] * layer.output_shape[2] for layer in network.layers]
    return sum(weights), sum(w * m for w, m in zip(weights, maps, strict=True))


def _names(network: Network) -> set[str]:
    return {layer.name for layer in network.layers}


def _ends(network: Network) -> object:
    """What must stay: the classes and the channels of the input."""
    ends = (layer for layer in network.layers if any(t.layer is None for t in layer.targets))
    return {layer.features for layer in ends}, network.input_shape[0]


def _with_padding(changes: Sequence[Change], before: Network, after: Network) -> tuple[Change, ...]:
    """Says of every kernel that changes which padding it then has, where that changes too."""
    found = list(changes)
    told = {change.layer for change in changes if change.what == "padding"}
    for change in changes:
        if change.what == "kernel" and change.layer not in told and change.layer in _names(after):
            padding = after[change.layer].padding
            if padding != before[change.layer].padding:
                found.insert(found.index(change) + 1, Change(change.layer, "padding", padding))
    return tuple(found)


def _orders(fixed: Sequence[Change], sizes: Sequence[Change]) -> Iterator[tuple[Change, ...]]:
    """The changes one behind the other: without those that a later one of the same kind replaces,
    and with them, as they all have a say in the padding.
    """
    last = {(change.layer, change.what): change for change in (*fixed, *sizes)}
    yield tuple(last.values())
    yield (*(c for c in fixed if last[c.layer, c.what] is c), *sizes)
    yield (*fixed, *sizes)
