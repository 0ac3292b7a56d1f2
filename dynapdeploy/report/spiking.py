"""Runs of spiking networks in time steps, as tables and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from dynapdeploy.report.figures import count, percent
from dynapdeploy.synops.spiking import SpikingRun


def spiking_content(run: SpikingRun, **about: Any) -> dict[str, Any]:
    """One run as JSON, with what is known ``about`` it."""
    return {
        **about,
        "samples": run.samples,
        "accuracy": run.accuracy,
        "accuracy_over_time": list(run.accuracy_over_time),
        "silent": run.silent,
        "synops_per_sample": run.synops_per_sample,
        "synops_per_sample_nominal": run.synops_per_sample_nominal,
        "layers": [asdict(row) for row in run.rows],
    }


def spiking_table(runs: Sequence[dict[str, Any]]):
    """One row per run, from :func:`spiking_content` with ``source`` and ``scale``."""
    from rich.table import Table

    table = Table(title="spiking network in time steps (sinabs), per sample")
    for name in ("source", "scale", "accuracy", "silent", "SynOps", "SynOps (nominal)"):
        table.add_column(name, justify="left" if name == "source" else "right")
    for run in runs:
        table.add_row(
            str(run["source"]),
            f"{run['scale']:g}",
            percent(run["accuracy"]),
            str(run["silent"]),
            count(run["synops_per_sample"]),
            count(run["synops_per_sample_nominal"]),
        )
    return table
