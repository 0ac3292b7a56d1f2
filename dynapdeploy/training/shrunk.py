"""A sequence of layers in the sizes that make it fit a chip, written down as a Python file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from dynapdeploy.chip.input_coding import InputCoding
from dynapdeploy.chip.lower import Layer, Network
from dynapdeploy.errors import SourceError
from dynapdeploy.events import Shape
from dynapdeploy.training.qrelu import QReLU

_ACTIVATIONS = (nn.ReLU, QReLU)
_POOLS = (nn.AvgPool2d, nn.MaxPool2d)
_KEPT: dict[type[nn.Module], tuple[str, ...]] = {
    nn.Flatten: (),
    nn.Identity: (),
    nn.Dropout: ("p",),
    nn.Dropout2d: ("p",),
}
"""Layers that are written as they are, with the fields that say how."""


@dataclass(frozen=True)
class Piece:
    """One layer to write: its kind in ``torch.nn``, values and named values."""

    kind: str
    values: tuple[Any, ...] = ()
    named: Mapping[str, Any] | None = None

    def __str__(self) -> str:
        words = [repr(value) for value in self.values]
        words += [f"{name}={value!r}" for name, value in (self.named or {}).items()]
        return f"nn.{self.kind}({', '.join(words)})"

    def build(self) -> nn.Module:
        """The layer with fresh weights."""
        return getattr(nn, self.kind)(*self.values, **(self.named or {}))


def shrunk(module: nn.Module, network: Network, batchnorm: bool) -> list[Piece]:
    """The layers of ``module`` in the sizes of ``network``.

    Args:
        module: an ``nn.Sequential`` of convolutions, linear layers, ReLUs, pools, BatchNorm,
            dropout and flattening, sequences inside it included.
        network: the changed network, lowered. Its layers and the pools behind them are taken;
            layers that are missing there are left out.
        batchnorm: keep BatchNorm, which becomes biases once it has been trained.

    Raises:
        SourceError: not such a sequence; the layer is named.
    """
    found = {layer.name: layer for layer in network.layers}
    pieces: list[Piece] = []
    pools: list[Piece] = []
    gone = fired = False
    channels = network.input_shape[0]
    weighted: set[nn.Module] = set()
    for name, child in _sequence(module, ""):
        if isinstance(child, nn.Conv2d | nn.Linear):
            if child in weighted:
                raise SourceError(f"layer {name}: it stands in two places with the same weights")
            weighted.add(child)
            gone, fired = name not in found, False
            if not gone:
                pieces = _with_weights(pieces, child, found[name])
                channels, pools = found[name].features, _pools(found[name])
        elif isinstance(child, _ACTIVATIONS):
            pieces += [] if gone else [Piece("ReLU"), *pools]
            pools, fired = [], True
        elif isinstance(child, _POOLS):  # one before the activation is part of the convolution
            pieces += pools if fired else []
            pools = pools if not fired else []
        elif isinstance(child, nn.BatchNorm2d):
            pieces += [Piece("BatchNorm2d", (channels,))] if batchnorm and not gone else []
        elif type(child) in _KEPT:
            values = tuple(getattr(child, field) for field in _KEPT[type(child)])
            pieces.append(Piece(type(child).__name__, values))
        else:
            raise SourceError(f"layer {name}: {type(child).__name__} cannot be written down")
    return pieces


def _sequence(module: nn.Module, prefix: str) -> Iterator[tuple[str, nn.Module]]:
    if not isinstance(module, nn.Sequential):
        raise SourceError(
            f"an nn.Sequential was expected, got {type(module).__name__}; make the changes of "
            "`check --suggest` by hand"
        )
    for name, child in module._modules.items():
        if child is None:
            continue
        if isinstance(child, nn.Sequential):
            yield from _sequence(child, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", child


def _with_weights(pieces: list[Piece], child: nn.Conv2d | nn.Linear, layer: Layer) -> list[Piece]:
    bias = layer.bias is not None
    channels, height, width = layer.input_shape
    if isinstance(child, nn.Linear):
        if layer.covers_map:
            inputs = channels * height * width
            return [*pieces, Piece("Linear", (inputs, layer.features), {"bias": bias})]
        # zeros around its kernel make it square: a convolution, with the flattening behind it
        kept = [piece for piece in pieces if piece.kind != "Flatten"]
        return [*kept, _convolution(layer), Piece("Flatten")]
    return [*pieces, _convolution(layer)]


def _convolution(layer: Layer) -> Piece:
    named: dict[str, Any] = {}
    if layer.stride != (1, 1):
        named["stride"] = _plain(layer.stride)
    if layer.padding != (0, 0):
        named["padding"] = _plain(layer.padding)
    values = (layer.channels, layer.features, _plain(layer.kernel))
    return Piece("Conv2d", values, {**named, "bias": layer.bias is not None})


def _pools(layer: Layer) -> list[Piece]:
    pools = layer.targets[0].pools if layer.targets else ()
    return [Piece("AvgPool2d", (_plain(pool.kernel),)) for pool in pools if pool.kernel != (1, 1)]


def _plain(pair: tuple[int, int]) -> int | tuple[int, int]:
    return pair[0] if pair[0] == pair[1] else pair


def written(pieces: Sequence[Piece], about: str, shape: Shape, coding: InputCoding) -> str:
    """A Python file with a function ``build`` that gives the network.

    Args:
        about: a line on where it comes from.
        shape: channels, height, width of its input.
        coding: the input coding that belongs to it.
    """
    layers = "".join(f"        {piece},\n" for piece in pieces)
    comment = " ".join(about.split())
    return f"""# {comment}
from torch import nn

from dynapdeploy import InputCoding, PixelCoding  # noqa: F401


def build() -> nn.Sequential:
    net = nn.Sequential(
{layers}    )
    for layer in net:
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(layer.weight)
    net.input_shape = {tuple(shape)!r}
    net.input_coding = {coding!r}
    return net
"""
