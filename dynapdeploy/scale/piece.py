"""A piece of work that can be done anywhere: in this process, in another, on another machine."""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dynapdeploy import errors
from dynapdeploy.errors import DeployError, EnvironmentLacks

PACKAGE = "dynapdeploy."
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
        after: name of the piece whose result this one builds upon.
    """

    name: str
    task: str
    arguments: Mapping[str, Any]
    place: Mapping[str, str] = field(default_factory=dict)
    after: str | None = None

    @property
    def key(self) -> str:
        """SHA-256 of what is to be done, wherever that is."""
        what = json.dumps([self.task, dict(self.arguments)], sort_keys=True)
        return hashlib.sha256(what.encode()).hexdigest()


def perform(task: str, arguments: Mapping[str, Any], place: Mapping[str, str]) -> dict[str, Any]:
    """Do a piece: ``{"value": ...}``, or ``{"kind", "message"}`` of the error that it met."""
    module, _, function = task.partition(":")
    if not module.startswith(PACKAGE):
        return {"kind": "InputError", "message": f"task {task!r} is none of this package"}
    try:
        return {"value": getattr(importlib.import_module(module), function)(arguments, place)}
    except DeployError as fault:
        return {"kind": type(fault).__name__, "message": str(fault)}
    except MemoryError:
        return {"kind": "DeployError", "message": "out of memory"}
    except ImportError as fault:
        return {"kind": "EnvironmentLacks", "message": f"a worker cannot import it: {fault}"}
    except Exception as fault:
        return {"kind": "", "message": f"{type(fault).__name__}: {fault}"}


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
