"""What a training run reached: as a table and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dynapdeploy.report.figures import count, percent

STAGES = {
    "qrelu": "QReLU net",
    "emulator_before": "emulator, before fine-tuning",
    "emulator": "emulator, after fine-tuning",
    "qrelu_after": "QReLU net, after fine-tuning",
}
"""Names of the stages for people."""


def stage_content(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """The metrics of a run as JSON."""
    return {"metrics": dict(metrics)}


def stage_table(metrics: Mapping[str, Any], title: str = "accuracy at each stage"):
    """Accuracy and SynOps per sample at each stage."""
    from rich.table import Table

    table = Table(title=title)
    table.add_column("stage")
    table.add_column("accuracy", justify="right")
    table.add_column("SynOps per sample", justify="right")
    for name, stage in metrics["stages"].items():
        synops = stage.get("synops_per_sample")
        table.add_row(
            STAGES.get(name, name),
            percent(stage.get("accuracy")),
            "–" if synops is None else count(synops),
        )
    return table
