"""The one place that imports samna, and only when a board was asked for."""

from __future__ import annotations

import importlib
import subprocess
import sys
from types import ModuleType

from dynapdeploy.errors import EnvironmentLacks
from dynapdeploy.hardware.samna import HOW_TO_INSTALL, samna_status

PARTS = ("device", "graph")


def load_samna(chip: str | None = None) -> ModuleType:
    """The module ``samna``, with its parts and that of the chip imported.

    Args:
        chip: name of the chip's module, as ``speck2f``.

    Raises:
        EnvironmentLacks: samna is absent, only the stub, or cannot be imported. The stub is never
            imported: that would run pip.
    """
    status = samna_status()
    if status.state != "real":
        raise EnvironmentLacks(f"no board: {status.message}. {HOW_TO_INSTALL}")
    names = [*PARTS, *([chip, f"{chip}.configuration", f"{chip}.event"] if chip else [])]
    try:
        module = importlib.import_module("samna")
        for name in names:
            if not _has(module, name):
                importlib.import_module(f"samna.{name}")
    except (ImportError, OSError, RuntimeError, subprocess.CalledProcessError) as fault:
        for name in [n for n in sys.modules if n.partition(".")[0] == "samna"]:
            del sys.modules[name]
        raise EnvironmentLacks(
            f"samna {status.version or ''} is installed but cannot be imported: {fault}"
        ) from fault
    return module


def _has(module: ModuleType, name: str) -> bool:
    found = module
    for part in name.split("."):
        if not hasattr(found, part):
            return False
        found = getattr(found, part)
    return True
