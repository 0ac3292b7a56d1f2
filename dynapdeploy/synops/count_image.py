"""Sizes of a chip image, in the terms of :mod:`dynapdeploy.synops.count`."""

from __future__ import annotations

from dynapdeploy.chip.image import ChipImage, CoreImage
from dynapdeploy.errors import Mismatch
from dynapdeploy.events import Shape
from dynapdeploy.synops.count import Count, layer_count
from dynapdeploy.synops.fanout import fanout_map, nominal_fanout


def count_image(image: ChipImage, input_shape: Shape | None = None) -> Count:
    """Count the cores of ``image``.

    A spike whose pooled address lies outside the receiving core's map, or whose channel does,
    reaches nothing there.

    Raises:
        Mismatch: ``input_shape`` is given and is not the image's.
    """
    if input_shape is not None and tuple(input_shape) != image.input_shape:
        raise Mismatch(
            f"the image takes an input of {image.input_shape}, {tuple(input_shape)} was asked for"
        )
    exact = {core.core: 0 for core in image.cores}
    senders = dict.fromkeys(exact, 0)
    for entry in image.entry:
        own = _fanout(image[entry])
        exact[entry] += int(own.sum())
        senders[entry] += own.size
    for core in image.cores:
        for destination in core.destinations:
            if destination.core is not None:
                own = _fanout(image[destination.core])
                exact[destination.core] += _arriving(
                    own, core.output_shape, destination.pooling, destination.feature_shift
                )
                senders[destination.core] += (
                    core.output_shape[0] * core.output_shape[1] * core.output_shape[2]
                )
    rows = tuple(
        layer_count(
            core.name,
            core.core,
            core.output_shape,
            core.weights,
            core.bias,
            exact[core.core],
            senders[core.core] * nominal_fanout(core.weights.shape, core.stride),  # type: ignore[arg-type]
            senders[core.core],
        )
        for core in image.cores
    )
    return Count(f"image for {image.device}", image.input_shape, rows)


def _fanout(core: CoreImage):
    return fanout_map(core.input_shape, core.weights.shape, core.stride, core.padding)  # type: ignore[arg-type]


def _arriving(fanout, sender: Shape, pooling: int, shift: int) -> int:
    """Connections from all neurons of ``sender`` ``(f, h, w)`` to the map ``fanout`` belongs to."""
    features, height, width = sender
    _, rows, columns = fanout.shape
    channels = fanout[shift : shift + features]
    total = 0
    for channel in channels:
        y, x = min(height, rows * pooling), min(width, columns * pooling)
        total += int(channel.repeat(pooling, 0)[:y].repeat(pooling, 1)[:, :x].sum())
    return total
