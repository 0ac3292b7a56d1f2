"""The accuracy ladder as a table and as JSON."""

from __future__ import annotations

from typing import Any

from dynapdeploy.estimate.ladder import TOLERANCE, Ladder, Parting, Rung
from dynapdeploy.report.figures import count, percent


def ladder_content(ladder: Ladder) -> dict[str, Any]:
    """The ladder as JSON; a skipped rung has a reason and no figures."""
    worst = ladder.largest_loss
    return {
        "samples": ladder.samples,
        "labelled": ladder.labelled,
        "step_s": ladder.step_us * 1e-6,
        "largest_loss": None if worst is None else worst.key,
        "rungs": [_rung_content(rung, ladder.layers) for rung in ladder.rungs],
        "notes": list(ladder.notes),
    }


def ladder_table(ladder: Ladder):
    """One row per rung."""
    from rich.table import Table

    table = Table(title=f"accuracy ladder, {ladder.samples} samples")
    columns = ("rung", "accuracy", "SynOps per sample", "as before", "flips")
    for name in (*columns, f"first layer apart by > {TOLERANCE:.0%}"):
        table.add_column(name, justify="right" if name in columns[1:] else "left")
    for rung in ladder.rungs:
        if rung.reason:
            table.add_row(rung.title, "skipped", "", "", "", "")
            continue
        table.add_row(
            rung.title,
            percent(rung.accuracy),
            "–" if rung.synops_per_sample is None else count(rung.synops_per_sample),
            agreement(rung),
            "–" if rung.agreement is None else str(len(rung.flips)),
            parted(rung.parting),
        )
    return table


def ladder_lines(ladder: Ladder) -> list[str]:
    """What the ladder says, and why rungs were skipped."""
    worst = ladder.largest_loss
    lines = (
        ["no rung loses accuracy against the one before"]
        if worst is None and ladder.labelled
        else []
    )
    if not ladder.labelled:
        lines.append("no labels, so no accuracy")
    if worst is not None:
        lines.append(f"the largest loss of accuracy is at the rung {worst.title}")
    for rung in ladder.rungs:
        if rung.reason:
            lines.append(_escape(f"{rung.title}: skipped, {rung.reason}"))
        elif rung.flips:
            names = ", ".join(rung.flips[:5]) + (", ..." if len(rung.flips) > 5 else "")
            lines.append(_escape(f"{rung.title}: decided otherwise than before: {names}"))
    return [*lines, *map(_escape, ladder.notes)]


def layer_rows(ladder: Ladder) -> list[list[str]]:
    """Per layer, its spikes per sample on every rung that was run."""
    run = [rung for rung in ladder.rungs if not rung.reason]
    return [
        [layer, *(count(rung.spikes[layer]) if layer in rung.spikes else "–" for rung in run)]
        for layer in ladder.layers
    ]


def agreement(rung: Rung) -> str:
    """Share decided as on the rung before."""
    return percent(rung.agreement)


def parted(parting: Parting | None) -> str:
    """The first layer whose spike counts differ, and by how much."""
    if parting is None:
        return "none"
    change = "" if parting.relative is None else f", {parting.relative:+.1%}"
    return f"{parting.layer}: {count(parting.before)} to {count(parting.here)}{change}"


def _rung_content(rung: Rung, layers: tuple[str, ...]) -> dict[str, Any]:
    parting = rung.parting
    return {
        "rung": rung.key,
        "title": rung.title,
        "status": "skipped" if rung.reason else "done",
        "reason": rung.reason or None,
        "mode": "measured" if rung.key == "board" else "simulated",
        "accuracy": rung.accuracy,
        "correct": rung.correct,
        "undecided": rung.undecided,
        "synops_per_sample": rung.synops_per_sample,
        "agreement": rung.agreement,
        "flips": list(rung.flips),
        "lost": rung.lost,
        "gained": rung.gained,
        "first_difference": None
        if parting is None
        else {
            "layer": parting.layer,
            "before": parting.before,
            "here": parting.here,
            "relative": parting.relative,
        },
        "layers": [
            {
                "layer": layer,
                "spikes_per_sample": rung.spikes.get(layer),
                "synops_per_sample": rung.synops.get(layer),
            }
            for layer in layers
            if not rung.reason
        ],
    }


def _escape(line: str) -> str:
    from rich.markup import escape

    return escape(line)
