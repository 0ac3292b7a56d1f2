"""The slow clock: which ticks come before which event."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from dynapdeploy.compiled import cached
from dynapdeploy.emulator.emulation import Settings
from dynapdeploy.errors import DataError


def ticks_until(t: np.ndarray, slow_clock_hz: float) -> np.ndarray:
    """Ticks that have come at each time, int64 ``[n]``: the largest k with k / hz <= t, exactly.

    Args:
        t: times in microseconds, int64 ``[n]``.
        slow_clock_hz: ticks per second.
    """
    rate = Fraction(float(slow_clock_hz)) / 10**6
    top, bottom = rate.numerator, rate.denominator
    if (len(t) and int(t[-1]) * top >= 2**63) or bottom >= 2**63:
        t = t.astype(object)
    return (t * top // bottom).astype(np.int64)


def tick_times(first: int, last: int, slow_clock_hz: float) -> np.ndarray:
    """Times of the ticks ``first`` to ``last`` in microseconds, rounded up, int64."""
    if last < first:
        return np.empty(0, np.int64)
    period = Fraction(10**6) / Fraction(float(slow_clock_hz))
    top, bottom = period.numerator, period.denominator
    number = np.arange(first, last + 1)
    if last * top >= 2**63 or bottom >= 2**63:
        number = number.astype(object)
    return -(-number * top // bottom).astype(np.int64)


MOST_STEPS = 2**24
"""Ticks between the first and the last event of a piece where each must be worked off by itself."""


def items_of(
    events: np.ndarray, settings: Settings, ticks_before: int, *, stepwise: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Events with the ticks of the slow clock between them, as the kernel takes them.

    Args:
        events: of :data:`dynapdeploy.events.EVENT`, sorted by time.
        settings: tell the clock; without one there are only events.
        ticks_before: ticks that came before the first of these events already.
        stepwise: one item per tick, instead of one for all ticks between two events.

    Returns:
        int64 ``[n]`` items (see :mod:`dynapdeploy.emulator.layout`) and int64 ``[n]`` their times
        in microseconds; ticks count from the next whole microsecond.

    Raises:
        DataError: more than ``MOST_STEPS`` single ticks.
    """
    t = np.ascontiguousarray(events["t"])
    codes = packed(events)
    if settings.slow_clock_hz is None or len(events) == 0:
        return codes, t
    ticks = ticks_until(t, settings.slow_clock_hz)
    new = np.diff(ticks, prepend=ticks_before)
    count = int(ticks[-1]) - ticks_before
    if not stepwise:
        at = np.flatnonzero(new)
        return np.insert(codes, at, -new[at]), np.insert(t, at, t[at])
    if count > MOST_STEPS:
        raise DataError(
            f"events: {count:,} ticks of the slow clock ({settings.slow_clock_hz:g} Hz) "
            f"up to t={t[-1]}, at most {MOST_STEPS:,} can be worked off one by one"
        )
    at = np.repeat(np.arange(len(events)), new)
    times = tick_times(ticks_before + 1, int(ticks[-1]), settings.slow_clock_hz)
    return np.insert(codes, at, -1), np.insert(t, at, times)


@cached()
def packed(events):
    """Addresses of events as int64 ``[n]``: channel from bit 32, y from 16, x from 0."""
    codes = np.empty(len(events), np.int64)
    for i in range(len(events)):
        event = events[i]
        codes[i] = np.int64(event.p) << 32 | np.int64(event.y) << 16 | event.x
    return codes
