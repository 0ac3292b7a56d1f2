"""From events to frames of counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from dynapdeploy.data.coding import coded_shape
from dynapdeploy.data.dataset import Dataset, readable
from dynapdeploy.data.frame_cache import cache_file, load_frames, store_frames
from dynapdeploy.errors import DataError
from dynapdeploy.events import Shape, checked_events


def frame(events: np.ndarray, shape: Shape, merge_polarity: bool = False) -> np.ndarray:
    """Number of events at each address, float32 ``[c, h, w]``; c is 1 if polarities are merged.

    ``shape`` is that of the events as they are. Raises ``DataError`` for events outside it.
    """
    return _counts(checked_events(events, shape), shape, merge_polarity, None, 1)[0]


def time_frames(
    events: np.ndarray,
    shape: Shape,
    step_us: int,
    *,
    merge_polarity: bool = False,
    start_us: int | None = None,
    steps: int | None = None,
) -> np.ndarray:
    """Number of events at each address in each time step, float32 ``[steps, c, h, w]``.

    Args:
        events: sorted by time.
        shape: channels, height, width of the events as they are.
        step_us: length of a step.
        merge_polarity: add up both polarities, c is 1 then.
        start_us: where step 0 begins, None for the first event.
        steps: how many; None for all up to the last event, the step that holds it included.

    Raises:
        DataError: events outside ``shape``, before the first step or after the last.
    """
    if step_us < 1:
        raise DataError(f"frames: a time step of at least 1 us is needed, got {step_us}")
    events = checked_events(events, shape)
    if not len(events):
        return np.zeros((steps or 0, *coded_shape(shape, merge_polarity)), np.float32)
    start = int(events["t"][0]) if start_us is None else start_us
    step = (events["t"] - start) // step_us
    if step[0] < 0:
        raise DataError(
            f"frames: an event at {events['t'][0]} us lies before the first step at {start} us"
        )
    count = int(step[-1]) + 1 if steps is None else steps
    if step[-1] >= count:
        raise DataError(
            f"frames: an event at {events['t'][-1]} us lies after {count} steps of {step_us} us "
            f"from {start} us"
        )
    return _counts(events, shape, merge_polarity, step, count)


def frames(
    dataset: Dataset,
    merge_polarity: bool = False,
    *,
    cache: bool | str | Path = True,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """All samples of a data set in memory: float32 ``[n, c, h, w]`` and int64 labels ``[n]``.

    Recordings become counts of events; still images stay as they are. Damaged recordings are left
    out, see ``dataset.skipped``. A label is -1 where it is unknown.

    Args:
        dataset: what :func:`dynapdeploy.data.open_dataset` gives, or a part of it.
        merge_polarity: add up all channels.
        cache: keep frames of recordings on disk: True for the user's cache folder
            (``DYNAPDEPLOY_CACHE``, where ``off`` means none), a folder, or False.
        progress: called with the number of samples done and the number of all.

    Raises:
        DataError: nothing in the data set can be read.
    """
    key = f"{dataset.fingerprint} {dataset.spec} {dataset.split} merged={merge_polarity}"
    file = cache_file(key, cache) if dataset.kind == "events" and dataset.fingerprint else None
    stored = load_frames(file) if file else None
    total = len(dataset)
    if stored is not None:
        if progress:
            progress(total, total)
        return stored
    pixels = np.empty((total, *coded_shape(dataset.shape, merge_polarity)), np.float32)
    rows: list[int] = []
    for index, sample in readable(dataset):
        if sample.events is not None:
            pixels[len(rows)] = frame(sample.events, dataset.shape, merge_polarity)
        elif sample.pixels is not None:
            merged = sample.pixels.sum(0, keepdims=True) if merge_polarity else sample.pixels
            pixels[len(rows)] = merged
        rows.append(index)
        if progress:
            progress(index + 1, total)
    if not rows:
        raise DataError(f"{dataset.spec}: none of {total} recordings can be read")
    labels = np.asarray(dataset.labels)[rows]
    if file and len(rows) == total:
        store_frames(file, pixels, labels)
    return pixels[: len(rows)], labels


def _counts(events, shape: Shape, merge: bool, step: np.ndarray | None, steps: int) -> np.ndarray:
    channels, height, width = coded_shape(shape, merge)
    place = np.zeros(len(events), np.int64) if step is None else step.astype(np.int64)
    if not merge:
        place = place * channels + events["p"]
    place = (place * height + events["y"]) * width + events["x"]
    counted = np.bincount(place, minlength=steps * channels * height * width)
    return counted.reshape(steps, channels, height, width).astype(np.float32)
