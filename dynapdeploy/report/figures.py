"""Numbers as people read them, and as JSON keeps them."""

from __future__ import annotations

from typing import Literal

Mode = Literal["predicted", "simulated", "measured"]

_PREFIXES = (
    (1e-15, "f"),
    (1e-12, "p"),
    (1e-9, "n"),
    (1e-6, "µ"),
    (1e-3, "m"),
    (1.0, ""),
    (1e3, "k"),
    (1e6, "M"),
    (1e9, "G"),
)


def figure(value: float | None, unit: str, mode: Mode) -> dict[str, float | str | None]:
    """A figure with its unit and how it was come by."""
    return {"value": value, "unit": unit, "mode": mode}


def si(value: float | None, unit: str) -> str:
    """``value`` with a prefix: ``si(4.5e-5, "J")`` is ``45 µJ``; a dash where there is none."""
    if value is None:
        return "–"
    if value == 0:
        return f"0 {unit}"
    factor, prefix = _PREFIXES[0]
    for candidate, name in _PREFIXES:
        if abs(value) >= candidate:
            factor, prefix = candidate, name
    return f"{value / factor:.3g} {prefix}{unit}"


def count(value: float) -> str:
    """A count with thousands apart; one decimal where it is a small mean."""
    return f"{value:,.1f}" if value < 100 and value != int(value) else f"{value:,.0f}"


def duration(seconds: float) -> str:
    """A time that may be long: ``duration(90000)`` is ``1.04 days``."""
    for length, name in ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes")):
        if seconds >= length:
            return f"{seconds / length:.3g} {name}"
    return si(seconds, "s")


def percent(value: float | None) -> str:
    """A fraction as a percentage; a dash where there is none."""
    return "–" if value is None else f"{value:.1%}"
