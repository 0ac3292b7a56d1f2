"""What a sweep found, as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dynapdeploy.report.figures import count, percent


def sweep_table(rows: Sequence[Mapping[str, Any]]):
    """One line per net: its target, and what it reached in the emulator."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title="nets of the sweep")
    table.add_column("net")
    for name in ("target SynOps", "SynOps per sample", "accuracy"):
        table.add_column(name, justify="right")
    factors = sorted({s["factor"] for row in rows for s in row.get("scaled", ())})
    for factor in factors:
        table.add_column(f"first layer × {factor:g}", justify="right")
    table.add_column("")
    for row in rows:
        scaled = {s["factor"]: s for s in row.get("scaled", ())}
        table.add_row(
            row["name"],
            _count(row.get("target_synops")),
            _count(row.get("synops_per_sample")),
            percent(row.get("accuracy")),
            *(_scaled(scaled.get(factor)) for factor in factors),
            Text(_remark(row)),
        )
    return table


def _count(value: float | None) -> str:
    return "–" if value is None else count(value)


def _scaled(figures: Mapping[str, Any] | None) -> str:
    if figures is None:
        return "–"
    return f"{percent(figures['accuracy'])} at {count(figures['synops_per_sample'])}"


def _remark(row: Mapping[str, Any]) -> str:
    if row["status"] == "done":
        return "" if row["measured_by"] == "emulator" else "QReLU net, no chip runs it"
    return f"{row['status']}: {row['message']}" if "message" in row else str(row["status"])
