"""torch functions and tensor methods as nodes.

A reader takes the call's own arguments; in place of each tensor stands a :class:`Signal`, in place
of what is no tensor (a size, a number computed from one) :data:`NO_TENSOR`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from dynapdeploy.errors import SourceError
from dynapdeploy.events import Shape
from dynapdeploy.graph.arrays import checked_bias, checked_weights
from dynapdeploy.graph.nodes import (
    Concat,
    Dropout,
    Flatten,
    Identity,
    Linear,
    Merge,
    Node,
    ReLU,
    Unsupported,
)
from dynapdeploy.graph.pooling import adaptive_average_pooling, average_pooling, pooling
from dynapdeploy.graph.torch_modules import FLOOR, convolution, normalization, numpy_of


@dataclass(frozen=True)
class Signal:
    """What a node puts out: its name, and its shape where that is known."""

    name: str
    shape: Shape | None


NO_TENSOR = object()
"""Stands for a value that is computed but is no map: a size, a number."""


def read_function(target: Callable | str, args: tuple, kwargs: dict) -> Node:
    """The node that a call is; a method is given by its name.

    Raises:
        SourceError: the arguments are not those of the function.
    """
    kind = target if isinstance(target, str) else getattr(target, "__name__", str(target))
    reader = (METHODS if isinstance(target, str) else FUNCTIONS).get(target)
    if reader is None:
        return Unsupported(kind, "no core of the chip computes it")
    try:
        return reader(*args, **kwargs)
    except TypeError as fault:
        raise SourceError(
            f"{kind} is called with arguments that are not understood: {fault}"
        ) from fault


def _relu(input, inplace=False) -> Node:
    return ReLU()


def _clamp(input, min=None, max=None) -> Node:
    if min == 0 and max is None:
        return ReLU()
    return Unsupported("clamp", f"to {min}..{max}; only clamping at 0 from below is a ReLU")


def _dropout(input, p=0.5, training=True, inplace=False) -> Node:
    return Dropout()


def _inert(input, *args, **kwargs) -> Node:
    return Identity()


def _floor(input) -> Node:
    return FLOOR


def _add(input, other, *, alpha=1) -> Node:
    if isinstance(input, Signal) and isinstance(other, Signal) and alpha == 1:
        return Merge()
    if not isinstance(other, Signal) and other is not NO_TENSOR and _is_zero(other):
        return Identity()
    return Unsupported("add", "only the sum of two maps is on the chip, not that with a number")


def _is_zero(value) -> bool:
    return isinstance(value, int | float) and value == 0


def _cat(tensors, dim=0) -> Node:
    if dim not in (1, -3):
        return Unsupported("cat", f"along dimension {dim}; only channels (1) can be concatenated")
    if not all(isinstance(tensor, Signal) for tensor in tensors):
        return Unsupported("cat", "of something that the network does not compute")
    return Concat()


def _flatten(input, start_dim=0, end_dim=-1) -> Node:
    if start_dim in (1, -3) and end_dim in (-1, 3):
        return Flatten()
    if (start_dim, end_dim) == (0, 1):
        return Identity()
    return Unsupported(
        "flatten", f"dimensions {start_dim} to {end_dim}; all but the batch go together"
    )


def _view(input, *size) -> Node:
    sizes = tuple(size[0]) if len(size) == 1 and isinstance(size[0], tuple | list) else size
    if len(sizes) == 2 and (sizes[1] == -1 or (sizes[0] == -1 and isinstance(sizes[1], int))):
        return Flatten()
    return Unsupported("view", "only flattening (batch, -1) is clear; use nn.Flatten")


def _mean(input, dim=None, keepdim=False) -> Node:
    return _over_the_map("mean", "average", input, dim)


def _sum(input, dim=None, keepdim=False) -> Node:
    return _over_the_map("sum", "sum", input, dim)


def _over_the_map(what: str, kind: str, input: Signal, dim) -> Node:
    if not isinstance(dim, tuple | list) or {d % 4 for d in dim} != {2, 3}:
        return Unsupported(what, "only over height and width together (dim=(2, 3))")
    if input.shape is None:
        return Unsupported(what, "its window depends on the input shape, which is not known")
    return pooling(kind, input.shape[1:])


def _avg_pool2d(
    input,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
) -> Node:
    return average_pooling(
        kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


def _adaptive_avg_pool2d(input, output_size) -> Node:
    return adaptive_average_pooling(output_size, input.shape)


def _max_pool2d(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
) -> Node:
    return pooling("max", kernel_size, stride, padding, ceil_mode)


def _lp_pool2d(input, norm_type, kernel_size, stride=None, ceil_mode=False) -> Node:
    if float(norm_type) != 1.0:
        return Unsupported("lp_pool2d", f"norm {norm_type}; only norm 1, a sum, is on the chip")
    return pooling("sum", kernel_size, stride, 0, ceil_mode)


def _conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1) -> Node:
    return convolution(numpy_of(weight), numpy_of(bias), stride, padding, dilation, groups)


def _linear(input, weight, bias=None) -> Node:
    weights = checked_weights(numpy_of(weight), "weight", 2)
    return Linear(weights, checked_bias(numpy_of(bias), len(weights)))


def _batch_norm(
    input,
    running_mean,
    running_var,
    weight=None,
    bias=None,
    training=False,
    momentum=0.1,
    eps=1e-5,
) -> Node:
    if running_mean is None:
        return Unsupported("batch_norm", "it has no running statistics")
    return normalization(
        numpy_of(running_mean), numpy_of(running_var), numpy_of(weight), numpy_of(bias), eps
    )


METHODS: dict[object, Callable[..., Node]] = {
    "add": _add,
    "add_": _add,
    "clamp": _clamp,
    "clamp_": _clamp,
    "flatten": _flatten,
    "floor": _floor,
    "mean": _mean,
    "relu": _relu,
    "relu_": _relu,
    "reshape": _view,
    "sum": _sum,
    "view": _view,
    **dict.fromkeys(
        ("clone", "contiguous", "detach", "float", "squeeze", "unflatten", "unsqueeze"), _inert
    ),
}

FUNCTIONS: dict[object, Callable[..., Node]] = {
    F.adaptive_avg_pool2d: _adaptive_avg_pool2d,
    F.avg_pool2d: _avg_pool2d,
    F.batch_norm: _batch_norm,
    F.conv2d: _conv2d,
    torch.conv2d: _conv2d,
    F.dropout: _dropout,
    F.dropout2d: _dropout,
    F.linear: _linear,
    F.lp_pool2d: _lp_pool2d,
    F.max_pool2d: _max_pool2d,
    torch.max_pool2d: _max_pool2d,
    F.relu: _relu,
    F.relu_: _relu,
    torch.relu: _relu,
    torch.relu_: _relu,
    operator.add: _add,
    operator.iadd: _add,
    torch.add: _add,
    torch.cat: _cat,
    torch.concat: _cat,
    torch.clamp: _clamp,
    torch.flatten: _flatten,
    torch.floor: _floor,
    torch.mean: _mean,
    torch.sum: _sum,
    torch.squeeze: _inert,
    torch.unsqueeze: _inert,
}
