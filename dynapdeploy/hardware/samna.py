"""Whether samna is there, found out without importing it.

The ``samna`` on PyPI is a stub: importing it runs pip against the vendor's own index and,
offline, raises ``CalledProcessError``. sinabs depends on it, so the stub is nearly always there.
It carries the marker ``PYPI_SAMNA`` in its ``__init__.py``.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

STUB_MARKER = "PYPI_SAMNA"
VENDOR_INDEX = "https://gitlab.com/api/v4/projects/27423070/packages/pypi/simple"
"""SynSense's own package index, as the stub of samna 0.48.6 names it."""

HOW_TO_INSTALL = (
    "The vendor has it installed from its own index (Linux, macOS): "
    f"pip install --force-reinstall samna --index-url={VENDOR_INDEX}"
)


@dataclass(frozen=True)
class SamnaStatus:
    """``state``: ``"absent"``, ``"stub"`` (from PyPI, drives no board) or ``"real"``."""

    state: Literal["absent", "stub", "real"]
    version: str | None = None

    @property
    def message(self) -> str:
        """One line for people."""
        if self.state == "real":
            return f"samna {self.version or '(unknown version)'} is installed"
        if self.state == "stub":
            return (
                f"only the stub of samna {self.version or ''} from PyPI is installed, "
                "which drives no board"
            )
        return "samna is not installed"


def samna_status() -> SamnaStatus:
    """Look for samna without importing it."""
    try:
        spec = importlib.util.find_spec("samna")
    except (ImportError, ValueError):
        spec = None
    if spec is None or not spec.origin:
        return SamnaStatus("absent")
    try:
        version = importlib.metadata.version("samna")
    except importlib.metadata.PackageNotFoundError:
        version = None
    try:
        stub = STUB_MARKER in Path(spec.origin).read_text(encoding="utf-8", errors="replace")
    except OSError:
        stub = False
    return SamnaStatus("stub" if stub else "real", version)
