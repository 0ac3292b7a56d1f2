"""What came out of a board or the emulator."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from dynapdeploy.chip.image import ChipImage
from dynapdeploy.hardware.recordings import Streamed, class_counts
from dynapdeploy.hardware.self_test import LayerCheck, SelfTestReport

VALID, INDEX = 1 << 20, 16
"""Bits of a readout value: a class is above threshold; its number is in bits 16 to 19 (Speck
datasheet, table 6)."""


def self_test_content(report: SelfTestReport) -> dict[str, Any]:
    """The self-test as JSON."""
    suspect = report.suspect
    return {
        "identical": report.identical,
        "first_difference": report.first_difference,
        "expected_events": report.expected,
        "events": report.found,
        "suspect_layer": None if suspect is None else suspect.layer,
        "spikes": {
            core: {"expected": expected, "found": found}
            for core, (expected, found) in report.spikes.items()
        },
        "layers": [
            {
                "layer": check.layer,
                "core": check.core,
                "spikes_expected": check.expected,
                "spikes": check.found,
                "first_difference": check.first_difference,
                "reordered": check.reordered,
            }
            for check in report.layers
        ],
    }


def self_test_lines(report: SelfTestReport) -> list[Any]:
    """The self-test for people: one line, and a table where something differs."""
    from rich.table import Table

    if report.identical:
        return [f"self-test: identical, {report.found:,} output events as expected"]
    where = (
        "the output events agree, a layer's spikes do not"
        if report.first_difference is None
        else f"differs from output event {report.first_difference:,} on"
    )
    table = Table(title="spikes per layer")
    for name in ("layer", "core", "expected", "came", ""):
        table.add_column(name, justify="left" if name in ("layer", "") else "right")
    for check in report.layers:
        table.add_row(
            check.layer, str(check.core), f"{check.expected:,}", f"{check.found:,}", _word(check)
        )
    suspect = report.suspect
    first = "" if suspect is None else f"; {suspect.layer} (core {suspect.core}) is the first layer"
    return [
        f"self-test: [red]{where}[/] ({report.expected:,} expected, {report.found:,} came){first}",
        table,
    ]


def _word(check: LayerCheck):
    from rich.text import Text

    if check.first_difference is None:
        return "identical"
    what = "same spikes, other order" if check.reordered else "differs"
    return Text.assemble((what, "red"), f" from spike {check.first_difference:,} on")


def streamed_content(streamed: Streamed) -> dict[str, Any]:
    """What one recording gave, as JSON."""
    response = streamed.response
    spikes = response.spikes
    if spikes is None:
        spikes = {core: len(events) for core, events in response.monitored.items()}
    return {
        "name": streamed.name,
        "input_events": streamed.input_events,
        "output_events": len(response.events),
        "counts": streamed.counts.tolist(),
        "decision": streamed.decision,
        "synops": None if response.synops is None else sum(response.synops.values()),
        "spikes": dict(spikes),
        "late_events": response.late,
        "readout": readout_counts(response.readout),
        "duration_s": response.duration_s,
    }


def streamed_table(streamed: Streamed):
    """Output spikes per class of one recording."""
    decision = "undecided" if streamed.decision is None else f"decision {streamed.decision}"
    title = f"{streamed.name}: {streamed.input_events:,} input events, {decision}"
    return _counts_table(title, streamed.counts, streamed.decision)


def readout_counts(values: np.ndarray) -> dict[int, int]:
    """How often the readout layer named each class, by its number from 1 on."""
    valid = values[(values & VALID) != 0]
    numbers, counts = np.unique((valid >> INDEX) & 15, return_counts=True)
    return dict(zip(numbers.tolist(), counts.tolist(), strict=True))


@contextmanager
def live_counts(image: ChipImage) -> Iterator[Callable[[np.ndarray], None]]:
    """A table on stderr of the output spikes per class so far; yields what takes the events.

    Without a terminal nothing is shown.
    """
    from rich.console import Console
    from rich.live import Live

    console = Console(file=sys.stderr)
    counts = class_counts(image, np.empty(0, [("p", np.int16)]))
    with Live(console=console, transient=True, refresh_per_second=8) as live:

        def watch(events: np.ndarray) -> None:
            nonlocal counts
            counts = counts + class_counts(image, events)
            if console.is_terminal:
                live.update(_counts_table("output spikes so far", counts, None))

        yield watch


def _counts_table(title: str, counts: np.ndarray, decision: int | None):
    from rich.table import Table

    table = Table(title=title)
    table.add_column("class", justify="right")
    table.add_column("output spikes", justify="right")
    for number, count in enumerate(counts):
        style = "green" if number == decision else None
        table.add_row(str(number), f"{int(count):,}", style=style)
    return table
