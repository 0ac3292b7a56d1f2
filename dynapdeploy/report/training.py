"""What a training run reached: as a table and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dynapdeploy.report.figures import count, percent

STAGES = {
    "qrelu": "QReLU net",
    "emulator_untuned": "emulator, before fine-tuning",
    "emulator": "emulator, after fine-tuning",
    "chip_image": "the chip image, in the emulator",
}
"""Names of the stages for people. What the QReLU net makes of weights that were tuned for the chip
(``qrelu_tuned``) is no result, and not shown."""


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
        if name not in STAGES:
            continue
        synops = stage.get("synops_per_sample")
        table.add_row(
            _name(name, metrics["stages"]),
            percent(stage.get("accuracy")),
            "–" if synops is None else count(synops),
        )
    return table


def _name(stage: str, stages: Mapping[str, Any]) -> str:
    """Its name for people; a net that was not tuned is nowhere "after" that."""
    if stage == "emulator" and "tuning" in stages[stage]:
        return f"emulator (fine-tuning {stages[stage]['tuning']})"
    if stage == "emulator" and "emulator_untuned" not in stages:
        return "emulator"
    return STAGES[stage]
