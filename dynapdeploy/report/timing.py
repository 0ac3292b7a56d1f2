"""Load and latency as tables and as JSON."""

from __future__ import annotations

from typing import Any

from dynapdeploy.estimate import Latency, Load
from dynapdeploy.estimate.latency import CHIP_DELAY
from dynapdeploy.report.figures import count, figure, percent, si


def load_content(load: Load) -> dict[str, Any]:
    """Load per core as JSON."""
    first = load.saturates_first
    return {
        "window_s": load.window_us * 1e-6,
        "source": load.source,
        "saturates_first": None
        if first is None
        else {
            "layer": first.layer,
            "core": first.core,
            "events_per_s": figure(first.saturating_events_per_s, "1/s", "predicted"),
        },
        "cores": [
            {
                "layer": core.layer,
                "core": core.core,
                "mean_synops_per_s": figure(core.mean_synops_per_s, "1/s", "simulated"),
                "peak_synops_per_s": figure(core.peak_synops_per_s, "1/s", "simulated"),
                "peak_sample": core.peak_sample,
                "synops_per_event": core.synops_per_event,
                "budget_synops_per_s": core.budget_synops_per_s,
                "peak_share": core.peak_share,
                "saturating_events_per_s": figure(core.saturating_events_per_s, "1/s", "predicted"),
            }
            for core in load.cores
        ],
    }


def latency_content(latency: Latency) -> dict[str, Any]:
    """Latency to a stable decision as JSON."""
    return {
        "decided": latency.decided,
        "mean_s": figure(latency.mean_s, "s", "simulated"),
        "median_s": figure(latency.median_s, "s", "simulated"),
        "worst_s": figure(latency.worst_s, "s", "simulated"),
        "mean_events": latency.mean_events,
        "assumption": CHIP_DELAY,
        "curve": {"time_s": list(latency.time_s), "accuracy": list(latency.accuracy)},
    }


def load_table(load: Load):
    """Load per core, with its budget where there is one."""
    from rich.table import Table

    budget = any(core.budget_synops_per_s is not None for core in load.cores)
    table = Table(title=f"load, windows of {si(load.window_us * 1e-6, 's')} (simulated)")
    columns = ["layer", "core", "mean SynOps/s", "peak SynOps/s", "SynOps per input event"]
    if budget:
        columns += ["peak of budget", "saturates at"]
    for name in columns:
        table.add_column(name, justify="left" if name == "layer" else "right")
    for core in load.cores:
        row = [
            core.layer,
            str(core.core),
            _rate(core.mean_synops_per_s),
            _rate(core.peak_synops_per_s),
            "–" if core.synops_per_event is None else count(core.synops_per_event),
        ]
        if budget:
            row += [percent(core.peak_share), _rate(core.saturating_events_per_s, "events/s")]
        table.add_row(*row)
    return table


def timing_lines(load: Load, latency: Latency) -> list[str]:
    """Saturation and latency for people."""
    lines = []
    first = load.saturates_first
    if first is not None:
        lines.append(
            f"{first.layer} (core {first.core}) is the first to meet its budget, at "
            f"{si(first.saturating_events_per_s, 'events/s')} of input"
        )
    else:
        lines.append(f"load: {load.source}")
    if latency.mean_s is not None and latency.mean_events is not None:
        lines.append(
            f"the decision stands after {si(latency.mean_s, 's')} on average "
            f"(median {si(latency.median_s, 's')}, worst {si(latency.worst_s, 's')}), "
            f"{count(latency.mean_events)} input events"
        )
    return lines


def _rate(value: float | None, unit: str = "/s") -> str:
    return "–" if value is None else si(value, unit)
