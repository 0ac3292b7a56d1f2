"""Numbers as people read them, and as JSON keeps them."""

from __future__ import annotations

from typing import Literal

Mode = Literal["predicted", "simulated", "measured"]

_PREFIXES = ((1e-12, "p"), (1e-9, "n"), (1e-6, "µ"), (1e-3, "m"), (1.0, ""), (1e3, "k"), (1e6, "M"))


def figure(value: float | None, unit: str, mode: Mode) -> dict[str, float | str | None]:
    """A figure with its unit and how it was come by."""
    return {"value": value, "unit": unit, "mode": mode}


def si(value: float, unit: str) -> str:
    """``value`` with a prefix: ``si(4.5e-5, "J")`` is ``45.0 µJ``."""
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


def percent(value: float | None) -> str:
    """A fraction as a percentage; a dash where there is none."""
    return "–" if value is None else f"{value:.1%}"
