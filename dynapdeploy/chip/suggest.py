"""The smallest set of changes that makes a whole network fit a chip.

A beam search over networks: each step takes the first violation and tries every change that ends or
eases it. Parameters and multiply-accumulates lost are the price. Weights play no part, so they are
left out of it; the result has to be trained again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from dynapdeploy.chip.changes import Change
from dynapdeploy.chip.diagnostics import Diagnostic
from dynapdeploy.chip.lower import Layer, Network, lower
from dynapdeploy.chip.memory import bits
from dynapdeploy.chip.place import demand_of, place
from dynapdeploy.chip.profile import Profile
from dynapdeploy.chip.remedy import apply_folded
from dynapdeploy.chip.rules import Subject, check_rules
from dynapdeploy.errors import SourceError
from dynapdeploy.graph.edit import replace_nodes
from dynapdeploy.graph.fold import fold
from dynapdeploy.graph.graph import Graph
from dynapdeploy.graph.nodes import Conv2d

BEAM = 8
MOST_REMOVALS = 3
MOST_STEPS = 40
PER_CHANGE = 0.05
"""Price of one more change, in halvings of parameters or of MACs."""
_EASED = {"DYN021", "DYN022", "DYN024", "DYN025"}


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


@dataclass(frozen=True, eq=False)
class _State:
    graph: Graph
    network: Network
    errors: tuple[Diagnostic, ...]
    changes: tuple[Change, ...]


_Evaluate = Callable[[Graph, tuple[Change, ...]], _State]


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

    def state(folded: Graph, changes: tuple[Change, ...]) -> _State:
        network = lower(folded)
        return _State(folded, network, _errors(network, profile, allow_bias, pinned or {}), changes)

    start = state(_hollow(fold(graph)), ())
    before = _size(start.network)
    beam, best, seen = [start], None, set[object]()
    for _ in range(MOST_STEPS):
        following: list[tuple[float, _State]] = []
        for current in beam:
            if not current.errors:
                if best is None or _price(current, before) < _price(best, before):
                    best = current
                continue
            for change in _candidates(current, profile):
                try:
                    found = state(apply_folded(current.graph, change), (*current.changes, change))
                except SourceError:
                    continue
                key = _key(found)
                if key in seen or not _same_ends(found.network, start.network):
                    continue
                seen.add(key)
                following.append((_price(found, before) + _missing(found), found))
        following = [
            entry
            for entry in following
            if best is None or _price(entry[1], before) < _price(best, before)
        ]
        if not following:
            break
        beam = [found for _, found in sorted(following, key=lambda entry: entry[0])[:BEAM]]
    if best is None:
        return None
    best = _relaxed(start, best, before, state)
    best = _plain(start, best, state)
    return Suggestion(best.changes, *_sizes(best, before), best.network)


def _relaxed(start: _State, best: _State, before: tuple[int, int], state: _Evaluate) -> _State:
    """Take back what is not needed: whole changes, and parts of those of channels."""

    def replayed(changes: tuple[Change, ...]) -> _State | None:
        graph = start.graph
        try:
            for change in changes:
                graph = apply_folded(graph, change)
        except SourceError:
            return None
        found = state(graph, changes)
        good = not found.errors and _same_ends(found.network, start.network)
        return found if good and _price(found, before) < _price(best, before) else None

    for change in _joined(best.changes):
        at = next((i for i, other in enumerate(best.changes) if other == change), None)
        if at is None:
            continue
        shorter = replayed((*best.changes[:at], *best.changes[at + 1 :]))
        if shorter is not None:
            best = shorter
        elif change.what in ("features", "channels"):
            value = int(change.value)  # type: ignore[arg-type]
            step = value // 2
            while step:
                more = replace(change, value=value + step)
                wider = replayed((*best.changes[:at], more, *best.changes[at + 1 :]))
                if wider is None:
                    step //= 2
                else:
                    best, value = wider, value + step
    return best


def _plain(start: _State, best: _State, state: _Evaluate) -> _State:
    """The same network by one change per layer and kind, where that leads to a fitting one."""
    kept = ("features", "channels", "kernel", "stride")
    changes = [change for change in _joined(best.changes) if change.what not in kept]
    found = {layer.name: layer for layer in best.network.layers}
    for old in start.network.layers:
        new = found.get(old.name)
        if new is None:
            continue
        if new.stride != old.stride:
            changes.append(Change(old.name, "stride", new.stride))
        followed = old.kernel == old.input_shape[1:] and new.kernel == new.input_shape[1:]
        if new.kernel != old.kernel and not followed and new.kernel[0] == new.kernel[1]:
            changes.append(Change(old.name, "kernel", new.kernel[0]))
        if new.features != old.features:
            changes.append(Change(old.name, "features", new.features))
    graph = start.graph
    try:
        for change in changes:
            graph = apply_folded(graph, change)
    except SourceError:
        return best
    plain = state(graph, tuple(changes))
    return best if plain.errors or not _same_ends(plain.network, start.network) else plain


def _errors(
    network: Network, profile: Profile, allow_bias: bool, pinned: Mapping[str, int]
) -> tuple[Diagnostic, ...]:
    demands = {layer.name: demand_of(layer) for layer in network.layers}
    kept = {name: core for name, core in pinned.items() if name in demands}
    alone = Subject(network, profile, demands, allow_bias=allow_bias, pinned=kept)
    found = tuple(d for d in check_rules(alone) if d.severity == "error")
    if found:
        return found
    placement = place(list(demands.values()), profile, "reproducible", kept, network.entry)
    together = replace(alone, placement=placement)
    return tuple(d for d in check_rules(together) if d.severity == "error")


def _candidates(current: _State, profile: Profile) -> list[Change]:
    """Changes that end the first violation that has any, and steps on the way to it."""
    for error in current.errors:
        found = list(error.changes)
        names = (error.layer or "").split(", ")
        if error.rule == "DYN020":
            found += _removals(current.network)
        elif error.rule in _EASED:
            for layer in current.network.layers:
                if layer.name in names:
                    found += _steps(layer, profile)
        if found:
            return found
    return []


def _removals(network: Network) -> list[Change]:
    """Leave out one of the smallest layers, but for those whose spikes leave the chip."""
    inner = [layer for layer in network.layers if all(t.layer is not None for t in layer.targets)]
    inner.sort(key=lambda layer: layer.weight.size)
    return [Change(layer.name, "removed") for layer in inner[:MOST_REMOVALS]]


def _steps(layer: Layer, profile: Profile) -> Iterator[Change]:
    if layer.features > 1:
        yield Change(layer.name, "features", 1 << (bits(layer.features) - 1))
    if layer.channels > 1:
        yield Change(layer.name, "channels", 1 << (bits(layer.channels) - 1))
    if max(layer.kernel) > 1:
        yield Change(layer.name, "kernel", max(layer.kernel) - 1)
    for step in sorted(profile.limits.strides):
        if step > max(layer.stride) and max(layer.output_shape[1:]) > 1:
            yield Change(layer.name, "stride", (step, step))
            break


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
    weights = [layer.weight.size for layer in network.layers]
    maps = [layer.output_shape[1] * layer.output_shape[2] for layer in network.layers]
    return sum(weights), sum(w * m for w, m in zip(weights, maps, strict=True))


def _sizes(found: _State, before: tuple[int, int]) -> tuple[int, int, int, int]:
    parameters, macs = _size(found.network)
    return parameters, before[0], macs, before[1]


def _price(found: _State, before: tuple[int, int]) -> float:
    """Halvings of the parameters and of the MACs, and a little per change; gains do not count."""
    lost = (math.log2(b / n) for b, n in zip(before, _size(found.network), strict=True))
    return sum(max(0.0, halvings) for halvings in lost) + PER_CHANGE * len(_joined(found.changes))


def _missing(found: _State) -> float:
    """A guess at what the violations that are left will cost."""
    total = 0.0
    for error in found.errors:
        if isinstance(error.actual, int) and isinstance(error.limit, int) and error.limit > 0:
            total += 0.15 * math.log2(max(2.0, error.actual / error.limit))
        else:
            total += 0.15
    return total


def _same_ends(network: Network, before: Network) -> bool:
    def classes(net: Network) -> set[int]:
        ends = (layer for layer in net.layers if any(t.layer is None for t in layer.targets))
        return {layer.features for layer in ends}

    return classes(network) == classes(before) and network.input_shape[0] == before.input_shape[0]


def _key(found: _State) -> object:
    """Equal for states with the same layers and the same violations."""
    layers = tuple(
        (layer.name, layer.weight.shape, layer.stride, layer.padding, layer.output_shape)
        for layer in found.network.layers
    )
    return layers, frozenset((error.rule, error.layer) for error in found.errors)


def _joined(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """Without those that a later one of the same kind replaces."""
    last = {(change.layer, change.what): change for change in changes}
    return tuple(last.values())
