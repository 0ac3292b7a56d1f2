"""A few samples looked at closely: the input as a frame, the spikes of every layer in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dynapdeploy.chip.image import ChipImage
from dynapdeploy.data.coding import encode
from dynapdeploy.data.dataset import Dataset, readable
from dynapdeploy.data.frames import frame
from dynapdeploy.emulator import Emulator, Settings
from dynapdeploy.estimate.outcome import Outcome, input_shape_of

MOST_SPIKES = 1500
"""Spikes kept per layer; more are thinned out evenly."""


@dataclass(frozen=True, eq=False)
class Raster:
    """Spikes of one layer (or of the input).

    Attributes:
        layer: its name.
        neurons: number of neurons.
        spikes: number of spikes, before thinning.
        time_us: int64 ``[n]``, from the first input event.
        neuron: int64 ``[n]``, index ``(feature * height + y) * width + x``.
    """

    layer: str
    neurons: int
    spikes: int
    time_us: np.ndarray
    neuron: np.ndarray


@dataclass(frozen=True, eq=False)
class Trace:
    """One sample: ``frame`` counts its input events, int64 ``[c, h, w]``; input raster first."""

    outcome: Outcome
    frame: np.ndarray
    rasters: tuple[Raster, ...]


def choose(outcomes: Sequence[Outcome], count: int = 6) -> list[str]:
    """Names of samples worth a look: half of them wrong where there are enough, classes apart."""
    wrong = [o for o in outcomes if o.label is not None and o.decision != o.label]
    rest = [o for o in outcomes if o.label is None or o.decision == o.label]
    chosen = _apart(wrong, count // 2)
    chosen = _apart(rest, count - len(chosen)) + chosen
    return [outcome.name for outcome in chosen]


def _apart(outcomes: Sequence[Outcome], count: int) -> list[Outcome]:
    first: list[Outcome] = []
    later: list[Outcome] = []
    seen: set[int | None] = set()
    for outcome in outcomes:
        (later if outcome.label in seen else first).append(outcome)
        seen.add(outcome.label)
    return (first + later)[:count]


def traces(
    image: ChipImage,
    dataset: Dataset,
    outcomes: Sequence[Outcome],
    names: Sequence[str],
    settings: Settings | None = None,
) -> tuple[Trace, ...]:
    """Run the named samples once more, with every core monitored."""
    known = {outcome.name: outcome for outcome in outcomes}
    shape = input_shape_of(image, dataset)
    chip = Emulator(image, monitor=[core.core for core in image.cores], settings=settings)
    found = {}
    for _, sample in readable(dataset):
        if sample.name not in names or sample.name in found:
            continue
        events = encode(sample, image.input, shape)
        start = int(events["t"][0]) if len(events) else 0
        chip.reset()
        chip.feed(events)
        rasters = [_raster("input", shape, events, start)]
        for core in image.cores:
            rasters.append(_raster(core.name, core.output_shape, chip.monitored[core.core], start))
        counted = frame(events, shape).astype(np.int64)
        found[sample.name] = Trace(known[sample.name], counted, tuple(rasters))
    return tuple(found[name] for name in names if name in found)


def _raster(layer: str, shape, spikes: np.ndarray, start: int) -> Raster:
    features, height, width = shape
    kept = spikes
    if len(spikes) > MOST_SPIKES:
        kept = spikes[np.linspace(0, len(spikes) - 1, MOST_SPIKES).astype(np.int64)]
    neuron = (kept["p"].astype(np.int64) * height + kept["y"]) * width + kept["x"]
    return Raster(layer, features * height * width, len(spikes), kept["t"] - start, neuron)
