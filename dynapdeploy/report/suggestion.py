"""The changes that would make a network fit: as lines and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from dynapdeploy.chip.suggest import Suggestion


def suggestion_content(suggestion: Suggestion | None) -> dict[str, Any] | None:
    """Changes, and parameters and MACs before and after; None where no changes were found."""
    if suggestion is None:
        return None
    return {
        "changes": [asdict(change) for change in suggestion.changes],
        "parameters": suggestion.parameters,
        "parameters_before": suggestion.parameters_before,
        "macs": suggestion.macs,
        "macs_before": suggestion.macs_before,
        "synops_ratio": {
            "value": suggestion.macs / suggestion.macs_before,
            "unit": "1",
            "mode": "predicted",
        },
    }


def suggestion_lines(suggestion: Suggestion | None) -> list[str]:
    """The same in words, with markup for rich."""
    from rich.markup import escape

    if suggestion is None:
        return ["no set of changes was found that makes it fit"]
    if not suggestion.changes:
        return ["it fits as it is, nothing to change"]
    lines = ["[bold]these changes make it fit[/] (then train it again):"]
    texts: dict[str, list[str]] = {}
    for change in suggestion.changes:
        texts.setdefault(change.layer, []).append(change.text)
    for layer, changes in texts.items():
        about = f"{layer}: " if layer else ""
        lines.append(f"  {escape(about + ', '.join(changes))}")
    lines.append(
        f"parameters {suggestion.parameters_before:,} to {suggestion.parameters:,}, "
        f"multiply-accumulates {suggestion.macs_before:,} to {suggestion.macs:,} "
        f"({suggestion.macs / suggestion.macs_before:.0%}); SynOps change by the same share "
        "where neurons spike as often as before"
    )
    return lines
