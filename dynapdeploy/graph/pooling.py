"""Pooling layers as they are written down in torch, NIR or sinabs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dynapdeploy.errors import SourceError
from dynapdeploy.events import Shape
from dynapdeploy.graph.nodes import Pair, Pool2d, Unsupported


def pair(value: int | Sequence[int], what: str, low: int) -> Pair:
    """One whole number for both axes or one each, (y, x), none below ``low``.

    Raises:
        SourceError: it is anything else.
    """
    values = tuple(np.atleast_1d(np.asarray(value)).tolist())
    if len(values) == 1:
        values = values * 2
    if len(values) != 2 or not all(isinstance(v, int) and not isinstance(v, bool) for v in values):
        raise SourceError(f"{what} must be one or two whole numbers, got {value!r}")
    if min(values) < low:
        raise SourceError(f"{what} must be at least {low}, got {values}")
    return values[0], values[1]


def pooling(kind: str, kernel, stride=None, padding=0, ceil_mode: bool = False) -> Pool2d:
    """A pooling node; ``stride`` None or empty: as wide as the window."""
    window = pair(kernel, "pooling window", 1)
    empty = stride is None or np.size(stride) == 0
    return Pool2d(
        kind,
        window,
        window if empty else pair(stride, "pooling stride", 1),
        pair(padding, "pooling padding", 0),
        bool(ceil_mode),
    )


def max_pooling(kernel, stride, padding, dilation, ceil_mode: bool) -> Pool2d | Unsupported:
    """Max pooling, refused where its window has holes."""
    if pair(dilation, "pooling dilation", 1) != (1, 1):
        return Unsupported("MaxPool2d", f"dilation {dilation}; windows with holes")
    return pooling("max", kernel, stride, padding, ceil_mode)


def average_pooling(
    kernel,
    stride=None,
    padding=0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Pool2d | Unsupported:
    """Average pooling, refused where it does not divide by the window's size everywhere.

    One that divides by 1 is sum pooling.
    """
    if divisor_override == 1:
        return pooling("sum", kernel, stride, padding, ceil_mode)
    node = pooling("average", kernel, stride, padding, ceil_mode)
    area = node.kernel[0] * node.kernel[1]
    if node.padding != (0, 0) and not count_include_pad:
        return Unsupported("AvgPool2d", "count_include_pad=False divides by less at the border")
    if divisor_override is not None and divisor_override != area:
        return Unsupported(
            "AvgPool2d", f"divisor_override={divisor_override} is not the window's {area}"
        )
    return node


def adaptive_average_pooling(output_size, shape: Shape | None) -> Pool2d | Unsupported:
    """Average pooling to a given size, exact where the map divides into equal windows."""
    kind = "AdaptiveAvgPool2d"
    if shape is None:
        return Unsupported(kind, "its window depends on the input shape, which is not known")
    extent = shape[1:]
    wanted = tuple(output_size) if isinstance(output_size, tuple | list) else (output_size,) * 2
    size = tuple(e if w is None else w for e, w in zip(extent, wanted, strict=True))
    if any(w < 1 or e % w for e, w in zip(extent, size, strict=True)):
        return Unsupported(
            kind,
            f"{extent[0]}x{extent[1]} does not divide into {size[0]}x{size[1]} equal windows",
            (shape[0], size[0], size[1]),
        )
    return pooling("average", (extent[0] // size[0], extent[1] // size[1]))
