"""What a DVS would see of an image that moves on a screen.

Every pixel follows the logarithm of its brightness and sends an event whenever it has risen
(p = 1) or fallen (p = 0) by a threshold since the last one (Lichtsteiner, Posch, Delbruck 2008).
All is integer arithmetic and all chance comes from the raw numbers of PCG64, so that the events are
the same on every machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numba
import numpy as np

from dynapdeploy.data.chance import chance
from dynapdeploy.events import make_events

FRACTION = 256
"""Positions are given in this fraction of a pixel of the sensor."""
LEVELS = 4080
"""Brightness of a white pixel; black is 0."""
LOG_UNIT = 1024
"""One unit of the natural logarithm, in the integers that the pixels work with."""


@dataclass(frozen=True)
class Sensor:
    """A sensor before a screen.

    Attributes:
        height, width: of the pixel array.
        threshold: rise of log brightness for an event, mean over the pixels.
        fall_ratio: fall for an event over the rise for one.
        mismatch: thresholds differ from pixel to pixel by up to this share.
        contrast: brightness of white over that of black on the screen.
        refractory_us: a pixel sends no second event within this time.
        noise_hz: events per pixel and second that have no cause.
        step_us: time between two positions of the film.
        flicker_hz: refresh rate of the screen, 0 for a steady one.
        flicker_depth: share of the brightness that is lost between two refreshes.
        seed: of the mismatch.
    """

    height: int
    width: int
    threshold: float = 0.6
    fall_ratio: float = 1.0
    mismatch: float = 0.1
    contrast: float = 10.0
    refractory_us: int = 1000
    noise_hz: float = 0.1
    step_us: int = 1000
    flicker_hz: float = 0.0
    flicker_depth: float = 0.0
    seed: int = 0

    def log_table(self) -> np.ndarray:
        """int32 ``[LEVELS + 1]``: log brightness of each level."""
        dark = LEVELS / (self.contrast - 1)
        return np.array(
            [round(LOG_UNIT * math.log1p(level / dark)) for level in range(LEVELS + 1)], np.int32
        )

    def light(self, steps: int, phase_us: int = 0) -> np.ndarray:
        """int64 ``[steps]``: the screen's light at each step, 256 where it does not dim."""
        t = (phase_us + self.step_us * np.arange(steps)) * 1e-6
        dip = self.flicker_depth * (0.5 - 0.5 * np.cos(2 * math.pi * self.flicker_hz * t))
        return np.rint(256 * (1 - dip)).astype(np.int64)

    def thresholds(self) -> np.ndarray:
        """int32 ``[2, height, width]``: thresholds for falling and for rising brightness."""
        pixels = self.height * self.width
        rows = []
        for polarity, mean in enumerate((self.threshold * self.fall_ratio, self.threshold)):
            spread = round(LOG_UNIT * mean * self.mismatch)
            drawn = chance(pixels, 2 * spread + 1, self.seed, polarity)
            rows.append(round(LOG_UNIT * mean) - spread + drawn)
        return np.stack(rows).astype(np.int32).reshape(2, self.height, self.width)


def way(corners: np.ndarray, steps: int) -> np.ndarray:
    """int64 ``[(len(corners) - 1) * steps + 1, 2]``: even steps from corner to corner, x and y."""
    corners = np.asarray(corners, dtype=np.int64)
    share = np.arange(steps, dtype=np.int64)[:, None]
    legs = [start + (end - start) * share // steps for start, end in pairwise(corners)]
    return np.concatenate([*legs, corners[-1:]])


class Film:
    """Turns moving images into events; the sensor's tables are made once."""

    def __init__(self, sensor: Sensor):
        self.sensor = sensor
        self._table = sensor.log_table()
        self._thresholds = sensor.thresholds()

    def events(self, image: np.ndarray, positions: np.ndarray, zoom: int, *seed: int) -> np.ndarray:
        """The events of one image on its way over the screen, sorted by time from 0 on.

        Args:
            image: uint8 ``[h, w]``, 255 is white.
            positions: int64 ``[steps + 1, 2]``, place of the image's upper left corner in x and y,
                in 1/``FRACTION`` of a sensor pixel, one every ``step_us``.
            zoom: size of an image pixel in 1/``FRACTION`` of a sensor pixel.
            seed: of the noise.
        """
        sensor = self.sensor
        buffer = np.empty((4, 4096), np.int64)
        arguments = (
            np.ascontiguousarray(image, dtype=np.uint8),
            np.flatnonzero(image.any(axis=0)),
            np.flatnonzero(image.any(axis=1)),
            np.ascontiguousarray(positions, dtype=np.int64),
            zoom,
            self.sensor.light(len(positions)),
            self._table,
            self._thresholds,
            sensor.step_us,
            sensor.refractory_us,
        )
        count = _film(*arguments, buffer)
        if count > buffer.shape[1]:
            buffer = np.empty((4, count), np.int64)
            _film(*arguments, buffer)
        noise = self._noise((len(positions) - 1) * sensor.step_us, *seed)
        t, x, y, p = np.concatenate([buffer[:, :count], noise], axis=1)
        order = np.argsort(t, kind="stable")
        return make_events(t[order], x[order], y[order], p[order])

    def _noise(self, duration_us: int, *seed: int) -> np.ndarray:
        sensor = self.sensor
        count = round(sensor.noise_hz * sensor.height * sensor.width * duration_us / 1e6)
        limits = (duration_us, sensor.width, sensor.height, 2)
        return np.stack(
            [chance(count, limit, *seed, 1 + column) for column, limit in enumerate(limits)]
        )


@numba.njit(cache=True)
def _brightness(image, column, row):
    """Level at a place of the image, in 1/256 of its pixels; black outside (bilinear)."""
    height, width = image.shape
    left, top = column >> 8, row >> 8
    right_share, low_share = column & 255, row & 255
    total = 0
    for y, y_share in ((top, 256 - low_share), (top + 1, low_share)):
        for x, x_share in ((left, 256 - right_share), (left + 1, right_share)):
            if 0 <= y < height and 0 <= x < width:
                total += image[y, x] * y_share * x_share
    return total >> 12


@numba.njit(cache=True)
def _lit(positions, bright, zoom, size):
    """First pixel, and one after the last, that a bright pixel of the image ever shines on."""
    if len(bright) == 0:
        return 0, 0
    low = (positions.min() + (bright[0] - 1) * zoom) >> 8
    high = (positions.max() + (bright[-1] + 2) * zoom >> 8) + 1
    return max(low, 0), min(high, size)


@numba.njit(cache=True)
def _film(
    image, columns, rows, positions, zoom, light, table, thresholds, step_us, refractory_us, out
):
    height, width = thresholds.shape[1:]
    left, right = _lit(positions[:, 0], columns, zoom, width)
    top, bottom = _lit(positions[:, 1], rows, zoom, height)
    count = 0
    for y in range(top, bottom):
        for x in range(left, right):
            level = np.int64(0)
            reference = np.int64(0)
            last = np.int64(-refractory_us)
            for step in range(len(positions)):
                column = ((256 * x + 128 - positions[step, 0]) << 8) // zoom - 128
                row = ((256 * y + 128 - positions[step, 1]) << 8) // zoom - 128
                now = np.int64(table[_brightness(image, column, row) * light[step] >> 8])
                if step == 0:
                    level = reference = now
                    continue
                rising = 1 if now > level else 0
                sign = 1 if rising else -1
                threshold = thresholds[rising, y, x]
                while sign * (now - reference) >= threshold:
                    reference += sign * threshold
                    span = sign * (now - level)
                    part = max(sign * (reference - level), 0)
                    t = (step - 1) * step_us + (step_us * part // span if span else 0)
                    if t - last < refractory_us:
                        continue
                    last = t
                    if count < out.shape[1]:
                        out[0, count], out[1, count], out[2, count], out[3, count] = t, x, y, rising
                    count += 1
                level = now
    return count
