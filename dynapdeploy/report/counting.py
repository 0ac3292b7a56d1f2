"""Sizes of a network as a table and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from dynapdeploy.synops.count import Count

if TYPE_CHECKING:
    from dynapdeploy.synops.table import SynOpRow

TOTALS = ("neurons", "synapses", "synapses_nominal", "parameters", "macs", "operations")


def count_content(counted: Count) -> dict[str, Any]:
    """The sums, and one object per layer."""
    return {
        "input_shape": list(counted.input_shape),
        **{name: getattr(counted, name) for name in TOTALS},
        "macs_synoploss": counted.macs_synoploss,
        "layers": [asdict(layer) for layer in counted.layers],
    }


def count_table(counted: Count):
    """One row per layer, and the sums."""
    from rich.table import Table

    shape = "x".join(map(str, counted.input_shape))
    table = Table(title=f"{counted.source}, input {shape}")
    table.add_column("layer")
    columns = ("neurons", "synapses", "synapses (nominal)", "parameters", "MACs", "operations")
    for name in (*columns, "fan-out", "fan-out (nominal)"):
        table.add_column(name, justify="right")
    for layer in counted.layers:
        table.add_row(
            layer.layer,
            *(f"{getattr(layer, name):,}" for name in TOTALS),
            f"{layer.fan_out:,.1f}",
            f"{layer.fan_out_nominal:,.1f}",
        )
    table.add_section()
    table.add_row("all", *(f"{getattr(counted, name):,}" for name in TOTALS), "", "")
    if counted.macs_synoploss:
        table.caption = (
            f"MACs by the formula of SynOpLoss (first convolution left out, padding counted once): "
            f"{counted.macs_synoploss:,}"
        )
    return table


def synops_table(rows: Sequence[SynOpRow], title: str | None = None):
    """SynOps per layer with the columns of sinabs' old counter, and the exact count."""
    from rich.table import Table

    table = Table(title=title)
    table.add_column("Layer")
    for name in (
        "In", "Fanout_Prev", "SynOps", "N. timesteps", "Time window (ms)", "SynOps/s",
        "SynOps (exact)",
    ):  # fmt: skip
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            row.layer,
            f"{row.arriving:,.0f}",
            f"{row.fan_out:,.0f}",
            f"{row.synops:,.0f}",
            f"{row.timesteps:,}",
            f"{row.window_ms:,.1f}",
            f"{row.synops_per_second:,.0f}",
            f"{row.synops_exact:,.0f}",
        )
    table.add_section()
    table.add_row(
        "all",
        "",
        "",
        f"{sum(row.synops for row in rows):,.0f}",
        "",
        "",
        f"{sum(row.synops_per_second for row in rows):,.0f}",
        f"{sum(row.synops_exact for row in rows):,.0f}",
    )
    return table
