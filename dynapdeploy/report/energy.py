"""Energy as JSON and in lines for people; every figure says how it was come by."""

from __future__ import annotations

from typing import Any

from dynapdeploy.estimate import Energy
from dynapdeploy.report.figures import duration, figure, si


def energy_content(energy: Energy) -> dict[str, Any]:
    """Energy as JSON. A figure that is not known is null, never 0."""
    predicted = {
        name: figure(getattr(energy, name), unit, "predicted")
        for name, unit in (
            ("dynamic_j_per_sample", "J"),
            ("low_j_per_sample", "J"),
            ("high_j_per_sample", "J"),
            ("joules_per_synop", "J"),
            ("spikes_j_per_sample", "J"),
            ("static_j_per_sample", "J"),
            ("total_j_per_sample", "J"),
            ("total_low_j_per_sample", "J"),
            ("total_high_j_per_sample", "J"),
            ("j_per_inference", "J"),
            ("dynamic_power_w", "W"),
            ("average_power_w", "W"),
            ("battery_life_s", "s"),
        )
    }
    return {
        **predicted,
        "source": energy.source,
        "battery_wh": energy.battery_wh,
        "static": {
            "power_w": figure(energy.static_w, "W", "measured"),
            "uncertainty_w": energy.static_w_uncertainty,
            "rails_w": {
                rail: figure(watts, "W", "measured") for rail, watts in energy.rails_w.items()
            },
            "source": energy.static_source,
        },
        "assumptions": list(energy.assumptions),
    }


def energy_lines(energy: Energy, synops_per_mac: float, macs: int) -> list[str]:
    """Static part, power and battery life, and the SynOps beside the MACs."""
    lines = [
        f"{synops_per_mac:.3g} SynOps per MAC: the same net as a conventional CNN takes "
        f"{macs:,} MACs"
    ]
    if energy.static_w is None:
        lines.append("static power: no public figure for this chip, so no total and no power")
        return lines
    lines.append(
        f"static {si(energy.static_w, 'W')} (measured on one board, all rails), "
        f"{si(energy.static_j_per_sample, 'J')} per sample (predicted)"
    )
    if energy.average_power_w is not None:
        lines.append(
            f"in all {si(energy.total_j_per_sample, 'J')} per sample, "
            f"{si(energy.average_power_w, 'W')} on average"
            + (
                ""
                if energy.j_per_inference is None
                else f", {si(energy.j_per_inference, 'J')} up to a stable decision"
            )
            + " (predicted)"
        )
    if energy.battery_life_s is not None:
        lines.append(
            f"a battery of {energy.battery_wh:g} Wh lasts {duration(energy.battery_life_s)} "
            "(predicted; the chip alone)"
        )
    return lines
