"""Train a net for each of many targets: one table and one curve, resumable, over many machines."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dynapdeploy.errors import DeployError, EnvironmentLacks, SourceError
from dynapdeploy.files import write_text
from dynapdeploy.scale import Piece, planned_folder, run_pieces
from dynapdeploy.scale.piece import kept
from dynapdeploy.training.sweep_curve import plot_sweep
from dynapdeploy.training.sweep_plan import SweepPlan, pieces

RECORD, TABLE, CURVE = "sweep.json", "sweep.csv", "sweep.png"
SCHEMA_VERSION = 1
COLUMNS = ("name", "seed", "status", "target_synops", "accuracy", "synops_per_sample", "factor")


@dataclass(frozen=True, eq=False)
class Sweep:
    """What a sweep found.

    Attributes:
        rows: one per net in the order of seeds and targets: ``name`` (its folder), ``status``
            (``"done"``, ``"refused"`` with a ``message``, or ``"left out"`` behind a refused link
            of a chain), ``accuracy``, ``synops_per_sample``, ``scaled`` and more.
    """

    folder: Path
    rows: tuple[dict[str, Any], ...]


def sweep(
    plan: SweepPlan,
    folder,
    *,
    resume: bool = False,
    workers: int = 1,
    scheduler: str | None = None,
    progress: Callable[[str, int, int, str], None] | None = None,
) -> Sweep:
    """Train every net of ``plan`` in a folder of its own and sum up.

    ``folder`` gets ``plan.json``, ``seed-S/net-NN`` (a training folder each, complete as soon as
    its net is), and in the end ``sweep.json``, ``sweep.csv``, ``sweep.png``. The same plan gives
    the same files on one kind of machine, whatever the workers, killed and resumed or not.

    Args:
        resume: go on with what is in ``folder``, if anything; the plan must be the same.
        workers: processes of this machine.
        scheduler: address of a Dask scheduler in place of this machine; ``folder`` and the data
            must lie where its workers find them under the same path.
        progress: told when a net is done.

    Raises:
        InputError: ``folder`` holds a sweep and ``resume`` was not asked for, or another plan.
        EnvironmentLacks: the cluster cannot be used, or is gone.
        OutputError: ``folder`` cannot be written, or another process works in it.
        DeployError: no net could be trained; the first reason.
    """
    what = {"command": "sweep", **plan.as_dict()}
    with planned_folder(folder, what, resume, (RECORD, TABLE, CURVE)) as folder:
        tell = progress or (lambda stage, done, total, text: None)
        todo, found = pieces(plan, folder), {}
        tell("sweep", 0, len(todo), "")
        refused: list[DeployError] = []
        for piece in todo:
            _forget_if_damaged(piece)
        for piece, result in run_pieces(todo, workers=workers, scheduler=scheduler):
            if isinstance(result, EnvironmentLacks) or not isinstance(result, dict | DeployError):
                raise result
            if isinstance(result, DeployError):
                refused.append(result)
                found[piece.name] = _row(piece, "refused", {"message": str(result)})
            else:
                found[piece.name] = _row(piece, "done", result)
            tell("sweep", len(found), len(todo), _line(found[piece.name]))
        if refused and not any(row["status"] == "done" for row in found.values()):
            raise refused[0]
        rows = tuple(found.get(piece.name) or _row(piece, "left out", {}) for piece in todo)
        _write(folder, plan, rows)
    return Sweep(folder, rows)


def load_sweep(folder) -> Sweep:
    """Read the result of a sweep. Raises ``SourceError`` where there is none, or a damaged one."""
    path = Path(folder) / RECORD
    try:
        record = json.loads(path.read_text())
        if record["schema_version"] != SCHEMA_VERSION:
            raise SourceError(
                f"{path}: schema version {record['schema_version']!r} is unknown, "
                f"{SCHEMA_VERSION} was expected"
            )
        rows = tuple({**row, "name": str(row["name"])} for row in record["rows"])
    except OSError as fault:
        raise SourceError(f"{path}: cannot be read ({fault.strerror or fault})") from fault
    except (ValueError, KeyError, TypeError, RecursionError) as fault:
        raise SourceError(f"{path}: damaged, or not the record of a sweep ({fault})") from fault
    return Sweep(Path(folder), rows)


def _forget_if_damaged(piece: Piece) -> None:
    """Remove the record of a net whose weights are not those that it vouches for."""
    row = kept(piece)
    if row is None:
        return
    from dynapdeploy.training.run import WEIGHTS

    try:
        digest = hashlib.sha256((Path(piece.place["folder"]) / WEIGHTS).read_bytes()).hexdigest()
    except OSError:
        digest = ""
    if row.get("weights_sha256") != digest:
        Path(piece.record).unlink()


def _row(piece: Piece, status: str, figures: dict[str, Any]) -> dict[str, Any]:
    seed = piece.arguments["settings"]["seed"]
    return {"name": piece.name, "seed": seed, "status": status, **figures}


def _line(row: dict[str, Any]) -> str:
    if row["status"] != "done":
        return f"{row['name']} {row['status']}"
    accuracy = row["accuracy"]
    share = "" if accuracy is None else f"{accuracy:.1%}, "
    return f"{row['name']}: {share}{row['synops_per_sample'] or 0:,.0f} SynOps"


def _write(folder: Path, plan: SweepPlan, rows: tuple[dict[str, Any], ...]) -> None:
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, lineterminator="\n", extrasaction="ignore")
    table.writeheader()
    for row in rows:
        table.writerow({**row, "factor": 1})
        for scaled in row.get("scaled", ()):
            table.writerow({**row, **scaled})
    write_text(folder / TABLE, text.getvalue())
    plot_sweep(folder / CURVE, rows)
    record = {"schema_version": SCHEMA_VERSION, "plan": plan.as_dict(), "rows": rows}
    write_text(folder / RECORD, json.dumps(record, indent=2) + "\n")
