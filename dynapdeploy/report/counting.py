"""Sizes of a network as a table and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from dynapdeploy.synops.count import Count

TOTALS = ("neurons", "synapses", "synapses_nominal", "parameters", "macs", "operations")


def count_content(counted: Count) -> dict[str, Any]:
    """The sums, and one object per layer."""
    return {
        "input_shape": list(counted.input_shape),
        **{name: getattr(counted, name) for name in TOTALS},
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
    return table
