"""Fan-out: how many neurons one spike reaches, for every place it can come from.

Exact fan-out counts the connections that exist. Along one axis, input position ``y`` reaches output
position ``o`` through kernel tap ``k`` where ``y = o * stride - padding + k * dilation``; the
fan-out of a place is the product of the reaches of its row and of its column, times the output
channels of its group. Nominal fan-out is the usual shortcut
``kernel height * kernel width * output channels``, over the strides: it forgets that there is
nothing beyond the border.
"""

from __future__ import annotations

import numpy as np

from dynapdeploy.errors import SourceError
from dynapdeploy.events import Shape

Pair = tuple[int, int]
"""y, x."""

_PAD_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def axis_reach(
    size: int,
    kernel: int,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    padding_mode: str = "zeros",
) -> np.ndarray:
    """Connections from each input position along one axis, int64 ``[size]``.

    Padding other than by zeros repeats input positions, and each repetition adds connections.

    Raises:
        SourceError: the kernel is larger than the padded axis.
    """
    outputs = (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    if outputs < 1:
        raise SourceError(
            f"a kernel of {kernel} (dilation {dilation}) does not fit an input of {size} "
            f"with padding {padding}"
        )
    places = np.arange(outputs)[:, None] * stride + np.arange(kernel)[None, :] * dilation
    taps = np.bincount(places.ravel(), minlength=size + 2 * padding)
    source = np.arange(padding, padding + size)
    if padding_mode == "zeros" or padding == 0:
        return taps[source].astype(np.int64)
    if padding_mode not in _PAD_MODES:
        raise SourceError(f"padding mode {padding_mode!r} is unknown")
    origin = np.pad(np.arange(size), padding, mode=_PAD_MODES[padding_mode])  # type: ignore[call-overload]
    return np.bincount(origin, weights=taps, minlength=size).astype(np.int64)


def fanout_map(
    input_shape: Shape,
    weight_shape: tuple[int, int, int, int],
    stride: Pair = (1, 1),
    padding: Pair = (0, 0),
    dilation: Pair = (1, 1),
    groups: int = 1,
    padding_mode: str = "zeros",
) -> np.ndarray:
    """Exact fan-out of every input position of a convolution, int64 ``[c, h, w]``.

    Args:
        input_shape: channels, height and width of the map that the spikes come from.
        weight_shape: ``[out, in / groups, ky, kx]``, as torch keeps it.

    Raises:
        SourceError: the weights do not take ``input_shape``.
    """
    channels, height, width = input_shape
    features, per_group, *kernel = weight_shape
    if per_group * groups != channels:
        raise SourceError(
            f"weights {tuple(weight_shape)} in {groups} group(s) take "
            f"{per_group * groups} channels, the input has {channels}"
        )
    rows, columns = (
        axis_reach(size, k, s, p, d, padding_mode)
        for size, k, s, p, d in zip((height, width), kernel, stride, padding, dilation, strict=True)
    )
    plane = np.outer(rows, columns) * (features // groups)
    return np.broadcast_to(plane, (channels, height, width)).copy()


def nominal_fanout(
    weight_shape: tuple[int, int, int, int], stride: Pair = (1, 1), groups: int = 1
) -> float:
    """Fan-out far from any border: ``ky * kx * out / groups / (stride y * stride x)``.

    As the tables of SynOpLoss and sinabs have it. With a stride above 1 it is the mean over the
    places.
    """
    features, _, ky, kx = weight_shape
    return ky * kx * (features // groups) / (stride[0] * stride[1])


def pool_back(
    fanout: np.ndarray, input_shape: Shape, kernel: Pair, stride: Pair, padding: Pair = (0, 0)
) -> np.ndarray:
    """Fan-out of spikes before a pooling layer from that behind it.

    A spike at ``(y, x)`` counts in every window that holds it. With windows as large as their
    stride this is the chip's address ``(y // k, x // k)``. A border that fills no window reaches
    nothing: 0.

    Args:
        fanout: int64 ``[c, h', w']``, behind the pooling.
        input_shape: ``(c, h, w)``, before it.

    Returns:
        int64 ``[c, h, w]``.
    """
    channels, height, width = input_shape
    before = np.zeros(
        (channels, height + 2 * padding[0] + kernel[0], width + 2 * padding[1] + kernel[1])
    )
    _, rows, columns = fanout.shape
    for ky in range(kernel[0]):
        for kx in range(kernel[1]):
            ends = ky + rows * stride[0], kx + columns * stride[1]
            target = before[:, ky : ends[0] : stride[0], kx : ends[1] : stride[1]]
            target += fanout[:, : target.shape[1], : target.shape[2]]
    inner = before[:, padding[0] : padding[0] + height, padding[1] : padding[1] + width]
    return inner.astype(np.int64)
