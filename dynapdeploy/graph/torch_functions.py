"""torch functions and tensor methods as nodes.

A reader takes the call's own arguments; in place of each map stands a :class:`Signal`, in place of
what is computed but no map (a size, a number) ``NO_TENSOR``. Weights are tensors.
"""

from __future__ import annotations

import operator
from collections.abc import Callable

import torch
import torch.nn.functional as F

from dynapdeploy.errors import SourceError
from dynapdeploy.graph.arrays import checked_bias, checked_weights
from dynapdeploy.graph.nodes import (
    Dropout,
    Identity,
    Linear,
    Node,
    ReLU,
    Unsupported,
)
from dynapdeploy.graph.pooling import (
    adaptive_average_pooling,
    average_pooling,
    max_pooling,
    pooling,
)
from dynapdeploy.graph.signals import Signal
from dynapdeploy.graph.torch_arithmetic import read_add, read_div, read_mul, read_sub
from dynapdeploy.graph.torch_modules import (
    FLOOR,
    NO_STATISTICS,
    NOT_A_RELU,
    RATE_ONLY,
    SOFTMAX,
    convolution,
    normalization,
    numpy_of,
)
from dynapdeploy.graph.torch_reshaping import (
    read_cat,
    read_flatten,
    read_getitem,
    read_to,
    read_unflatten,
    read_view,
)


def read_function(target: Callable | str, args: tuple, kwargs: dict) -> Node:
    """The node that a call is; a method is given by its name.

    Raises:
        SourceError: the arguments are not those of the function.
    """
    kind = target if isinstance(target, str) else getattr(target, "__name__", str(target))
    reader = (METHODS if isinstance(target, str) else FUNCTIONS).get(target)
    if reader is None:
        return Unsupported(kind, _reason(kind))
    try:
        return reader(*args, **kwargs)
    except TypeError as fault:
        raise SourceError(
            f"{kind} is called with arguments that are not understood: {fault}"
        ) from fault


def _reason(kind: str) -> str:
    """Why no core computes a function."""
    plain = kind.replace("_", "").lower()
    if plain in ("softmax", "logsoftmax"):
        return SOFTMAX
    if plain in (name.lower() for name in NOT_A_RELU):
        return RATE_ONLY
    return "no core of the chip computes it"


def _relu(input, inplace=False) -> Node:
    return ReLU()


def _clamp(input, min=None, max=None) -> Node:
    if isinstance(min, int | float) and min == 0 and max is None:
        return ReLU()
    return Unsupported("clamp", f"to {min}..{max}; only clamping at 0 from below is a ReLU")


def _dropout(input, p=0.5, training=True, inplace=False) -> Node:
    return Dropout()


def _inert(input, *args, **kwargs) -> Node:
    return Identity()


def _floor(input) -> Node:
    return FLOOR


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
    return max_pooling(kernel_size, stride, padding, dilation, ceil_mode)


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
    if training or running_mean is None:
        return Unsupported("batch_norm", NO_STATISTICS)
    return normalization(
        numpy_of(running_mean), numpy_of(running_var), numpy_of(weight), numpy_of(bias), eps
    )


BY_NAME: dict[object, Callable[..., Node]] = {
    "add": read_add,
    "add_": read_add,
    "sub": read_sub,
    "sub_": read_sub,
    "mul": read_mul,
    "mul_": read_mul,
    "div": read_div,
    "div_": read_div,
    "clamp": _clamp,
    "clamp_": _clamp,
    "clamp_min": _clamp,
    "clamp_min_": _clamp,
    "clip": _clamp,
    "flatten": read_flatten,
    "floor": _floor,
    "mean": _mean,
    "relu": _relu,
    "relu_": _relu,
    "reshape": read_view,
    "squeeze": _inert,
    "sum": _sum,
    "unflatten": read_unflatten,
    "unsqueeze": _inert,
}
"""Functions of torch that are methods of tensors too."""

METHODS: dict[object, Callable[..., Node]] = {
    **BY_NAME,
    "to": read_to,
    "type": read_to,
    "view": read_view,
    **dict.fromkeys(
        ("clone", "contiguous", "cpu", "cuda", "detach", "double", "float", "half"), _inert
    ),
}

FUNCTIONS: dict[object, Callable[..., Node]] = {
    **{getattr(torch, str(n)): read for n, read in BY_NAME.items() if hasattr(torch, str(n))},
    F.adaptive_avg_pool2d: _adaptive_avg_pool2d,
    F.avg_pool2d: _avg_pool2d,
    F.batch_norm: _batch_norm,
    F.conv2d: _conv2d,
    torch.conv2d: _conv2d,
    **dict.fromkeys(
        (F.dropout, F.dropout1d, F.dropout2d, F.alpha_dropout, F.feature_alpha_dropout), _dropout
    ),
    F.linear: _linear,
    F.lp_pool2d: _lp_pool2d,
    F.max_pool2d: _max_pool2d,
    torch.max_pool2d: _max_pool2d,
    F.relu: _relu,
    F.relu_: _relu,
    torch.cat: read_cat,
    torch.concat: read_cat,
    operator.add: read_add,
    operator.iadd: read_add,
    operator.sub: read_sub,
    operator.isub: read_sub,
    operator.mul: read_mul,
    operator.imul: read_mul,
    operator.truediv: read_div,
    operator.itruediv: read_div,
    operator.getitem: read_getitem,
}
