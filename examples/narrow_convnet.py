"""The All-ConvNet with an eighth of its features, for a test of the way on a small machine."""

from __future__ import annotations

from torch import nn

from dynapdeploy.chip.input_coding import InputCoding, PixelCoding
from dynapdeploy.training.qrelu import QReLU

PLAN = ((12, 3, 1, 1), (12, 3, 1, 1), (24, 3, 2, 1), (24, 3, 1, 1), (24, 3, 1, 1), (24, 3, 2, 1),
        (24, 3, 1, 1), (24, 1, 1, 0))  # fmt: skip


def build() -> nn.Sequential:
    """Nine convolutions, as in the paper; 3x32x32 in, ten classes."""
    layers: list[nn.Module] = []
    channels = 3
    for features, kernel, stride, padding in (*PLAN, (10, 1, 1, 0)):
        conv = nn.Conv2d(channels, features, kernel, stride, padding, bias=False)
        nn.init.kaiming_normal_(conv.weight)
        layers += [conv, QReLU()]
        channels = features
    net = nn.Sequential(*layers, nn.AvgPool2d(8), nn.Flatten())
    net.input_shape = (3, 32, 32)
    net.input_coding = InputCoding(pixels=PixelCoding(events_per_unit=10 / 255))
    return net
