"""Data goes to stdout, everything else to stderr."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

SCHEMA_VERSION = 1


def emit_json(command: str, device: str | None, status: str, **content: Any) -> None:
    """Print one JSON object to stdout."""
    click.echo(json_text(command, device, status, **content), nl=False)


def json_text(command: str, device: str | None, status: str, **content: Any) -> str:
    """What :func:`emit_json` prints."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "command": command,
        "device": device,
        "status": status,
        **content,
    }
    return json.dumps(_plain(document), indent=2, allow_nan=False) + "\n"


def result_text(folder: str | None, command: str, device: str | None, **content: Any) -> str:
    """What ``--format json`` prints of a finished verb; kept in its ``folder`` of parts, if any.

    Raises:
        OutputError: it cannot be written.
    """
    from dynapdeploy.files import write_text
    from dynapdeploy.lock import locked_folder

    text, name = json_text(command, device, "done", **content), f"{command}.json"
    if folder is not None:
        with locked_folder(folder, (name,)) as place:
            write_text(place / name, text)
    return text


def emit(*renderables: Any) -> None:
    """Print tables and text to stdout; into a file or a pipe, every text stays one line.

    Text may have markup; in tables words in brackets are shown as they are, since names of layers
    and files may hold any.
    """
    from rich.console import Console

    console = Console(file=sys.stdout, markup=False)
    piped = not console.is_terminal
    if piped:
        console = Console(file=sys.stdout, width=120, markup=False)
    for renderable in renderables:
        text = isinstance(renderable, str)
        console.print(renderable, highlight=False, markup=text, soft_wrap=piped and text)


def note(message: str) -> None:
    """Tell the user something, on stderr."""
    click.echo(message, err=True)


@contextmanager
def progress(label: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A progress bar on stderr; yields a function that takes the number of steps done."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(file=sys.stderr)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(label, total=total)
        yield lambda done: bar.update(task, completed=done)


def _plain(value: Any) -> Any:
    """``value`` in terms of JSON: NumPy scalars as numbers, infinities and NaN as null."""
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if hasattr(value, "item") and not hasattr(value, "__len__"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


@contextmanager
def stages() -> Iterator[Callable[[str, int, int, str], None]]:
    """Progress bars on stderr for work in named stages; yields what takes their progress.

    The function takes the name of the stage, how much is done, how much there is, and a text.
    Without a terminal each stage is one line.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(file=sys.stderr)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[text]}"),
    )
    tasks: dict[str, Any] = {}
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:

        def step(stage: str, done: int, total: int, text: str = "") -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total, text=text)
                if not console.is_terminal:
                    note(f"{stage} ...")
            bars.update(tasks[stage], completed=done, total=total, text=text)

        yield step
