"""The inside of a NIR file (HDF5) as plain dictionaries, read as if somebody meant harm by it.

A damaged HDF5 file can make the HDF5 library itself crash or never return. So a process of its own
opens the file (:mod:`dynapdeploy.graph.nir_process`) and hands back bare arrays.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from dynapdeploy.errors import SourceError

SIGNATURE = b"\x89HDF\r\n\x1a\n"
"""How every HDF5 file begins."""

MAX_BYTES = 2**31
"""Size of a file, far beyond any network for these chips."""

SECONDS = 30
"""Time for one file; a sound one of 1 MB takes less than one second."""


def load_nir(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The root graph of a NIR file: ``type``, ``nodes``, ``edges`` and what else it has, by name.

    Groups become dictionaries, texts ``str``, everything else arrays.

    Raises:
        SourceError: the file is missing, empty, damaged, no NIR file, holds links or data kept in
            other files, or claims more than :data:`dynapdeploy.graph.nir_process.MAX_VALUES`.
    """
    file = Path(path)
    _check_outside(file)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    command = [sys.executable, "-m", "dynapdeploy.graph.nir_process", os.path.abspath(file)]
    try:
        done = subprocess.run(command, capture_output=True, env=environment, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise SourceError(f"{file}: damaged, reading it did not end in {SECONDS} s") from None
    except OSError as fault:
        raise SourceError(f"{file}: the process that reads it cannot start: {fault}") from fault
    if done.returncode == 2:
        raise SourceError(f"{file}: {done.stderr.decode('utf8', errors='replace').strip()}")
    if done.returncode != 0:
        raise SourceError(f"{file}: damaged, the HDF5 library fails on it (exit {done.returncode})")
    return _unpacked(done.stdout)


def _check_outside(file: Path) -> None:
    if not file.is_file():
        what = "is a folder" if file.is_dir() else "does not exist"
        raise SourceError(f"{file}: a NIR file was expected, but it {what}")
    try:
        size = file.stat().st_size
        with file.open("rb") as opened:
            head = opened.read(len(SIGNATURE))
    except OSError as fault:
        raise SourceError(f"{file}: cannot be read: {fault.strerror or fault}") from fault
    if size == 0:
        raise SourceError(f"{file}: a NIR file was expected, but it is empty")
    if head != SIGNATURE:
        raise SourceError(f"{file}: a NIR file (HDF5) was expected, but it starts with {head!r}")
    if size > MAX_BYTES:
        raise SourceError(
            f"{file}: {size:,} bytes; a network of at most {MAX_BYTES:,} was expected"
        )


def _unpacked(packed: bytes) -> dict[str, Any]:
    root: dict[str, Any] = {}
    with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
        for number, path in enumerate(arrays["paths"].tolist()):
            *groups, name = path.split("/")
            inside = root
            for group in groups:
                inside = inside.setdefault(group, {})
            value = arrays[str(number)]
            inside[name] = str(value) if value.ndim == 0 and value.dtype.kind == "U" else value
    return root


def text(value: Any, what: str) -> str:
    """``value`` as text. Raises ``SourceError`` if it is none."""
    if not isinstance(value, str):
        raise SourceError(f"{what} must be text, got {type(value).__name__}")
    return value
