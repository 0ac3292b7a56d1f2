"""Kernels compiled once and kept on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from numba import njit


def cached(*sources: ModuleType, fastmath: bool = False) -> Callable:
    """Decorator: compile without the GIL, keep the code until its file or ``sources`` change.

    Numba by itself looks at the file of the function only.

    Args:
        fastmath: sums of floats may be taken in any order.
    """

    def decorate(function: Callable) -> Callable:
        compiler: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": fastmath}
        try:
            kernel: Any = njit(cache=True, **compiler)(function)
            index = kernel._cache._cache_file
        except (RuntimeError, AttributeError):  # no folder can be written, or compiling is off
            return njit(**compiler)(function)
        stamps = [Path(str(source.__file__)).stat() for source in sources]
        index._source_stamp = (
            index._source_stamp,
            *((stamp.st_mtime, stamp.st_size) for stamp in stamps),
        )
        return kernel

    return decorate


def on_disk(kernel) -> bool:
    """Whether ``kernel`` need not be compiled: it is loaded, or its code is found on disk."""
    if getattr(kernel, "signatures", True):
        return True
    index = getattr(kernel._cache, "_cache_file", None)
    return index is not None and bool(index._load_index())
