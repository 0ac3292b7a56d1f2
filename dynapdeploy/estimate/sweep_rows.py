"""The rows of a sweep for a report, also of one that is not finished."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dynapdeploy.scale.folder import PLAN
from dynapdeploy.scale.piece import read_record


def sweep_rows(folder) -> list[dict[str, Any]]:
    """Name, accuracy and SynOps per sample of every run; None where a run is missing.

    A sweep that was stopped has no record yet: the runs that are finished are taken, the folders
    of the others are named without figures.

    Raises:
        SourceError: there is no sweep, or its record is damaged.
    """
    from dynapdeploy.training.sweep import RECORD, load_sweep

    folder = Path(folder)
    if (folder / RECORD).is_file() or not (folder / PLAN).is_file():
        return [_row(dict(row)) for row in load_sweep(folder).rows]
    runs = sorted(path for path in folder.glob("*/*") if path.is_dir())
    return [_row({"name": str(run.relative_to(folder)), **_point(run)}) for run in runs]


def _point(run: Path) -> dict[str, Any]:
    from dynapdeploy.training.sweep_plan import POINT

    try:
        return read_record(run / POINT)[1]
    except FileNotFoundError:
        return {}


def _row(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": str(row.get("name", "")),
        "accuracy": _number(row.get("accuracy")),
        "synops_per_sample": _number(row.get("synops_per_sample")),
    }


def _number(value: Any) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number else None
