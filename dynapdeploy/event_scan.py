"""A look at all events in one go, without the interpreter's lock."""

from __future__ import annotations

from dynapdeploy.compiled import cached


@cached()
def sound(events, channels, height, width):
    """Whether ``events`` are sorted by times from 0 on and lie in the map."""
    good, before = True, 0
    for i in range(len(events)):
        event = events[i]
        good &= before <= event.t
        good &= (event.x >= 0) & (event.x < width)
        good &= (event.y >= 0) & (event.y < height)
        good &= (event.p >= 0) & (event.p < channels)
        before = event.t
    return good
