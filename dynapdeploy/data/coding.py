"""From a sample to the events that enter the chip."""

from __future__ import annotations

import numpy as np

from dynapdeploy.chip.input_coding import InputCoding, PixelCoding
from dynapdeploy.data.dataset import Sample
from dynapdeploy.errors import DataError, Mismatch
from dynapdeploy.events import EVENT, Shape, checked_events, make_events


def coded_shape(shape: Shape, merge_polarity: bool) -> Shape:
    """The input map of a net that takes samples of this shape: one channel if they are merged."""
    return (1, *shape[1:]) if merge_polarity else shape


def merge_polarities(events: np.ndarray) -> np.ndarray:
    """The same events, all in channel 0."""
    merged = events.copy()
    merged["p"] = 0
    return merged


def encode(sample: Sample, coding: InputCoding, shape: Shape) -> np.ndarray:
    """The events ``[n]`` that enter the entry cores for one sample.

    Args:
        sample: a recording or a still image.
        coding: belongs to the net, see :class:`dynapdeploy.chip.image.InputCoding`.
        shape: input map of the net: channels (after merging), height, width.

    Raises:
        Mismatch: a recording where the net takes still images, or the other way round.
        DataError: events outside ``shape``, or pixels that no number of events can stand for.
    """
    if sample.events is not None:
        if coding.pixels is not None:
            raise Mismatch(f"{sample.name} is a recording, the net takes still images")
        events = merge_polarities(sample.events) if coding.merge_polarity else sample.events
    else:
        if coding.pixels is None or sample.pixels is None:
            raise Mismatch(
                f"{sample.name} is a still image, the net takes recordings: it says nothing of how "
                f"pixels become events"
            )
        events = pixel_events(sample.pixels, coding.pixels, sample.name)
        if coding.merge_polarity:
            events = merge_polarities(events)
    try:
        return checked_events(events, shape)
    except DataError as fault:
        raise DataError(f"{sample.name}: {fault}") from fault


def pixel_events(pixels: np.ndarray, coding: PixelCoding, name: str = "image") -> np.ndarray:
    """Events ``[n]`` for an image ``[c, h, w]``, sorted by time.

    A pixel with n events has them at ``(i + 1/2) duration / n`` for ``order="even"``. Events of one
    time keep the order channel, y, x.

    Raises:
        DataError: a pixel is negative or not finite.
    """
    pixels = np.asarray(pixels, dtype=np.float64)
    if pixels.ndim != 3:
        raise DataError(f"{name}: pixels [c, h, w] were expected, got shape {pixels.shape}")
    if not np.isfinite(pixels).all() or (pixels < 0).any():
        raise DataError(
            f"{name}: pixels from 0 on are needed to count events, got "
            f"{pixels.min():g}..{pixels.max():g}"
        )
    counts = np.rint(pixels * coding.events_per_unit).astype(np.int64)
    total = int(counts.sum())
    if total == 0:
        return np.empty(0, EVENT)
    p, y, x = (
        np.repeat(place, counts.ravel()) for place in np.indices(counts.shape).reshape(3, -1)
    )
    if coding.order == "even":
        each = np.repeat(counts.ravel(), counts.ravel())
        nth = np.arange(total) - np.repeat(
            np.cumsum(counts.ravel()) - counts.ravel(), counts.ravel()
        )
        t = (2 * nth + 1) * coding.duration_us // (2 * each)
    else:
        t = np.random.default_rng(coding.seed).integers(0, coding.duration_us, total)
    order = np.argsort(t, kind="stable")
    return make_events(t[order], x[order], y[order], p[order])
