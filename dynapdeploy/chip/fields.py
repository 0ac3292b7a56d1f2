"""Checks of single fields of a chip image: integers, sizes, integer arrays."""

from __future__ import annotations

import numpy as np

from dynapdeploy.errors import ImageError


def put(instance, name: str, value) -> None:
    """Set a field of a frozen dataclass while it is being made."""
    object.__setattr__(instance, name, value)


def is_integer(value) -> bool:
    """Whether ``value`` is a Python or NumPy integer, and no truth value."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool | np.bool_)


def check_integer(value, low: int, high: int, where: str, name: str) -> None:
    """Raise ``ImageError`` unless ``value`` is an integer from ``low`` to ``high``."""
    if not is_integer(value):
        raise ImageError(f"{where}: {name} must be an integer, got {value!r}")
    if not low <= value <= high:
        raise ImageError(f"{where}: {name} must lie in {low}..{high}, got {value}")


def sizes(values, count: int, low: int, where: str, name: str) -> tuple[int, ...]:
    """``count`` integers of at least ``low`` as a tuple; raises ``ImageError`` otherwise."""
    try:
        sizes = tuple(values)
    except TypeError:
        sizes = ()
    if len(sizes) != count or not all(is_integer(v) for v in sizes):
        raise ImageError(f"{where}: {name} must be {count} integers, got {values!r}")
    if min(sizes) < low:
        raise ImageError(f"{where}: {name} must be at least {low}, got {sizes}")
    return tuple(int(v) for v in sizes)


def integers(values, dtype, dimensions: int, where: str, name: str) -> np.ndarray:
    """A read-only copy of an integer array in ``dtype``; raises ``ImageError`` out of its range."""
    array = np.asarray(values)
    if array.dtype.kind not in "iu":
        raise ImageError(f"{where}: {name} must be integers, got {array.dtype}")
    if array.ndim != dimensions:
        raise ImageError(
            f"{where}: {name} must have {dimensions} dimensions, got shape {array.shape}"
        )
    limits = np.iinfo(dtype)
    if array.size and (array.min() < limits.min or array.max() > limits.max):
        raise ImageError(
            f"{where}: {name} must lie in {limits.min}..{limits.max}, "
            f"got {array.min()}..{array.max()}"
        )
    result = np.array(array, dtype=dtype, order="C")
    result.flags.writeable = False
    return result
