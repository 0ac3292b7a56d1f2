"""Checks of single fields of a chip image: integers, sizes, integer arrays."""

from __future__ import annotations

import numpy as np

from dynapdeploy.errors import ImageError

LARGEST_SIZE = 2**15
"""Of a map, a stride or a padding: addresses are 16 bits."""


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
    found = entries(values, where, name)
    if len(found) != count or not all(is_integer(v) for v in found):
        raise ImageError(f"{where}: {name} must be {count} integers, got {values!r}")
    if min(found) < low or max(found) > LARGEST_SIZE:
        raise ImageError(f"{where}: {name} must lie in {low}..{LARGEST_SIZE}, got {found}")
    return tuple(int(v) for v in found)


def entries(values, where: str, name: str) -> tuple:
    """``values`` as a tuple; raises ``ImageError`` where it is no sequence."""
    try:
        return tuple(values)
    except TypeError:
        raise ImageError(f"{where}: {name} must be a sequence, got {values!r}") from None


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
