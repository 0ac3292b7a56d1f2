"""The events of N-MNIST's files: x, y, polarity and 23 bits of time in five bytes."""

from __future__ import annotations

import numpy as np

from dynapdeploy.compiled import cached
from dynapdeploy.events import EVENT

OVERFLOW_Y = 240
"""Stands for an overflow of the time stamps, from this record on."""
OVERFLOW_US = 2**13


def decoded(raw: np.ndarray) -> np.ndarray:
    """The events ``[n]`` in the bytes of a file; what does not fill five of them is left out."""
    events = np.empty(len(raw) // 5, EVENT)
    return events[: _decode(raw, events)]


@cached()
def _decode(raw, events):
    """Fill in the events; returns how many there are."""
    count = overflow_us = 0
    for at in range(0, len(raw) - 4, 5):
        if raw[at + 1] == OVERFLOW_Y:
            overflow_us += OVERFLOW_US
            continue
        event = events[count]
        high, middle, low = np.int64(raw[at + 2]), np.int64(raw[at + 3]), np.int64(raw[at + 4])
        event.x, event.y, event.p = raw[at], raw[at + 1], high >> 7
        event.t = ((high & 127) << 16 | middle << 8 | low) + overflow_us
        count += 1
    return count
