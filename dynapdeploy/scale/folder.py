"""The output folder of a job in pieces: one process at a time, and one plan for good."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dynapdeploy.errors import InputError, SourceError
from dynapdeploy.files import write_text
from dynapdeploy.lock import locked_folder

PLAN = "plan.json"


@contextmanager
def planned_folder(
    path: str | os.PathLike[str], plan: Mapping[str, Any], resume: bool, own: Collection[str] = ()
) -> Iterator[Path]:
    """Create or take up the folder, keep other processes out of it, and note the plan there.

    Args:
        plan: what decides the result, as JSON can hold it; ``"command"`` says what kind of job.
        resume: go on with what is in the folder, if anything.
        own: see :func:`dynapdeploy.lock.locked_folder`.

    Raises:
        InputError: the folder holds a job and ``resume`` was not asked for, or one of another plan.
        SourceError: its plan is damaged.
        OutputError: it cannot be written, or another process works in it.
    """
    with locked_folder(Path(path).absolute(), (PLAN, *own)) as folder:
        text = json.dumps(plan, indent=2) + "\n"
        if (folder / PLAN).exists():
            _check(folder / PLAN, json.loads(text), resume)
        write_text(folder / PLAN, text)
        yield folder


def _check(path: Path, now: Mapping[str, Any], resume: bool) -> None:
    if not resume:
        raise InputError(
            f"{path.parent}: it holds results already; --resume goes on with "
            "them, or choose another folder"
        )
    try:
        before = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as fault:
        raise SourceError(f"{path}: damaged or unreadable ({fault})") from fault
    changed = [
        name for name in now if not isinstance(before, dict) or before.get(name) != now[name]
    ]
    if changed:
        raise InputError(f"{path.parent}: cannot resume with another {', '.join(changed)}")
