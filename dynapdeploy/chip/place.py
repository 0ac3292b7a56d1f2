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
class Placement:
    """Physical core ids by layer, and the layers for which none was left, with what they compete
    for.

    Attributes:
        cores: physical id by layer name.
        competing: layers that do not find room together (empty if all are placed).
        contested: the core ids that the competing layers could use, fewer than the layers.
    """

    cores: Mapping[str, int]
    competing: tuple[str, ...] = ()
    contested: tuple[int, ...] = ()


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
        A placement; with ``competing`` filled where no assignment of all layers exists.
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
    competing, contested = _shortage(layers, costs < FORBIDDEN)
    return Placement(cores, competing, contested)


def _shortage(
    layers: Sequence[str], allowed: np.ndarray
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """A set of layers with fewer usable cores than layers (Hall's theorem)."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    owner = maximum_bipartite_matching(csr_array(allowed.astype(np.int8)), perm_type="row")
    start = [row for row in range(len(layers)) if row not in owner]
    rows, columns = {start[0]}, set[int]()
    frontier = [start[0]]
    while frontier:
        row = frontier.pop()
        for column in np.flatnonzero(allowed[row]):
            columns.add(int(column))
            other = int(owner[column])
            if other >= 0 and other not in rows:
                rows.add(other)
                frontier.append(other)
    return tuple(layers[row] for row in sorted(rows)), tuple(sorted(columns))
