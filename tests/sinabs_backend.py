"""Imports ``sinabs.backend.dynapcnn`` with empty modules in the place of samna.

Only what that import needs by name is there, so that sinabs' own memory summary, discretization and
mapping can serve as an independent truth. Nothing here talks to a board.
"""

from __future__ import annotations

import sys
import types
from contextlib import contextmanager

NAMES = (
    "samna",
    "samna.device",
    "samna.speck2e",
    "samna.speck2e.configuration",
    "samna.speck2f",
    "samna.speck2f.configuration",
    "samnagui",
)


@contextmanager
def sinabs_backend():
    """Yield ``sinabs.backend.dynapcnn``; afterwards ``sys.modules`` is as before."""
    before = {name: module for name, module in sys.modules.items() if _ours(name)}
    for name in before:
        del sys.modules[name]
    for name in NAMES:
        module = types.ModuleType(name)
        sys.modules[name] = module
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)
    for name in ("speck2e", "speck2f"):
        configuration = sys.modules[f"samna.{name}.configuration"]
        configuration.SpeckConfiguration = type("SpeckConfiguration", (), {})  # type: ignore
    sys.modules["samna.device"].DeviceInfo = type("DeviceInfo", (), {})  # type: ignore
    try:
        import sinabs.backend.dynapcnn

        yield sinabs.backend.dynapcnn
    finally:
        for name in [name for name in sys.modules if _ours(name)]:
            del sys.modules[name]
        sys.modules.update(before)


def _ours(name: str) -> bool:
    first = name.partition(".")[0]
    return first in ("samna", "samnagui") or name.startswith("sinabs.backend.dynapcnn")
