"""torch and sinabs modules as nodes.

Classes are recognised by name and package along their bases, so that sinabs is never imported only
to look at a module. A class that brings its own ``forward`` is not taken for its base.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from dynapdeploy.errors import SourceError
from dynapdeploy.events import Shape
from dynapdeploy.graph.arrays import checked_bias, checked_weights
from dynapdeploy.graph.nodes import (
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    Identity,
    Linear,
    Merge,
    Node,
    ReLU,
    Unsupported,
)
from dynapdeploy.graph.pooling import (
    adaptive_average_pooling,
    average_pooling,
    max_pooling,
    pair,
    pooling,
)
from dynapdeploy.graph.torch_neurons import read_iaf, read_leaky
from dynapdeploy.graph.torch_reshaping import unflattening

FLOOR = Unsupported("floor", "rounding down is a spiking neuron only right after a ReLU")
"""What a quantizer is as long as it is not known what feeds it."""


def read_module(module: nn.Module, shape: Shape | None) -> Node | None:
    """The node that ``module`` is, None if it must be looked into.

    Args:
        module: any module.
        shape: channels, height, width of its input, None if unknown.

    Raises:
        SourceError: its weights cannot be used; the message does not name the module.
    """
    for cls in type(module).__mro__:
        package = cls.__module__.partition(".")[0]
        reader = READERS.get((package, cls.__name__))
        if reader is not None:
            return reader(module, shape)
        if cls.__name__ == "QReLU" and isinstance(getattr(module, "quantized", True), bool):
            return ReLU(quantized=getattr(module, "quantized", True))
        if "forward" in cls.__dict__:
            break
    if is_opaque(module):
        kind = type(module).__name__
        return Unsupported(kind, "no core of the chip computes it", probed_shape(module, shape))
    return None


def is_opaque(module: nn.Module) -> bool:
    """Whether a module is a finished layer of torch or sinabs that is not worth looking into."""
    package = type(module).__module__
    if package.startswith("torch.nn.modules.container"):
        return False
    if package.startswith("sinabs"):
        return type(module).__name__ not in ("Network", "Repeat")
    return package.startswith("torch.nn.")


def probed_shape(module: nn.Module, shape: Shape | None) -> Shape | None:
    """What ``module`` makes of a map of zeros of ``shape``, None where it cannot be found out."""
    if shape is None or any(True for _ in module.buffers()) or not is_opaque(module):
        return None
    zeros = torch.zeros(1, *shape)
    for sample in (zeros, zeros.flatten(1)) if shape[1:] == (1, 1) else (zeros,):
        try:
            with torch.no_grad():
                out = module(sample)
        except Exception:  # a layer that does not take such a map may raise anything
            continue
        if isinstance(out, torch.Tensor) and out.dim() in (2, 4) and len(out) == 1:
            channels, height, width = (*out.shape[1:], 1, 1)[:3]
            return int(channels), int(height), int(width)
    return None


def numpy_of(tensor: torch.Tensor | None):
    """A tensor as an array; half precision becomes single.

    Raises:
        SourceError: it is no tensor of real numbers, depends on the input, or has no values yet.
    """
    if tensor is None:
        return None
    if not isinstance(tensor, torch.Tensor):
        raise SourceError("its weights are no tensor, or depend on the input of the network")
    if is_lazy(tensor):
        raise SourceError("its weights are not initialised; run the network once before")
    if tensor.is_meta:
        raise SourceError("its weights have no values (device 'meta'); load them first")
    if tensor.is_complex():
        raise SourceError(f"weights must be real numbers, got {tensor.dtype}")
    tensor = tensor.detach().cpu()
    tensor = tensor.dequantize() if tensor.is_quantized else tensor
    return (tensor if tensor.dtype == torch.float64 else tensor.float()).numpy()


def convolution(
    weight, bias, stride, padding, dilation, groups, padding_mode="zeros"
) -> Conv2d | Unsupported:
    """A convolution from torch's own arguments; ``padding`` may be ``"same"`` or ``"valid"``."""
    weights = checked_weights(weight, "weight", 4)
    spread = pair(dilation, "dilation", 1)
    if isinstance(padding, str):
        reach = [d * (k - 1) for d, k in zip(spread, weights.shape[2:], strict=True)]
        if padding == "same" and any(r % 2 for r in reach):
            return Unsupported("Conv2d", "padding='same' of an even kernel pads one side more")
        padding = (0, 0) if padding == "valid" else (reach[0] // 2, reach[1] // 2)
    return Conv2d(
        weights,
        checked_bias(bias, len(weights)),
        pair(stride, "stride", 1),
        pair(padding, "padding", 0),
        spread,
        int(groups),
        str(padding_mode),
    )


def normalization(mean, variance, gamma, beta, eps: float) -> BatchNorm2d:
    """Batch normalization with running statistics; ``gamma`` and ``beta`` None: 1 and 0."""
    mean = checked_weights(mean, "running mean", 1)
    variance = checked_weights(variance, "running variance", 1)
    scale = checked_weights(gamma, "weight", 1) if gamma is not None else mean * 0 + 1
    shift = checked_weights(beta, "bias", 1) if beta is not None else mean * 0
    return BatchNorm2d(mean, variance, scale, shift, float(eps))


def _conv(module, shape: Shape | None) -> Node:
    return convolution(
        numpy_of(module.weight),
        numpy_of(module.bias),
        module.stride,
        module.padding,
        module.dilation,
        module.groups,
        module.padding_mode,
    )


def _linear(module, shape: Shape | None) -> Node:
    weight = checked_weights(numpy_of(module.weight), "weight", 2)
    return Linear(weight, checked_bias(numpy_of(module.bias), len(weight)))


def _batchnorm(module, shape: Shape | None) -> Node:
    if module.running_mean is None:
        return Unsupported(type(module).__name__, NO_STATISTICS)
    return normalization(
        numpy_of(module.running_mean),
        numpy_of(module.running_var),
        numpy_of(module.weight),
        numpy_of(module.bias),
        module.eps,
    )


def _average(module, shape: Shape | None) -> Node:
    return average_pooling(
        module.kernel_size,
        module.stride,
        module.padding,
        module.ceil_mode,
        module.count_include_pad,
        module.divisor_override,
    )


def _lp(module, shape: Shape | None) -> Node:
    if float(module.norm_type) != 1.0:
        return Unsupported(
            "LPPool2d", f"norm {module.norm_type}; only norm 1, a sum, is on the chip"
        )
    return pooling("sum", module.kernel_size, module.stride, 0, module.ceil_mode)


def _max(module, shape: Shape | None) -> Node:
    return max_pooling(
        module.kernel_size, module.stride, module.padding, module.dilation, module.ceil_mode
    )


def _flatten(module, shape: Shape | None) -> Node:
    start, end = module.start_dim, module.end_dim
    if start in (1, -3) and end in (-1, 3):
        return Flatten()
    if (start, end) == (0, 1):
        return Identity()
    return Unsupported(
        "Flatten", f"dimensions {start} to {end}; channels, height, width go together"
    )


def _unflatten(module, shape: Shape | None) -> Node:
    return unflattening(module.dim, module.unflattened_size, shape)


def _quantize(module, shape: Shape | None) -> Node:
    return FLOOR if module.quantize else Identity()


def _always(node: Node) -> Callable[[nn.Module, Shape | None], Node]:
    return lambda module, shape: node


NO_STATISTICS = "it has no running statistics and would normalise by each batch"
RATE_ONLY = "a neuron of the chip is a ReLU when seen as a rate; use ReLU"
SOFTMAX = "leave it out; the class with the most spikes is the same"
RECTIFIERS = ("ReLU6", "LeakyReLU", "PReLU", "ELU", "SELU", "CELU", "GELU", "SiLU", "Mish")
CURVES = ("Sigmoid", "Tanh", "Hardtanh", "Hardswish", "Hardsigmoid", "Softplus")
NOT_A_RELU = RECTIFIERS + CURVES
DROPOUTS = ("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout")

READERS: dict[tuple[str, str], Callable[[nn.Module, Shape | None], Node]] = {
    ("torch", "Conv2d"): _conv,
    ("torch", "Linear"): _linear,
    ("torch", "BatchNorm2d"): _batchnorm,
    ("torch", "BatchNorm1d"): _batchnorm,
    ("torch", "AvgPool2d"): _average,
    ("torch", "AdaptiveAvgPool2d"): lambda m, shape: adaptive_average_pooling(m.output_size, shape),
    ("torch", "MaxPool2d"): _max,
    ("torch", "LPPool2d"): _lp,
    ("torch", "Flatten"): _flatten,
    ("torch", "ReLU"): _always(ReLU()),
    ("torch", "Identity"): _always(Identity()),
    ("torch", "Unflatten"): _unflatten,
    **{("torch", kind): _always(Dropout()) for kind in DROPOUTS},
    **{("torch", kind): _always(Unsupported(kind, RATE_ONLY)) for kind in NOT_A_RELU},
    **{("torch", kind): _always(Unsupported(kind, SOFTMAX)) for kind in ("Softmax", "LogSoftmax")},
    ("sinabs", "NeuromorphicReLU"): lambda m, shape: ReLU(quantized=bool(m.quantize)),
    ("sinabs", "QuantizeLayer"): _quantize,
    ("sinabs", "SumPool2d"): _lp,
    ("sinabs", "FlattenTime"): _always(Identity()),
    ("sinabs", "UnflattenTime"): _always(Identity()),
    ("sinabs", "SqueezeBatchTime"): _always(Identity()),
    ("sinabs", "UnsqueezeBatchTime"): _always(Identity()),
    ("sinabs", "Merge"): _always(Merge()),
    ("sinabs", "IAF"): lambda m, shape: read_iaf(m),
    ("sinabs", "IAFSqueeze"): lambda m, shape: read_iaf(m),
    **{
        ("sinabs", kind): lambda m, shape: read_leaky(m)
        for kind in ("LIF", "LIFSqueeze", "ALIF", "ExpLeak", "ExpLeakSqueeze")
    },
    **{
        ("sinabs", kind): _always(Unsupported(kind, "recurrent connections inside the layer"))
        for kind in ("IAFRecurrent", "LIFRecurrent", "ALIFRecurrent")
    },
}
"""How to read a class, by package and name."""
