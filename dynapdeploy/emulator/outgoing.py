"""What leaves the kernels, told apart by where it goes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from dynapdeploy.compiled import cached
from dynapdeploy.events import EVENT


def by_target(
    times: np.ndarray, causes: np.ndarray, addresses: np.ndarray, first: int, count: int
) -> list[np.ndarray]:
    """Events for each of the targets ``first`` to ``first + count - 1``, in the order they left.

    Args:
        times: int64, of the items.
        causes, addresses: int64 ``[n]``, the causing item of each event and its address (see
            :mod:`dynapdeploy.emulator.layout`).

    Returns:
        Arrays of :data:`dynapdeploy.events.EVENT`, parts of one array.
    """
    events = np.empty(len(addresses), EVENT)
    ends = _sort(times, causes, addresses, first, count, events)
    return [events[a:b] for a, b in pairwise((0, *ends.tolist()))]


@cached()
def _sort(times, causes, addresses, first, count, events):
    """A stable counting sort by target; returns where the events of each target end."""
    places = np.zeros(count + 1, np.int64)
    for address in addresses:
        places[(address >> 48) - first + 1] += 1
    for target in range(count):
        places[target + 1] += places[target]
    for i in range(len(addresses)):
        address = addresses[i]
        target = (address >> 48) - first
        event = events[places[target]]
        places[target] += 1
        event.t = times[causes[i]]
        event.x, event.y, event.p = address & 0xFFFF, address >> 16 & 0xFFFF, address >> 32 & 0xFFFF
    return places[:-1]
