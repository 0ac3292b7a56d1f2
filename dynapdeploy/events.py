"""Events: what a sensor sends, what cores exchange, what the chip puts out."""

from __future__ import annotations

import numpy as np

from dynapdeploy.errors import DataError

EVENT = np.dtype([("t", np.int64), ("x", np.int16), ("y", np.int16), ("p", np.int16)])
"""One event: ``t`` in microseconds, ``x``, ``y`` in pixels, ``p`` the channel (polarity or
feature)."""

Shape = tuple[int, int, int]
"""Channels, height, width."""


def make_events(t, x, y, p) -> np.ndarray:
    """Columns of equal length as one structured array ``[n]`` of :data:`EVENT`."""
    events = np.empty(len(t), EVENT)
    events["t"], events["x"], events["y"], events["p"] = t, x, y, p
    return events


def checked_events(events: np.ndarray, shape: Shape | None = None) -> np.ndarray:
    """Return ``events`` as an array ``[n]`` of :data:`EVENT` in which everything is as it should
    be.

    Args:
        events: structured array with integer fields ``x, y, t, p`` in any order (tonic's names).
        shape: channels, height and width of the map that the events must lie in.

    Raises:
        DataError: a field is missing or not an integer, a time is negative or smaller than the
            one before it, or an event lies outside ``shape``.
    """
    events = np.asarray(events)
    shape = shape or (32768, 32768, 32768)
    if events.dtype == EVENT and events.ndim == 1:
        from dynapdeploy.event_scan import sound  # brings numba in

        if sound(events, *shape):
            return np.ascontiguousarray(events)
    names = events.dtype.names
    if names is None or any(field not in names for field in "xytp"):
        found = f"fields {', '.join(names)}" if names else f"an array of {events.dtype}"
        raise DataError(
            f"events: a structured array with fields x, y, t, p was expected, got {found}"
        )
    if events.ndim != 1:
        raise DataError(f"events: one dimension was expected, got shape {events.shape}")
    for field in "xytp":
        if events.dtype[field].kind not in "iub":
            raise DataError(f"events: field {field} must be an integer, got {events.dtype[field]}")
    if len(events) == 0:
        return np.empty(0, EVENT)
    t = events["t"].astype(np.int64)
    if t[0] < 0 or (t < 0).any():
        raise DataError(f"events: time {t.min()} at event {int(t.argmin())} is negative")
    falling = np.flatnonzero(t[1:] < t[:-1])
    if len(falling):
        at = int(falling[0]) + 1
        raise DataError(f"events: not sorted by time, event {at} has t={t[at]} after t={t[at - 1]}")
    _check_range(events, shape)
    return make_events(t, events["x"], events["y"], events["p"])


def _check_range(events: np.ndarray, shape: Shape) -> None:
    channels, height, width = shape
    for field, limit, what in (
        ("x", width, "wide"),
        ("y", height, "high"),
        ("p", channels, "deep"),
    ):
        values = events[field]
        low, high = int(values.min()), int(values.max())
        if low < 0 or high >= limit:
            bad = low if low < 0 else high
            at = int(values.argmin() if low < 0 else values.argmax())
            raise DataError(
                f"events: event {at} has {field}={bad}, outside the input map "
                f"(channels x height x width: {channels}x{height}x{width}, {limit} {what})"
            )
