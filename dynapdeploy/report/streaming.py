"""What came out of a board or the emulator."""

from __future__ import annotations

from typing import Any

from dynapdeploy.emulator.self_test import SelfTestVerdict
from dynapdeploy.estimate import Outcome


def self_test_content(verdict: SelfTestVerdict) -> dict[str, Any]:
    """The verdict of a self-test as JSON."""
    return {
        "identical": verdict.identical,
        "first_difference": verdict.first_difference,
        "expected_events": verdict.expected,
        "events": verdict.found,
        "spikes": {
            core: {"expected": expected, "found": found}
            for core, (expected, found) in verdict.spikes.items()
        },
    }


def self_test_lines(verdict: SelfTestVerdict) -> list[str]:
    """The verdict of a self-test in lines for people."""
    if verdict.identical:
        return [f"self-test: identical, {verdict.found} output events as expected"]
    where = (
        "the output events agree, the spike counts do not"
        if verdict.first_difference is None
        else f"differs from output event {verdict.first_difference} on"
    )
    lines = [f"self-test: [red]{where}[/] ({verdict.expected} expected, {verdict.found} came)"]
    for core, (expected, found) in verdict.spikes.items():
        lines.append(f"  core {core}: {expected} spikes expected, {found} came")
    return lines


def outcome_content(outcome: Outcome) -> dict[str, Any]:
    """What one recording gave, as JSON."""
    return {
        "name": outcome.name,
        "input_events": outcome.events,
        "counts": outcome.counts.tolist(),
        "decision": outcome.decision,
        "synops": sum(outcome.synops.values()),
        "spikes": dict(outcome.spikes),
    }


def outcome_table(outcome: Outcome):
    """Output spikes per class of one recording."""
    from rich.table import Table

    decision = "undecided" if outcome.decision is None else f"decision {outcome.decision}"
    table = Table(title=f"{outcome.name}: {outcome.events:,} input events, {decision}")
    table.add_column("class", justify="right")
    table.add_column("output spikes", justify="right")
    for number, count in enumerate(outcome.counts):
        mark = "[green]" if number == outcome.decision else ""
        table.add_row(f"{mark}{number}", f"{mark}{int(count):,}")
    return table
