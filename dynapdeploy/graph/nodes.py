"""The kinds of node a network is made of: plain frozen data, one class per kind.

Arrays are NumPy, weights as torch keeps them. A node knows neither its name nor its neighbours:
both belong to the :class:`~dynapdeploy.graph.graph.Graph`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dynapdeploy.events import Shape

Pair = tuple[int, int]
"""y, x."""


@dataclass(frozen=True)
class Input:
    """Where events enter; ``shape`` is (channels, height, width), None if unknown."""

    shape: Shape | None = None


@dataclass(frozen=True)
class Output:
    """What the network gives out."""


@dataclass(frozen=True, eq=False)
class Conv2d:
    """y[o] = sum over i of weight[o, i] * x[i] + bias[o].

    ``weight`` is ``[out, in / groups, ky, kx]``.
    """

    weight: np.ndarray
    bias: np.ndarray | None = None
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1
    padding_mode: str = "zeros"


@dataclass(frozen=True, eq=False)
class Linear:
    """y = weight x + bias; ``weight`` is ``[out, in]``."""

    weight: np.ndarray
    bias: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class BatchNorm2d:
    """y = (x - mean) / sqrt(variance + eps) * gamma + beta, per channel."""

    mean: np.ndarray
    variance: np.ndarray
    gamma: np.ndarray
    beta: np.ndarray
    eps: float = 1e-5


@dataclass(frozen=True)
class Pool2d:
    """Pooling over windows; ``kind`` is ``"sum"``, ``"average"`` or ``"max"``."""

    kind: str
    kernel: Pair
    stride: Pair
    padding: Pair = (0, 0)
    ceil_mode: bool = False


@dataclass(frozen=True)
class ReLU:
    """max(0, x), in a quantized ReLU rounded down to a whole number of spikes.

    As a spiking neuron: integrate and fire, threshold 1, reset by subtraction, no lower bound.
    """

    quantized: bool = False


@dataclass(frozen=True)
class IAF:
    """Integrate and fire without leak.

    Attributes:
        threshold: the neuron fires at or above it.
        lower_bound: of the membrane, None for none.
        reset: ``"subtract"`` (by the threshold) or ``"zero"``.
    """

    threshold: float = 1.0
    lower_bound: float | None = None
    reset: str = "subtract"


@dataclass(frozen=True)
class Flatten:
    """(c, h, w) to (c * h * w, 1, 1), channel slowest."""


@dataclass(frozen=True)
class Dropout:
    """Does nothing outside training."""


@dataclass(frozen=True)
class Identity:
    """Does nothing."""


@dataclass(frozen=True)
class Merge:
    """Sum of several inputs of equal shape."""


@dataclass(frozen=True)
class Concat:
    """Several inputs one behind the other along the channels; height and width are equal.

    On the chip no node of its own: the cores that feed it shift their features
    (``feature_shift`` of the destination) by the channels of the inputs before theirs.
    """


@dataclass(frozen=True)
class Unsupported:
    """A module that no chip of the family runs; ``kind`` names it, ``reason`` says why not.

    ``shape`` is the shape of what it puts out; None: unknown, taken to be that of its input.
    """

    kind: str
    reason: str
    shape: Shape | None = None


Node = (
    Input
    | Output
    | Conv2d
    | Linear
    | BatchNorm2d
    | Pool2d
    | ReLU
    | IAF
    | Flatten
    | Dropout
    | Identity
    | Merge
    | Concat
    | Unsupported
)
