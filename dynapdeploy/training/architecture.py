"""A sequential network as plain data: a run is rebuilt without running anybody's code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import nn

from dynapdeploy.errors import SourceError
from dynapdeploy.training.qrelu import QReLU

_FIELDS: dict[str, tuple[Callable[..., nn.Module], tuple[str, ...]]] = {
    "Conv2d": (
        nn.Conv2d,
        (
            "in_channels",
            "out_channels",
            "kernel_size",
            "stride",
            "padding",
            "dilation",
            "groups",
            "bias",
        ),
    ),
    "Linear": (nn.Linear, ("in_features", "out_features", "bias")),
    "AvgPool2d": (nn.AvgPool2d, ("kernel_size", "stride")),
    "BatchNorm2d": (nn.BatchNorm2d, ("num_features", "eps", "momentum")),
    "Dropout": (nn.Dropout, ("p",)),
    "Dropout2d": (nn.Dropout2d, ("p",)),
    "Flatten": (nn.Flatten, ()),
    "Identity": (nn.Identity, ()),
    "QReLU": (QReLU, ("quantized",)),
}


def describe(model: nn.Module) -> list[dict[str, Any]]:
    """Kind and arguments of every layer, in order.

    Raises:
        SourceError: not a ``Sequential``, or a layer of a kind that cannot be written down.
    """
    if not isinstance(model, nn.Sequential):
        raise SourceError(
            f"training takes an nn.Sequential, got {type(model).__name__}; "
            "only the layers of a sequence can be written into a run"
        )
    layers = []
    for name, module in model.named_children():
        kind = type(module).__name__
        if kind not in _FIELDS or type(module) is not _FIELDS[kind][0]:
            raise SourceError(
                f"layer {name}: training does not know {kind}, known are {', '.join(_FIELDS)}"
            )
        layer: dict[str, Any] = {"kind": kind}
        for field in _FIELDS[kind][1]:
            value = getattr(module, field)
            layer[field] = value is not None if field == "bias" else value
        layers.append(layer)
    return layers


def rebuild(layers: Sequence[Mapping[str, Any]], origin: str) -> nn.Sequential:
    """The network that :func:`describe` described, with fresh weights.

    Raises:
        SourceError: the description is damaged; ``origin`` names where it came from.
    """
    built: list[nn.Module] = []
    for number, layer in enumerate(layers):
        try:
            make, names = _FIELDS[layer["kind"]]
            arguments = {name: layer[name] for name in names}
            built.append(
                make(**{k: tuple(v) if isinstance(v, list) else v for k, v in arguments.items()})
            )
        except (KeyError, TypeError, ValueError, RuntimeError, OverflowError) as fault:
            raise SourceError(f"{origin}: layer {number} is damaged ({fault})") from fault
    return nn.Sequential(*built)


def quantizable(model: nn.Module, quantized: bool) -> nn.Module:
    """The model with every ReLU of its sequence as a QReLU; changed in place and returned."""
    for name, module in model.named_children():
        if isinstance(module, QReLU):
            module.quantized = quantized
        elif type(module) is nn.ReLU or type(module).__name__ == "NeuromorphicReLU":
            setattr(model, name, QReLU(quantized))
    return model
