"""MNIST digits as the camera of MNIST-DVS would record them: a stand-in for the real recordings.

A digit moves over a 75 Hz screen before a DVS128, ``scale / 4`` sensor pixels per image pixel or a
little more. Way, thresholds and flicker are set so that at scale 16 the first 0.196 s of ten
simulated zeros resemble the one real cut, ``mnist_0_scale16_0001`` (scales 4 and 8 beside it):

===== ================ ============== ==================== =====================
scale events/s         share of p = 1 5..95 % extent x, y  75 Hz share of events
===== ================ ============== ==================== =====================
4     12,700 (9,100)   0.51 (0.47)    18 x 20 (21 x 20)    0.04 (0.19)
8     27,400 (25,800)  0.49 (0.46)    36 x 41 (43 x 40)    0.04 (0.14)
16    61,300 (56,800)  0.47 (0.48)    71 x 81 (82 x 78)    0.07 (0.20)
===== ================ ============== ==================== =====================

Simulated, real in brackets. The real screen flickers more, and the real zero is a wider one.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from dynapdeploy.data.chance import chance
from dynapdeploy.data.dvs import FRACTION, Film, Sensor
from dynapdeploy.data.mnist import CLASSES, open_mnist
from dynapdeploy.data.mnistdvs import CHUNK, SHAPE, downsample
from dynapdeploy.data.recordings import Recordings
from dynapdeploy.errors import DataError

SCALE = 16
"""Of the digit on the screen, in the data set's own count."""
SENSOR = Sensor(
    128,
    128,
    threshold=0.175,
    fall_ratio=1.12,
    mismatch=0.2,
    contrast=11.0,
    refractory_us=500,
    step_us=1000,
    flicker_hz=75.0,
    flicker_depth=0.18,
    seed=128,
)
ZOOM_PER_SCALE = 68
"""Size of an image pixel in 1/256 of a sensor pixel, per unit of scale."""
PER_CLASS = {"train": 800, "test": 200}
"""Recordings per digit, as in the paper's file lists."""
NOISE_HZ = {4: 0.003, 8: 0.07, 16: 0.23}
"""Events per pixel and second far from the digit, by scale, as in the real recordings."""
PERIOD_US = 1_200_000
RADIUS_X, RADIUS_Y = 4.0, 2.0
"""Half axes of the digit's way, in sensor pixels."""
SIM_SEED = 16
_VERSION = 1


def open_mnistdvs_sim(spec: str, path: Path, split: str) -> Recordings:
    """One chunk of 3000 events ``[2, 64, 64]`` for each of the first 800 (train) or 200 (test)
    MNIST digits of every class; fewer where MNIST has fewer.

    Raises:
        DataError: ``path`` holds no MNIST.
    """
    mnist = open_mnist(spec, path, split)
    chosen = np.sort(
        np.concatenate(
            [np.flatnonzero(mnist.labels == k)[: PER_CLASS[split]] for k in range(len(CLASSES))]
        )
    )
    images = mnist.images[chosen, 0]
    return Recordings(
        spec=spec,
        split=split,
        shape=SHAPE,
        classes=CLASSES,
        labels=mnist.labels[chosen],
        names=tuple(f"{split} {index:05d}" for index in chosen),
        read=_Reader(images, chosen, split),
        fingerprint=f"mnistdvs-sim {_VERSION} {SENSOR} {images.sum(dtype=np.int64)}",
    )


def simulate(image: np.ndarray, duration_us: int, seed: tuple[int, ...], scale: int = SCALE):
    """A recording ``[n]`` at 128x128 of one digit, uint8 ``[28, 28]``, at a scale of 4, 8 or 16."""
    zoom = scale * ZOOM_PER_SCALE
    film = _film(scale)
    steps = duration_us // SENSOR.step_us
    start = int(chance(1, PERIOD_US, *seed)[0])
    return film.events(image, path(start, steps, zoom, image.shape), zoom, *seed)


def path(start_us: int, steps: int, zoom: int, size: tuple[int, ...]) -> np.ndarray:
    """int64 ``[steps + 1, 2]``: an ellipse amid the sensor, x and y in 1/256 pixel."""
    angle = 2 * math.pi * (start_us + SENSOR.step_us * np.arange(steps + 1)) / PERIOD_US
    x = RADIUS_X * FRACTION * np.cos(angle) + (SENSOR.width * FRACTION - size[1] * zoom) / 2
    y = RADIUS_Y * FRACTION * np.sin(angle) + (SENSOR.height * FRACTION - size[0] * zoom) / 2
    return np.rint(np.stack([x, y], axis=1)).astype(np.int64)


@cache
def _film(scale: int) -> Film:
    return Film(replace(SENSOR, noise_hz=NOISE_HZ[scale]))


class _Reader:
    def __init__(self, images: np.ndarray, indices: np.ndarray, split: str):
        self.images = images
        self.seeds = [(SIM_SEED, int(split == "test"), int(index)) for index in indices]

    def __call__(self, index: int) -> np.ndarray:
        duration_us = 100_000
        while duration_us <= PERIOD_US:
            events = simulate(self.images[index], duration_us, self.seeds[index])
            if len(events) >= CHUNK:
                return downsample(events[:CHUNK])
            duration_us *= 2
        raise DataError(f"fewer than {CHUNK} events in {PERIOD_US} us: the image is all but black")
