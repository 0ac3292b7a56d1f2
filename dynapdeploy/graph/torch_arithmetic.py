"""Sums of maps, and sums and products of a map with fixed numbers, as nodes."""

from __future__ import annotations

import numpy as np
import torch

from dynapdeploy.graph.arrays import checked_weights
from dynapdeploy.graph.nodes import BatchNorm2d, Identity, Merge, Node, Unsupported
from dynapdeploy.graph.signals import Signal


def read_add(input, other, *, alpha=1) -> Node:
    """``input + alpha * other``: a Merge of two maps, else a shift."""
    if isinstance(input, Signal) and isinstance(other, Signal):
        if alpha != 1:
            return Unsupported("add", f"alpha={alpha}; a core adds maps as they are")
        return Merge()
    if isinstance(input, Signal):
        return _scaled("add", input, 1.0, other, alpha)
    return _scaled("add", other, alpha, input)


def read_sub(input, other, *, alpha=1) -> Node:
    """``input - alpha * other``, where one of the two is fixed."""
    if isinstance(input, Signal) and isinstance(other, Signal):
        return Unsupported("sub", "a core adds maps; it cannot take one from another")
    if isinstance(input, Signal):
        return _scaled("sub", input, 1.0, other, -alpha)
    return _scaled("sub", other, -alpha, input)


def read_mul(input, other) -> Node:
    """``input * other``, where one of the two is fixed."""
    if isinstance(input, Signal) and isinstance(other, Signal):
        return Unsupported("mul", "a product of two maps; a core multiplies by fixed weights only")
    map, factor = (input, other) if isinstance(input, Signal) else (other, input)
    return _scaled("mul", map, factor, 0.0)


def read_div(input, other, *, rounding_mode=None) -> Node:
    """``input / other``, where ``other`` is fixed."""
    if isinstance(other, Signal) or rounding_mode is not None:
        return Unsupported("div", "only dividing by a fixed number is a factor in the weights")
    divisor = _per_channel(other, input)
    if divisor is None or not divisor.all():
        return Unsupported("div", f"by {_text(other)}; one number not 0 per channel was expected")
    return _scaled("div", input, (1 / divisor).reshape(-1, 1, 1), 0.0)


def _scaled(kind: str, map: Signal, scale, shift, times: float = 1.0) -> Node:
    """``map * scale + times * shift`` per channel, in the form of a BatchNorm."""
    if _is(scale, 1) and _is(shift, 0):
        return Identity()
    factor, offset = _per_channel(scale, map), _per_channel(shift, map)
    if factor is None or offset is None:
        odd = scale if factor is None else shift
        return Unsupported(kind, f"with {_text(odd)}; one fixed number per channel was expected")
    zero = factor * 0
    return BatchNorm2d(zero, zero + 1, factor, times * offset + zero, 0.0)


def _per_channel(value, map: Signal) -> np.ndarray | None:
    """One number for each channel of ``map``, None where ``value`` is anything else."""
    if map.shape is None:
        return None
    channels, *extent = map.shape
    if isinstance(value, torch.Tensor | np.ndarray):
        array = np.asarray(value.detach().cpu() if isinstance(value, torch.Tensor) else value)
        row = array.shape in {(channels,), (1, channels)} and extent == [1, 1]
        if not (row or array.size == 1 or array.shape[-3:] == (channels, 1, 1) == _last(array)):
            return None
        value = array.reshape(-1)
    elif isinstance(value, bool) or not isinstance(value, int | float):
        return None
    numbers = checked_weights(np.atleast_1d(value), "the number", 1)
    return np.broadcast_to(numbers.astype(np.float64), channels).copy()


def _last(array: np.ndarray) -> tuple[int, ...]:
    """The last three axes where no axis before them has more than one element."""
    return array.shape[-3:] if array.size == array.shape[-3] else ()


def _is(value, number: int) -> bool:
    return isinstance(value, int | float) and value == number


def _text(value) -> str:
    if isinstance(value, torch.Tensor | np.ndarray):
        return f"a tensor of shape {tuple(value.shape)}"
    return str(value) if isinstance(value, int | float) else "something that is not fixed"
