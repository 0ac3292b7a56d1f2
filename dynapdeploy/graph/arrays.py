"""Weights as they come in, and as the graph keeps them."""

from __future__ import annotations

import numpy as np

from dynapdeploy.errors import SourceError


def checked_weights(values, what: str, dimensions: int) -> np.ndarray:
    """``values`` as float32 or float64 with ``dimensions`` axes, read-only.

    Raises:
        SourceError: they are empty, no real numbers, not finite, or of other dimensions.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise SourceError(f"{what} must be real numbers, got {array.dtype}")
    if array.ndim != dimensions or array.size == 0:
        raise SourceError(f"{what} must have {dimensions} dimensions, got shape {array.shape}")
    dtype = np.float64 if array.dtype.itemsize > 4 and array.dtype.kind == "f" else np.float32
    array = np.array(array, dtype=dtype, order="C")
    bad = int(array.size - np.isfinite(array).sum())
    if bad:
        raise SourceError(
            f"{what} has {bad} of {array.size} values that are not finite (NaN or inf)"
        )
    array.flags.writeable = False
    return array


def checked_bias(values, channels: int) -> np.ndarray | None:
    """A bias of ``channels`` values, None where there is none or all of it is zero.

    Raises:
        SourceError: another number of values was given, or one is not finite.
    """
    if values is None:
        return None
    bias = checked_weights(values, "bias", 1)
    if len(bias) != channels:
        raise SourceError(f"bias has {len(bias)} values for {channels} output channels")
    return bias if bias.any() else None
