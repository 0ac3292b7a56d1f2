"""What the emulator said about an image: as tables and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from dynapdeploy.estimate import Estimate, Spread
from dynapdeploy.report.energy import energy_content, energy_lines
from dynapdeploy.report.figures import count, percent, si
from dynapdeploy.report.timing import latency_content, load_content, timing_lines


def estimate_content(result: Estimate) -> dict[str, Any]:
    """An estimate as JSON: accuracies are fractions, counts are means per sample."""
    energy = result.energy
    content: dict[str, Any] = {
        "samples": result.samples,
        "mode": "simulated",
        "accuracy": result.accuracy,
        "correct": result.correct,
        "labelled": result.labelled,
        "undecided": result.undecided,
        "skipped": list(result.skipped),
        "synops_per_sample": result.synops_per_sample,
        "events_per_sample": result.events_per_sample,
        "duration_s_per_sample": result.duration_s_per_sample,
        "macs": result.macs,
        "synops_per_mac": result.synops_per_mac,
        "energy": energy_content(energy),
        "load": load_content(result.load),
        "latency": latency_content(result.latency),
        "layers": [asdict(layer) for layer in result.layers],
        "settings": asdict(result.settings),
    }
    if result.jitter_synops is not None:
        content["jitter"] = {
            "accuracy": _spread(result.jitter_accuracy),
            "synops_per_sample": _spread(result.jitter_synops),
        }
    return content


def cost_table(result: Estimate, memory: dict[str, tuple[int, int]] | None = None):
    """One row per layer: core, memory, spikes, SynOps, energy."""
    from rich.table import Table

    table = Table(title="per sample, in the emulator")
    columns = ["layer", "core", "spikes", "SynOps", "energy (predicted)"]
    if memory:
        columns[2:2] = ["kernel memory", "neuron memory"]
    for name in columns:
        table.add_column(name, justify="left" if name == "layer" else "right")
    for layer in result.layers:
        used = [f"{words:,}" for words in memory[layer.layer]] if memory else []
        table.add_row(
            layer.layer,
            str(layer.core),
            *used,
            count(layer.spikes_per_sample),
            count(layer.synops_per_sample),
            si(layer.energy_j_per_sample, "J"),
        )
    table.add_section()
    table.add_row(
        "all",
        "",
        *([""] * (2 if memory else 0)),
        count(sum(layer.spikes_per_sample for layer in result.layers)),
        count(result.synops_per_sample),
        si(result.energy.dynamic_j_per_sample, "J"),
    )
    return table


def estimate_lines(result: Estimate) -> list[str]:
    """The estimate in a few lines for people."""
    energy = result.energy
    accuracy = (
        "no labels, so no accuracy"
        if result.accuracy is None
        else f"accuracy {percent(result.accuracy)} ({result.correct} of {result.labelled})"
    )
    lines = [
        f"{result.samples} samples: {accuracy}, {result.undecided} undecided",
        f"{count(result.synops_per_sample)} SynOps per sample, "
        f"{si(energy.dynamic_j_per_sample, 'J')} predicted at "
        f"{energy.joules_per_synop:.3g} J per SynOp "
        f"({si(energy.low_j_per_sample, 'J')} to {si(energy.high_j_per_sample, 'J')}; "
        f"{energy.source})",
        *energy_lines(energy, result.synops_per_mac, result.macs),
        *timing_lines(result.load, result.latency),
    ]
    if result.jitter_synops is not None:
        synops, accuracy_spread = result.jitter_synops, result.jitter_accuracy
        shown = (
            ""
            if accuracy_spread is None
            else f"accuracy {percent(accuracy_spread.mean)} "
            f"({percent(accuracy_spread.low)} to {percent(accuracy_spread.high)}), "
        )
        lines.append(
            f"with jittered event order: {shown}SynOps {count(synops.mean)} "
            f"({count(synops.low)} to {count(synops.high)})"
        )
    if result.skipped:
        names = ", ".join(result.skipped[:5]) + (", ..." if len(result.skipped) > 5 else "")
        lines.append(f"{len(result.skipped)} damaged recordings were left out: {names}")
    return lines


def _spread(spread: Spread | None) -> dict[str, float] | None:
    return None if spread is None else asdict(spread)
