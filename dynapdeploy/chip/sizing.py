"""A network as nothing but sizes: what may be changed about it, and whether it then fits a chip.

Small whole numbers instead of graphs and rules, so that a search can look at very many nets. What
it finds is checked by the rules afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from dynapdeploy.chip.changes import Change, What
from dynapdeploy.chip.lower import Layer, Network
from dynapdeploy.chip.memory import bias_words, bits, kernel_words, neuron_words
from dynapdeploy.chip.place import Demand, competitors, match
from dynapdeploy.chip.profile import Profile

Plan = tuple[int, ...]
"""How far every knob is turned; 0 leaves it as it is."""
INPUT = -1


@dataclass(frozen=True)
class Knob:
    """One thing that may be changed, for all ``layers`` that must agree on it.

    Attributes:
        layers: positions in the network.
        values: from how it is to the smallest, for stride and pooling the largest.
        areas: what each value is proportional to: channels, or pixels of a kernel or a step.
    """

    what: What
    layers: tuple[int, ...]
    values: tuple
    areas: tuple[int, ...]

    def halvings(self, level: int) -> float:
        """How often what is there has been halved."""
        return abs(math.log2(self.areas[level] / self.areas[0]))


@dataclass(frozen=True)
class Sized:
    """A layer as changed: ``kernel`` (y, x), map of neurons, and memory."""

    channels: int
    features: int
    kernel: tuple[int, int]
    extent: tuple[int, int]
    cores: tuple[int, ...]
    excess: float

    @property
    def parameters(self) -> int:
        """Weights."""
        return self.channels * self.features * self.kernel[0] * self.kernel[1]

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one forward pass, borders counted in full."""
        return self.parameters * self.extent[0] * self.extent[1]


class Sizing:
    """The knobs of a network and the sizes that follow from them.

    Attributes:
        network: the layers as they are.
        knobs: all that may be changed.
        near: knobs by layer position that have a say in its memory or its map.
    """

    def __init__(self, network: Network, profile: Profile, pinned: Mapping[str, int]) -> None:
        self.network, self.profile, self.pinned = network, profile, pinned
        layers = network.layers
        self._place = {layer.name: i for i, layer in enumerate(layers)}
        self._inputs = [list(self._joined(layer)) for layer in layers]
        self.knobs = tuple(knob for i in range(len(layers)) for knob in self._knobs(i))
        self._of = [[k for k, knob in enumerate(self.knobs) if i in knob.layers] for i in
                    range(len(layers))]  # fmt: skip
        self.near = [self._near(i) for i in range(len(layers))]
        self._fitting = cache(self._fitting_cores)

    def _joined(self, layer: Layer) -> Iterator[list[tuple[int, int]]]:
        """What feeds the layer, (position, pooling), as lists that are added up, channel by
        channel.
        """
        groups: dict[int, list[tuple[int, int]]] = {}
        if layer.name in self.network.entry:
            groups[0] = [(INPUT, 1)]
        for before, target in self.network.feeders(layer.name):
            entry = (self._place[before.name], target.pooling)
            groups.setdefault(target.feature_shift, []).append(entry)
        yield from (groups[shift] for shift in sorted(groups))

    def _tied(self, i: int) -> tuple[int, ...]:
        """The layer and those whose spikes are added to its own; with INPUT if that is."""
        found, waiting = {i}, [i]
        while waiting:
            one = waiting.pop()
            for groups in self._inputs:
                for group in groups:
                    members = {member for member, _ in group}
                    if one in members and not members <= found:
                        waiting += members - found
                        found |= members
        return tuple(sorted(found))

    def _knobs(self, i: int) -> Iterator[Knob]:
        layer, limits = self.network.layers[i], self.profile.limits
        tied = self._tied(i)
        if tied[0] == i:
            ends = any(t.layer is None for j in tied for t in self.network.layers[j].targets)
            if not ends and self._whole_groups(tied):
                halves = [1 << n for n in reversed(range(bits(layer.features)))]
                yield Knob("features", tied, (layer.features, *halves), (layer.features, *halves))
            steps = [_at_least(layer.stride, s) for s in limits.strides if s > min(layer.stride)]
            strides = tuple(dict.fromkeys([layer.stride, *steps]))
            yield Knob("stride", tied, strides, tuple(y * x for y, x in strides))
            sizes = [t.pooling for j in tied for t in self.network.layers[j].targets if t.layer]
            if sizes:
                more = [p for p in limits.pooling if p > max(sizes)]
                areas = tuple(p * p for p in (max(sizes), *more))
                yield Knob("pooling", tied, (1, *more), areas)
        if not layer.covers_map:
            side = max(layer.kernel)
            by_bits = {bits(s * s): s for s in range(1, side)}
            sides = (side, *sorted(by_bits.values(), reverse=True))
            yield Knob("kernel", (i,), sides, tuple(s * s for s in sides))

    def _whole_groups(self, tied: tuple[int, ...]) -> bool:
        """Whether all that is added up has the same channels, so that they can change together."""
        same = {self.network.layers[j].features for j in tied}
        for layer, groups in zip(self.network.layers, self._inputs, strict=True):
            members = {member for group in groups for member, _ in group}
            width = sum(self._width(group[0][0]) for group in groups)
            if members & set(tied) and width != layer.channels:
                return False
        return len(same) == 1

    def _width(self, i: int) -> int:
        return self.network.input_shape[0] if i == INPUT else self.network.layers[i].features

    def _near(self, i: int) -> tuple[int, ...]:
        found = set(self._of[i])
        above: set[int] = set()
        waiting = [i]
        while waiting:
            for group in self._inputs[waiting.pop()]:
                for member, _ in group:
                    if member != INPUT and member not in above:
                        above.add(member)
                        waiting.append(member)
        for member in above:
            direct = any(member == m for group in self._inputs[i] for m, _ in group)
            kinds = ("features", "stride", "pooling") if direct else ("stride", "pooling")
            found |= {k for k in self._of[member] if self.knobs[k].what in kinds}
        return tuple(sorted(found))

    @property
    def start(self) -> Plan:
        """Nothing is changed."""
        return (0,) * len(self.knobs)

    def changes(self, plan: Plan) -> tuple[Change, ...]:
        """The plan in words that a network can be changed by, in the order to apply them."""
        order = ("stride", "pooling", "kernel", "features")
        turned = [(knob, level) for knob, level in zip(self.knobs, plan, strict=True) if level]
        turned.sort(key=lambda entry: (entry[0].layers[0], order.index(entry[0].what)))
        names = [layer.name for layer in self.network.layers]
        return tuple(Change(names[k.layers[0]], k.what, k.values[n]) for k, n in turned)

    def sizes(self, plan: Plan) -> list[Sized] | None:
        """Every layer as the plan makes it; None where maps that are added up would differ, or
        nothing would be left of one.
        """
        chosen = {
            (knob.what, i): knob.values[level]
            for knob, level in zip(self.knobs, plan, strict=True)
            for i in knob.layers
        }
        found: list[Sized] = []
        for i, layer in enumerate(self.network.layers):
            taken = self._taken(i, found, chosen)
            if taken is None:
                return None
            channels, extent = taken
            kernel, out = _geometry(
                layer, extent, chosen.get(("kernel", i)), chosen.get(("stride", i), layer.stride)
            )
            if min(out) < 1:
                return None
            features = chosen.get(("features", i), layer.features)
            cores, excess = self._fitting(i, channels, features, kernel, extent, out)
            found.append(Sized(channels, features, kernel, out, cores, excess))
        return found

    def _taken(
        self, i: int, found: Sequence[Sized], chosen: Mapping
    ) -> tuple[int, tuple[int, int]] | None:
        """Channels and map that the layer gets."""
        channels, extents = 0, set()
        for group in self._inputs[i]:
            widths = set()
            for member, pooling in group:
                if member == INPUT:
                    widths.add(self.network.input_shape[0])
                    extents.add(self.network.input_shape[1:])
                else:
                    size = max(pooling, chosen.get(("pooling", member), 1))
                    widths.add(found[member].features)
                    extents.add(_pair(n // size for n in found[member].extent))
            if len(widths) > 1:
                return None
            channels += widths.pop()
        if len(extents) != 1 or min(extent := extents.pop()) < 1:
            return None
        return max(channels, 1), extent

    def _fitting_cores(
        self,
        i: int,
        channels: int,
        features: int,
        kernel: tuple[int, int],
        extent: tuple[int, int],
        out: tuple[int, int],
    ) -> tuple[tuple[int, ...], float]:
        """Cores that hold the layer, and the doublings by which it misses the nearest one."""
        layer, profile = self.network.layers[i], self.profile
        limits = profile.limits
        demand = Demand(
            layer.name,
            kernel_words(channels, features, kernel),
            neuron_words(features, *out),
            bias_words(features, layer.bias is not None),
        )
        over = [
            _doublings(max(extent), limits.input_map),
            _doublings(max(out), limits.neuron_map),
            _doublings(max(channels, features), limits.channels),
            _doublings(max(kernel), limits.kernel),
            float(limits.kernel is not None and kernel[0] != kernel[1]),
        ]
        if profile.unlimited_cores:
            return ((i,) if not any(over) else ()), sum(over)
        only = self.pinned.get(layer.name)
        cores = [(c, core) for c, core in enumerate(profile.cores) if only in (None, c)]
        missing = min(
            (
                _doublings(demand.kernel, core.kernel)
                + _doublings(demand.neuron, core.neuron)
                + _doublings(demand.bias, core.bias)
                for _, core in cores
            ),
            default=100.0,
        )
        fitting = tuple(c for c, core in cores if demand.fits(core)) if not any(over) else ()
        return fitting, sum(over) + missing


def troubled(sizes: Sequence[Sized]) -> list[int]:
    """Positions of the layers that must change: the first without a core, else all that compete
    with the first left over; none if all fit together.
    """
    for i, size in enumerate(sizes):
        if not size.cores:
            return [i]
    usable = [size.cores for size in sizes]
    owner, left = match(usable)
    return sorted(competitors(usable, owner, left[0])) if left else []


def _geometry(
    layer: Layer, extent: tuple[int, int], side: int | None, stride: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Kernel and map of neurons of the layer on a map of ``extent``."""
    if side is None:  # it covers its map; if zeros can make the kernel square, they do
        even = (extent[0] - extent[1]) % 2 == 0
        return ((max(extent), max(extent)) if even else extent), (1, 1)
    kernel, padding = layer.kernel, layer.padding
    if side != max(kernel):
        padding = _pair(max(0, p + (side - k) // 2) for p, k in zip(padding, kernel, strict=True))
        kernel = (side, side)
    out = _pair(
        (n + 2 * p - k) // s + 1 for n, p, k, s in zip(extent, padding, kernel, stride, strict=True)
    )
    return kernel, out


def _doublings(count: int, limit: int | None) -> float:
    if limit is None or count <= limit:
        return 0.0
    return float(bits(-(-count // max(limit, 1))))


def _at_least(pair: tuple[int, int], value: int) -> tuple[int, int]:
    return max(pair[0], value), max(pair[1], value)


def _pair(values) -> tuple[int, int]:
    first, second = values
    return first, second
