"""Layers of the networks that are known by name.

No layer has a bias. The pooling averages and comes after the QReLU: on the chip, the core sends its
un-pooled spikes on with their addresses divided by the pool size, and the factor ``1 / k**2`` of
the average goes into the next layer's weights. Where a map does not divide (29 columns, pool 2),
torch drops the last row and column; on the chip their addresses lie outside the next core's map,
and the emulator drops and counts them: the same function. What silicon does with such an address
is not documented.
"""

from __future__ import annotations

from torch import nn

from dynapdeploy.errors import SourceError
from dynapdeploy.events import Shape
from dynapdeploy.training.qrelu import QReLU


def _conv(channels: int, features: int, kernel: int, **geometry) -> nn.Conv2d:
    layer = nn.Conv2d(channels, features, kernel, bias=False, **geometry)
    nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
    return layer


def _linear(inputs: int, features: int) -> nn.Linear:
    layer = nn.Linear(inputs, features, bias=False)
    nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
    return layer


def _left(size: int, name: str, steps: tuple[tuple[int, int], ...]) -> int:
    """What is left of ``size`` after (kernel, pool) steps without padding."""
    left = size
    for kernel, pool in steps:
        left = (left - kernel + 1) // pool
    if left < 1:
        raise SourceError(f"model {name}: a map of {size} is too small for its layers")
    return left


def mnist_dvs(shape: Shape, classes: int) -> nn.Sequential:
    """Sorbaro et al. (2020), section 2.3; on 64x64 it has 6552 weights."""
    steps = ((3, 2), (3, 2), (3, 2))
    height, width = (_left(size, "mnist_dvs", steps) for size in shape[1:])
    return nn.Sequential(
        _conv(shape[0], 8, 3),
        QReLU(),
        nn.AvgPool2d(2),
        _conv(8, 12, 3),
        QReLU(),
        nn.AvgPool2d(2),
        _conv(12, 12, 3),
        QReLU(),
        nn.AvgPool2d(2),
        nn.Dropout2d(0.5),
        nn.Flatten(),
        _linear(12 * height * width, classes),
        QReLU(),
    )


def nmnist(shape: Shape, classes: int) -> nn.Sequential:
    """Few input SynOps: an event meets some 6 of the 25 places of the first kernel."""
    height, width = (-(-size // 2) // 2 // 2 for size in shape[1:])
    if min(height, width) < 1:
        raise SourceError(f"model nmnist: a map of {shape[1]}x{shape[2]} is too small")
    return nn.Sequential(
        _conv(shape[0], 8, 5, stride=2, padding=2),
        QReLU(),
        _conv(8, 16, 3, padding=1),
        QReLU(),
        nn.AvgPool2d(2),
        _conv(16, 16, 3, padding=1),
        QReLU(),
        nn.AvgPool2d(2),
        nn.Dropout2d(0.1),
        nn.Flatten(),
        _linear(16 * height * width, classes),
        QReLU(),
    )


def mnist(shape: Shape, classes: int) -> nn.Sequential:
    """The net of the sinabs how-to on the SynOps loss."""
    steps = ((5, 2), (5, 2), (4, 1))
    height, width = (_left(size, "mnist", steps) for size in shape[1:])
    return nn.Sequential(
        _conv(shape[0], 16, 5),
        QReLU(),
        nn.AvgPool2d(2),
        _conv(16, 32, 5),
        QReLU(),
        nn.AvgPool2d(2),
        _conv(32, 120, 4),
        QReLU(),
        nn.Flatten(),
        _linear(120 * height * width, classes),
        QReLU(),
    )


def digits(shape: Shape, classes: int) -> nn.Sequential:
    """Small enough to train in seconds on the embedded digits."""
    steps = ((3, 2), (4, 2))
    height, width = (_left(size, "digits", steps) for size in shape[1:])
    return nn.Sequential(
        _conv(shape[0], 8, 3),
        QReLU(),
        nn.AvgPool2d(2),
        _conv(8, 16, 4),
        QReLU(),
        nn.AvgPool2d(2),
        nn.Dropout2d(0.2),
        nn.Flatten(),
        _linear(16 * height * width, classes),
        QReLU(),
    )


def all_convnet(shape: Shape, classes: int) -> nn.Sequential:
    """Springenberg et al. (2015) in the form of Sorbaro et al. (2020), with their dropout.

    The paper sums over the last map; the mean has the same argmax and trains with tamer logits.
    """
    plan = (
        (96, 3, 1, 1),
        (96, 3, 1, 1),
        (192, 3, 2, 1),
        (192, 3, 1, 1),
        (192, 3, 1, 1),
        (192, 3, 2, 1),
        (192, 3, 1, 1),
        (192, 1, 1, 0),
    )
    height, width = ((((size - 1) // 2 + 1) - 1) // 2 + 1 for size in shape[1:])
    layers: list[nn.Module] = [nn.Dropout2d(0.2)]
    channels = shape[0]
    for features, kernel, stride, padding in plan:
        conv = nn.Conv2d(channels, features, kernel, stride=stride, padding=padding, bias=False)
        nn.init.kaiming_normal_(conv.weight)
        layers += [conv, QReLU(), nn.Dropout2d(0.1)]
        channels = features
    last = nn.Conv2d(channels, classes, 1, bias=False)
    nn.init.kaiming_normal_(last.weight)
    layers += [last, QReLU(), nn.AvgPool2d((height, width)), nn.Flatten()]
    return nn.Sequential(*layers)
