"""Between arrays of events and samna's event objects."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from dynapdeploy.chip.image import ChipImage
from dynapdeploy.errors import DataError
from dynapdeploy.events import EVENT
from dynapdeploy.hardware.faults import BoardFault

LATEST_US = 2**32 - 1
"""Timestamps are 32-bit."""
SPIKE = np.dtype([*EVENT.descr, ("core", np.int16)])
"""An event and the core that fired it."""


def packed(image: ChipImage, events: np.ndarray, stamps: np.ndarray, chip: Any) -> list[Any]:
    """samna's input events for ``events``: for the sensor's layer, or one per entry core.

    Args:
        stamps: time of each event on the board's stop-watch, us.

    Raises:
        DataError: a time beyond 32 bits.
    """
    if len(stamps) and stamps.max() > LATEST_US:
        raise DataError(
            f"events: {stamps.max() * 1e-6:,.0f} s on the board's clock, it counts up to "
            f"{LATEST_US * 1e-6:,.0f} s; cut the recording"
        )
    rows = zip(stamps.tolist(), *(events[field].tolist() for field in ("x", "y", "p")), strict=True)
    if image.sensor is not None:
        kind = chip.event.DvsEvent
        return [kind(p=bool(p), y=y, x=x, timestamp=t) for t, x, y, p in rows]
    kind = chip.event.Spike
    return [
        kind(layer=core, feature=p, y=y, x=x, timestamp=t)
        for t, x, y, p in rows
        for core in image.entry
    ]


@lru_cache(maxsize=16)
def clearing(kind: type, core: int, words: int) -> tuple[Any, ...]:
    """Events that write 0 into every word of a core's neuron memory.

    All of it, since the order of the neurons in it is not known for every map.
    """
    return tuple(kind(layer=core, address=word, neuron_state=0) for word in range(words))


def unpacked(image: ChipImage, cores: Sequence[int], events: Sequence[Any]) -> np.ndarray:
    """The spikes among ``events``, array of :data:`SPIKE`.

    Args:
        cores: those that were monitored.

    Raises:
        BoardFault: a spike of a core that is not monitored, or from outside its map.
    """
    spikes = np.empty(len(events), SPIKE)
    for row, event in zip(spikes, events, strict=True):
        row["core"], row["t"] = event.layer, event.timestamp
        row["x"], row["y"], row["p"] = event.x, event.y, event.feature
    for number in np.unique(spikes["core"]):
        if number not in cores:
            raise BoardFault(f"core {number} sent spikes, it was not asked to: data is corrupt")
        features, height, width = image[int(number)].output_shape
        mine = spikes[spikes["core"] == number]
        for field, size in (("x", width), ("y", height), ("p", features)):
            if mine[field].max() >= size:
                raise BoardFault(
                    f"core {number} ({image[int(number)].name}) sent a spike with "
                    f"{field}={mine[field].max()}, outside its map of {features}x{height}x{width}: "
                    "data is corrupt"
                )
    return spikes


def outputs(image: ChipImage, spikes: np.ndarray) -> np.ndarray:
    """The chip's output events for monitored ``spikes``: pooled and shifted, once per output."""
    parts, order = [], []
    for core in image.cores:
        mine = np.flatnonzero(spikes["core"] == core.core)
        for rank, destination in enumerate(core.destinations):
            if destination.core is not None or not len(mine):
                continue
            part = plain(spikes[mine])
            part["x"] //= destination.pooling
            part["y"] //= destination.pooling
            part["p"] += destination.feature_shift
            parts.append(part)
            order.append(2 * mine + rank)
    if not parts:
        return np.empty(0, EVENT)
    return np.concatenate(parts)[np.argsort(np.concatenate(order), kind="stable")]


def plain(spikes: np.ndarray) -> np.ndarray:
    """The same spikes without their core."""
    events = np.empty(len(spikes), EVENT)
    for field in EVENT.names or ():
        events[field] = spikes[field]
    return events
