"""The embedded data set: scikit-learn's 1797 digits as a DVS sees them on a moving screen.

Each 8x8 digit is shown 16x16 sensor pixels large and moves along a triangle of three strokes, 50 ms
each, as N-MNIST's sensor does; corners differ from sample to sample. No file is written or fetched.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from dynapdeploy.data.chance import chance
from dynapdeploy.data.dvs import FRACTION, Film, Sensor, way
from dynapdeploy.data.recordings import Recordings
from dynapdeploy.events import Shape

DIGITS_SEED = 2020
"""Of the path, of the noise, of the sensor's mismatch and of the split."""
TEST_SHARE = 5
"""One digit in five of each class belongs to the test split."""
SENSOR = Sensor(20, 20, seed=DIGITS_SEED)
SHAPE: Shape = (2, SENSOR.height, SENSOR.width)
ZOOM = 2 * FRACTION
STROKE_STEPS = 50
_MARGIN = 2 * FRACTION
_REACH = 2 * FRACTION
_JITTER = FRACTION // 4


def open_digits(split: str, seed: int = DIGITS_SEED) -> Recordings:
    """1433 training or 364 test recordings ``[2, 20, 20]`` of 150 ms, ordered as in scikit-learn.

    The same ``seed`` gives the same events on every machine.
    """
    _, labels = _digits()
    chosen = split_indices(labels, split)
    return Recordings(
        spec="digits",
        split=split,
        shape=SHAPE,
        classes=tuple("0123456789"),
        labels=labels[chosen],
        names=tuple(f"digit {index:04d}" for index in chosen),
        read=_Reader(tuple(int(index) for index in chosen), seed),
        fingerprint=f"digits 1 {seed} {SENSOR}",
    )


def digit_events(index: int, seed: int = DIGITS_SEED) -> np.ndarray:
    """The recording of digit ``index`` of scikit-learn's set."""
    images, _ = _digits()
    return _film().events(images[index], triangle(index, seed), ZOOM, seed, index)


def triangle(index: int, seed: int) -> np.ndarray:
    """Where digit ``index`` is: int64 ``[151, 2]``, x and y in 1/256 pixel."""
    corners = np.array([(-1, -1), (0, 1), (1, -1), (-1, -1)]) * _REACH + _MARGIN
    shift = chance(corners.size, 2 * _JITTER + 1, seed, index).reshape(-1, 2) - _JITTER
    return way(corners + shift, STROKE_STEPS)


def split_indices(labels: np.ndarray, split: str) -> np.ndarray:
    """The samples of one split, int64: a fifth of each class, drawn once for all, is for test."""
    place = np.argsort(chance(len(labels), 2**31 - 1, DIGITS_SEED), kind="stable")
    tested = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        tested[place[labels[place] == label][::TEST_SHARE]] = True
    return np.flatnonzero(tested if split == "test" else ~tested)


class _Reader:
    def __init__(self, indices: tuple[int, ...], seed: int):
        self.indices = indices
        self.seed = seed

    def __call__(self, index: int) -> np.ndarray:
        return digit_events(self.indices[index], self.seed)


@cache
def _film() -> Film:
    return Film(SENSOR)


@cache
def _digits() -> tuple[np.ndarray, np.ndarray]:
    """uint8 ``[1797, 8, 8]`` from 0 to 255, and int64 labels."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return (images.reshape(-1, 8, 8) * 255 // 16).astype(np.uint8), labels.astype(np.int64)
