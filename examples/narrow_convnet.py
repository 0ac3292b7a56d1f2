"""The All-ConvNet with a part of its features, for small machines."""

from __future__ import annotations

from torch import nn

from dynapdeploy.chip.input_coding import InputCoding, PixelCoding
from dynapdeploy.training.qrelu import QReLU

PLAN = ((96, 3, 1, 1), (96, 3, 1, 1), (192, 3, 2, 1), (192, 3, 1, 1), (192, 3, 1, 1),
        (192, 3, 2, 1), (192, 3, 1, 1), (192, 1, 1, 0))  # fmt: skip
"""Features, kernel, stride and padding of all layers but the last."""


def half() -> nn.Sequential:
    return build(2)


def quarter() -> nn.Sequential:
    return build(4)


def eighth() -> nn.Sequential:
    return build(8)


def build(divisor: int) -> nn.Sequential:
    """Nine convolutions, as in the paper, without its dropout; 3x32x32 in, ten classes."""
    layers: list[nn.Module] = []
    channels = 3
    for whole, kernel, stride, padding in (*PLAN, (10 * divisor, 1, 1, 0)):
        conv = nn.Conv2d(channels, whole // divisor, kernel, stride, padding, bias=False)
        nn.init.kaiming_normal_(conv.weight)
        layers += [conv, QReLU()]
        channels = whole // divisor
    net = nn.Sequential(*layers, nn.AvgPool2d(8), nn.Flatten())
    net.input_shape = (3, 32, 32)
    net.input_coding = InputCoding(pixels=PixelCoding(events_per_unit=10 / 255))
    return net
