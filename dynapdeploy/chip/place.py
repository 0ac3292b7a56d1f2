"""Which layer runs on which core."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from dynapdeploy.chip.lower import Layer
from dynapdeploy.chip.memory import bias_words, kernel_words, neuron_words
from dynapdeploy.chip.profile import CoreMemory, Profile

Preference = Literal["reproducible", "throughput"]
FORBIDDEN = 1e9


@dataclass(frozen=True)
class Demand:
    """Words of memory that a layer asks of its core."""

    layer: str
    kernel: int
    neuron: int
    bias: int

    def fits(self, core: CoreMemory) -> bool:
        """Whether the core holds it."""
        return self.kernel <= core.kernel and self.neuron <= core.neuron and self.bias <= core.bias


def demand_of(layer: Layer) -> Demand:
    """Memory that ``layer`` needs (see :mod:`dynapdeploy.chip.memory`)."""
    features, height, width = layer.output_shape
    return Demand(
        layer.name,
        kernel_words(layer.channels, features, layer.kernel),
        neuron_words(features, height, width),
        bias_words(features, layer.bias is not None),
    )


@dataclass(frozen=True)
class Shortage:
    """Layers that can only use fewer cores than they are (Hall's theorem).

    Attributes:
        layers: names, in the order of the network.
        cores: the ids of all the cores that any of them could use.
    """

    layers: tuple[str, ...]
    cores: tuple[int, ...]


@dataclass(frozen=True)
class Placement:
    """Physical core ids by layer name, and what keeps the others from a core.

    Attributes:
        cores: physical id by layer name; layers without a core are left out.
        shortages: empty if all layers are placed; else one per set of layers that compete.
    """

    cores: Mapping[str, int]
    shortages: tuple[Shortage, ...] = ()


def place(
    demands: Sequence[Demand],
    profile: Profile,
    prefer: Preference = "reproducible",
    pinned: Mapping[str, int] | None = None,
    entry: Sequence[str] = (),
) -> Placement:
    """Assign every layer a core of its own that holds it, at the least cost.

    Args:
        demands: one per layer.
        profile: the chip.
        prefer: ``"reproducible"`` uses the parallel cores, whose internal event order the hardware
            does not fix, last; ``"throughput"`` gives them to the entry layers first.
        pinned: layers whose core the user chose.
        entry: layers that get the input events.

    Returns:
        A placement of all layers, or where there is none, of as many as possible.
    """
    pinned = dict(pinned or {})
    if profile.unlimited_cores:
        return _in_order([demand.layer for demand in demands], pinned)
    costs = np.full((len(demands), len(profile.cores)), FORBIDDEN)
    for row, demand in enumerate(demands):
        for column, core in enumerate(profile.cores):
            if demand.fits(core) and pinned.get(demand.layer, column) == column:
                parallel = column in profile.parallel_cores
                costs[row, column] = _cost(demand, core, parallel, prefer, demand.layer in entry)
                costs[row, column] += column * 1e-3 + row * column * 1e-6
    return _solve([demand.layer for demand in demands], costs)


def _cost(demand: Demand, core: CoreMemory, parallel: bool, prefer: str, entry: bool) -> float:
    """Prefer the cores as asked for, then those of which least is wasted."""
    waste = (core.kernel - demand.kernel) / 65536 + (core.neuron - demand.neuron) / 65536
    if not parallel:
        return waste
    return waste + (100.0 if prefer == "reproducible" or not entry else -100.0)


def _in_order(layers: Sequence[str], pinned: Mapping[str, int]) -> Placement:
    free = (core for core in range(2**15) if core not in pinned.values())
    return Placement(
        {layer: pinned.get(layer, -1) for layer in layers if layer in pinned}
        | {layer: next(free) for layer in layers if layer not in pinned}
    )


def _solve(layers: Sequence[str], costs: np.ndarray) -> Placement:
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(costs)
    cores = {
        layers[row]: int(column)
        for row, column in zip(rows, columns, strict=True)
        if costs[row, column] < FORBIDDEN
    }
    if len(cores) == len(layers):
        return Placement(cores)
    return Placement(cores, _shortages(layers, costs < FORBIDDEN))


def _shortages(layers: Sequence[str], allowed: np.ndarray) -> tuple[Shortage, ...]:
    """One for every layer left over: it and all that it could push out, with the cores they use.

    Layers left over that compete for the same cores share one.
    """
    usable = [np.flatnonzero(row).tolist() for row in allowed]
    owner, left = match(usable)
    found: dict[tuple[int, ...], set[int]] = {}
    for start in left:
        rows = competitors(usable, owner, start)
        cores = {core for row in rows for core in usable[row]}
        found.setdefault(tuple(sorted(cores)), set()).update(rows)
    return tuple(
        Shortage(tuple(layers[row] for row in sorted(rows)), cores) for cores, rows in found.items()
    )


def match(allowed: Sequence[Sequence[int]]) -> tuple[dict[int, int], list[int]]:
    """A largest matching of rows to columns by augmenting paths (Kuhn's algorithm).

    Args:
        allowed: columns that each row may take.

    Returns:
        The row of every column taken, and the rows left over.
    """
    owner: dict[int, int] = {}

    def moved(row: int, seen: set[int]) -> bool:
        for column in allowed[row]:
            if column not in seen:
                seen.add(column)
                if column not in owner or moved(owner[column], seen):
                    owner[column] = row
                    return True
        return False

    return owner, [row for row in range(len(allowed)) if not moved(row, set())]


def competitors(allowed: Sequence[Sequence[int]], owner: Mapping[int, int], left: int) -> set[int]:
    """The row ``left`` over by a largest matching, and all rows that it could push out in turn."""
    rows, waiting = {left}, [left]
    while waiting:
        for column in allowed[waiting.pop()]:
            if owner[column] not in rows:
                rows.add(owner[column])
                waiting.append(owner[column])
    return rows
