"""A piece of work that can be done anywhere: in this process, in another, on another machine."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dynapdeploy import errors
from dynapdeploy.errors import DeployError, EnvironmentLacks, SourceError
from dynapdeploy.files import write_text

PACKAGE = "dynapdeploy."
SCHEMA_VERSION = 3
MOST_TRIES = 10
"""How often a piece is begun whose worker dies under it."""


@dataclass(frozen=True)
class Piece:
    """One piece. Everything about it is plain data that JSON can hold.

    Attributes:
        name: unique among the pieces of one job.
        task: ``package.module:function`` of this package; called as ``function(arguments, place)``,
            gives back a dictionary that JSON can hold.
        arguments: what is to be done. The result depends on nothing else.
        place: absolute paths where inputs lie and results go.
        record: absolute path of a file that keeps what the task gave back; empty for none. A piece
            that has its record is not done again.
        after: name of the piece whose result this one builds upon.
    """

    name: str
    task: str
    arguments: Mapping[str, Any]
    place: Mapping[str, str] = field(default_factory=dict)
    record: str = ""
    after: str | None = None

    @property
    def key(self) -> str:
        """SHA-256 of what is to be done, wherever that is."""
        return _digest([self.task, dict(self.arguments)])

    @property
    def request(self) -> dict[str, Any]:
        """What :func:`perform` takes."""
        return {
            "task": self.task,
            "arguments": dict(self.arguments),
            "place": dict(self.place),
            "record": self.record,
            "key": self.key,
        }


def perform(request: Mapping[str, Any]) -> dict[str, Any]:
    """Do a piece: ``{"value": ...}``, or ``{"kind", "message"}`` of the error that it met.

    The record is written by whoever does the work, so that a finished piece is kept even where
    nobody is left to be told of it.
    """
    task = request["task"]
    module, _, function = task.partition(":")
    if not module.startswith(PACKAGE):
        return {"kind": "InputError", "message": f"task {task!r} is none of this package"}
    try:
        value = getattr(importlib.import_module(module), function)(
            request["arguments"], request["place"]
        )
        if request["record"]:
            write_record(request["record"], request["key"], value)
        return {"value": value}
    except DeployError as fault:
        return {"kind": type(fault).__name__, "message": str(fault)}
    except MemoryError:
        return {"kind": "DeployError", "message": "out of memory"}
    except ImportError as fault:
        return {"kind": "EnvironmentLacks", "message": f"a worker cannot import it: {fault}"}
    except Exception as fault:
        return {"kind": "", "message": f"{type(fault).__name__}: {fault}"}


def kept(piece: Piece) -> dict[str, Any] | None:
    """What the record of a piece holds; None without one, or where it is damaged or another's."""
    try:
        key, value = read_record(piece.record) if piece.record else ("", {})
    except (FileNotFoundError, SourceError):
        return None
    return value if key == piece.key else None


def write_record(path: str | os.PathLike[str], key: str, value: Mapping[str, Any]) -> None:
    """Keep what a piece gave, with a checksum. Raises ``OutputError``."""
    content = {
        "schema_version": SCHEMA_VERSION,
        "key": key,
        "sha256": _digest(value),
        "value": value,
    }
    write_text(path, json.dumps(content, indent=1) + "\n")


def read_record(path: str | os.PathLike[str]) -> tuple[str, dict[str, Any]]:
    """Key and value in the record of a piece.

    Raises:
        FileNotFoundError: there is none.
        SourceError: it is damaged, or of another schema version.
    """
    try:
        content = json.loads(Path(path).read_text())
        version = content["schema_version"]
        if version != SCHEMA_VERSION:
            raise SourceError(
                f"{path}: schema version {version!r} is unknown, {SCHEMA_VERSION} was expected"
            )
        value = dict(content["value"])
        if content["sha256"] != _digest(value):
            raise ValueError("its value is not the one that was written")
        return str(content["key"]), value
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as fault:
        raise SourceError(f"{path}: damaged or unreadable ({fault})") from fault


def _digest(value: Any) -> str:
    """SHA-256 of a value as JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def fault_in(outcome: Mapping[str, Any], piece: Piece) -> Exception | None:
    """The error that :func:`perform` met, None if it met none."""
    if "value" in outcome:
        return None
    kind, message = outcome["kind"], outcome["message"]
    if not kind:
        return RuntimeError(f"{piece.name}: {message}")
    if kind == "EnvironmentLacks":
        return EnvironmentLacks(message)
    found = getattr(errors, kind, DeployError)
    plain = isinstance(found, type) and issubclass(found, DeployError)
    return (found if plain and found is not errors.CheckFailed else DeployError)(message)
