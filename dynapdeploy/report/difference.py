"""Two runs or images side by side, and conditions on what changed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dynapdeploy.errors import InputError
from dynapdeploy.report.figures import count, percent, si
from dynapdeploy.report.snapshot import FIGURES, Snapshot

_CONDITION = re.compile(r"\s*([a-z_]+)\s*(>=|<=|>|<)\s*([+-]?[0-9.]+(?:e[+-]?[0-9]+)?)\s*(%?)\s*")


@dataclass(frozen=True)
class Condition:
    """A condition on the change of a figure from A to B, as ``synops>+5%``.

    Attributes:
        figure: see :data:`dynapdeploy.report.snapshot.FIGURES`.
        sign: how the change is compared.
        limit: of B - A; with ``relative`` of (B - A) / A.
    """

    text: str
    figure: str
    sign: Literal[">", "<", ">=", "<="]
    limit: float
    relative: bool

    def holds(self, a: Snapshot, b: Snapshot) -> bool:
        """Whether it holds. Raises ``InputError`` where a side does not know the figure."""
        for side in (a, b):
            if self.figure not in side.figures:
                raise InputError(
                    f"--fail-if {self.text!r}: {side.name} does not say {self.figure}; "
                    "give --data to have both run"
                )
        before, after = a.figures[self.figure], b.figures[self.figure]
        change = after - before
        if self.relative:
            if before == 0:
                change = 0.0 if after == 0 else float("inf") if after > 0 else float("-inf")
            else:
                change /= abs(before)
        return {
            ">": change > self.limit,
            "<": change < self.limit,
            ">=": change >= self.limit,
            "<=": change <= self.limit,
        }[self.sign]


def condition(text: str) -> Condition:
    """Read ``FIGURE``, a sign and a change, with ``%`` for a relative one.

    Raises:
        InputError: it is not a condition, or the figure is unknown.
    """
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise InputError(
            f"--fail-if {text!r}: a figure, a sign and a change were expected, as in 'synops>+5%'"
        )
    figure, sign, number, share = match.groups()
    if figure not in FIGURES:
        raise InputError(
            f"--fail-if {text!r}: {figure!r} is not compared, known are {', '.join(FIGURES)}"
        )
    try:
        limit = float(number)
    except ValueError:
        raise InputError(f"--fail-if {text!r}: {number!r} is not a number") from None
    return Condition(text, figure, sign, limit / 100 if share else limit, bool(share))  # type: ignore[arg-type]


def layer_changes(a: Snapshot, b: Snapshot) -> list[dict[str, Any]]:
    """What differs layer by layer: ``{"layer", "property", "a", "b"}``."""
    changes: list[dict[str, Any]] = []
    for layer in [*a.layers, *(name for name in b.layers if name not in a.layers)]:
        if layer not in a.layers or layer not in b.layers:
            there = layer in a.layers
            changes.append({"layer": layer, "property": "exists", "a": there, "b": not there})
            continue
        one, other = a.layers[layer], b.layers[layer]
        changes += [
            {"layer": layer, "property": name, "a": one[name], "b": other[name]}
            for name in one
            if name in other and one[name] != other[name]
        ]
    return changes


def difference_content(a: Snapshot, b: Snapshot, failed: Sequence[Condition]) -> dict[str, Any]:
    """Both sides as JSON."""
    return {
        "a": {"name": a.name, "device": a.device},
        "b": {"name": b.name, "device": b.device},
        "figures": [
            {
                "figure": name,
                "unit": FIGURES[name],
                "a": a.figures.get(name),
                "b": b.figures.get(name),
                "change": _change(a, b, name),
                "relative": _relative(a, b, name),
            }
            for name in FIGURES
            if name in a.figures or name in b.figures
        ],
        "layers": layer_changes(a, b),
        "failed": [one.text for one in failed],
    }


def difference_tables(a: Snapshot, b: Snapshot) -> list:
    """Figures side by side, then what changed in the net and on the chip."""
    from rich.table import Table

    figures = Table(title="figures")
    figures.add_column("")
    for name in (a.name, b.name, "change"):
        figures.add_column(name, justify="right", overflow="fold")
    for name in FIGURES:
        if name in a.figures or name in b.figures:
            relative = _relative(a, b, name)
            figures.add_row(
                name.replace("_", " "),
                _shown(name, a.figures.get(name)),
                _shown(name, b.figures.get(name)),
                "–" if relative is None else f"{relative:+.1%}",
            )
    changes = layer_changes(a, b)
    if a.device != b.device:
        changes.insert(0, {"layer": "(chip)", "property": "device", "a": a.device, "b": b.device})
    if not changes:
        return [figures, "net and placement are the same"]
    layers = Table(title="net and placement")
    for name in ("layer", "property", "A", "B"):
        layers.add_column(name)
    for change in changes:
        layers.add_row(*(str(change[key]) for key in ("layer", "property", "a", "b")))
    return [figures, layers]


def _change(a: Snapshot, b: Snapshot, name: str) -> float | None:
    if name not in a.figures or name not in b.figures:
        return None
    return b.figures[name] - a.figures[name]


def _relative(a: Snapshot, b: Snapshot, name: str) -> float | None:
    change = _change(a, b, name)
    if change is None or (a.figures[name] == 0 and change != 0):
        return None
    return change / abs(a.figures[name]) if a.figures[name] else 0.0


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    if name == "accuracy":
        return percent(value)
    return si(value, FIGURES[name]) if FIGURES[name] else count(value)
