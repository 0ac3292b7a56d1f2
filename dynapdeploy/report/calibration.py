"""What calibration chose and what it changed: as tables and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dynapdeploy.tuning import Calibration, Score


def calibration_content(calibration: Calibration) -> dict[str, Any]:
    """Before, after and the choices per layer, as a JSON object; accuracies are fractions."""
    return {
        "data": calibration.spec,
        "judged": calibration.judged,
        "complete": calibration.complete,
        "before": _figures(calibration.before),
        "after": _figures(calibration.after),
        "choices": [
            {"layer": name, **asdict(choice)} for name, choice in calibration.choices.items()
        ],
    }


def _figures(score: Score) -> dict[str, Any]:
    return {
        "samples": score.samples,
        "accuracy": None if score.right is None else score.right / score.samples,
        "agreement": score.agreeing / score.samples,
        "undecided": score.undecided,
        "synops_per_sample": score.synops_per_sample,
    }


def calibration_table(calibration: Calibration):
    """Before and after, on the samples of the calibration."""
    from rich.table import Table

    table = Table(title=f"calibration on {calibration.spec}, {calibration.judged} ways tried")
    for name in ("", "right", "as reference", "undecided", "SynOps per sample"):
        table.add_column(name, justify="right" if name else "left")
    for name, score in (("before", calibration.before), ("after", calibration.after)):
        table.add_row(
            name,
            "–" if score.right is None else f"{score.right} of {score.samples}",
            f"{score.agreeing} of {score.samples}",
            str(score.undecided),
            f"{score.synops_per_sample:,.0f}",
        )
    return table


def choices_table(calibration: Calibration):
    """What was chosen for each layer."""
    from rich.table import Table

    table = Table(title="choices")
    for name in ("layer", "activity", "lower bound", "weights kept whole", "rounding"):
        table.add_column(name, justify="left" if name == "layer" else "right")
    for name, choice in calibration.choices.items():
        bound = choice.lower_bound
        shown = "lowest" if bound is None else bound if isinstance(bound, str) else f"{bound:g}"
        table.add_row(name, f"x{choice.activity:.3g}", shown, f"{choice.clip:.1%}", choice.rounding)
    return table
