"""The tables of a report as CSV files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dynapdeploy.estimate.study import Study
from dynapdeploy.files import output_folder, write_text
from dynapdeploy.report.charts import confusion_matrix

Table = tuple[Sequence[str], Iterable[Sequence[Any]]]


def write_tables(study: Study, folder) -> list[Path]:
    """Write the tables that this study has something for; returns their paths.

    Raises:
        OutputError: a file cannot be written.
    """
    target = output_folder(folder)
    written = []
    for name, (columns, rows) in tables(study).items():
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_cell(value) for value in row] for row in rows)
        write_text(target / f"{name}.csv", text.getvalue())
        written.append(target / f"{name}.csv")
    return written


def tables(study: Study) -> dict[str, Table]:
    """Columns and rows by name of the file. Energies are joules, rates per second."""
    found = study.estimate
    content: dict[str, Table] = {
        "layers": _dicts([asdict(layer) for layer in found.layers]),
        "load": _dicts([asdict(core) for core in found.load.cores]),
        "samples": (
            ("name", "label", "decision", "events", "duration_us", "synops", "spikes",
             "stable_us"),
            (
                (o.name, o.label, o.decision, o.events, o.duration_us, sum(o.synops.values()),
                 sum(o.spikes.values()), _stable(o))
                for o in found.outcomes
            ),
        ),
    }  # fmt: skip
    if found.latency.accuracy:
        content["accuracy_over_time"] = (
            ("time_s", "accuracy"),
            zip(found.latency.time_s, found.latency.accuracy, strict=True),
        )
    if found.labelled:
        matrix, rows, columns = confusion_matrix(found)
        content["confusion"] = (
            ("class", *columns),
            ((name, *counts) for name, counts in zip(rows, matrix, strict=True)),
        )
    if study.ladder is not None:
        content["ladder"] = (
            ("rung", "accuracy", "synops_per_sample", "agreement", "flips", "skipped"),
            (
                (r.key, r.accuracy, r.synops_per_sample, r.agreement, len(r.flips), r.reason)
                for r in study.ladder.rungs
            ),
        )
    if study.sweep:
        content["sweep"] = _dicts([dict(row) for row in study.sweep])
    return content


def _stable(outcome) -> int | None:
    timing = outcome.timing
    return timing.stable_us if timing is not None and timing.decided else None


def _dicts(rows: Sequence[dict[str, Any]]) -> Table:
    columns = list(rows[0]) if rows else []
    return columns, ([row[name] for name in columns] for row in rows)


def _cell(value: Any) -> Any:
    """Texts that a spreadsheet would run as a formula get an apostrophe before them."""
    if value is None:
        return ""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value
