"""Measured power, and the energies fitted to it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from dynapdeploy.hardware.calibration import Calibration
from dynapdeploy.hardware.power import PowerReading
from dynapdeploy.hardware.power_run import PowerRun
from dynapdeploy.report.figures import figure, si


def power_content(run: PowerRun) -> dict[str, Any]:
    """A measurement as JSON."""
    return {
        "idle": _reading(run.idle),
        "recordings": [
            {"name": one.name, **_reading(one.reading), **asdict(one.activity)}
            for one in run.played
        ],
    }


def calibration_content(result: Calibration, profile: str) -> dict[str, Any]:
    """A calibration as JSON."""
    return {"profile": profile, **asdict(result)}


def power_lines(run: PowerRun, result: Calibration | None, profile: str | None) -> list[Any]:
    """A measurement, and what was fitted to it, for people."""
    from rich.table import Table

    names = list(run.idle.rails)
    table = Table(title="power, measured (mean over the samples)")
    for name in ("", *names, "all", "± std. error", "samples", "SynOps/s"):
        table.add_column(name, justify="left" if not name else "right")
    rows = [("idle", run.idle, "")]
    rows += [(one.name, one.reading, f"{one.activity.synops_per_s:,.0f}") for one in run.played]
    for name, reading, synops in rows:
        rails = [si(reading.rails[rail].mean_w, "W") for rail in names]
        samples = min(rail.samples for rail in reading.rails.values())
        error = si(reading.total_error_w, "W")
        table.add_row(name, *rails, si(reading.total_w, "W"), error, str(samples), synops)
    lines: list[Any] = [table]
    if result is not None:
        for what, unit, part in (
            ("idle", "W", result.idle_w),
            ("per SynOp", "J", result.joules_per_synop),
            ("per spike", "J", result.joules_per_spike),
        ):
            if part is not None:
                lines.append(
                    f"{what}: {part.value:.4g} {unit} ({part.low:.4g} to {part.high:.4g}, 95 %)"
                )
        lines.append(f"wrote {profile}")
    return lines


def _reading(reading: PowerReading) -> dict[str, Any]:
    return {
        "power": figure(reading.total_w, "W", "measured"),
        "standard_error_w": reading.total_error_w,
        "seconds": reading.seconds,
        "loops": reading.loops,
        "rails": {name: asdict(rail) for name, rail in reading.rails.items()},
    }
