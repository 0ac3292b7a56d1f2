"""The camera in front of the cores, and what its layer does with every event.

The way of an event: polarity, pooling, region of interest, mirror, diagonal (Speck datasheet 3.2.3;
sinabs 3.1.3 ``DVSLayer``, whose convention for the region is taken where the two differ).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from dynapdeploy.errors import ImageError
from dynapdeploy.events import EVENT, Shape

PIXELS = 128
"""Width and height of the pixel array."""
POOLING = (1, 2, 4)
CHANNELS = {"both": 2, "on": 1, "off": 1, "merged": 1}
MOST_FILTER = 15
Region = tuple[int, int, int, int]
"""Top, bottom, left, right; bottom and right are the first row and column left out."""
Polarity = Literal["both", "on", "off", "merged"]
FilterMode = Literal["neighbours", "hot-pixel", "low-pass"]


@dataclass(frozen=True)
class EventFilter:
    """The filter behind the sensor's layer, driven by the slow clock (datasheet 3.2.3.5).

    Attributes:
        mode: one at a time.
        size: ``(y, x)``, 1 to 15 pixels; ``(0, 0)`` for ``"low-pass"``.
        threshold: 0 to 255.
    """

    mode: FilterMode = "neighbours"
    size: tuple[int, int] = (3, 3)
    threshold: int = 1

    def __post_init__(self) -> None:
        _one_of("filter mode", self.mode, ("neighbours", "hot-pixel", "low-pass"))
        low = self.mode == "low-pass"
        bounds = (0, 0) if low else (1, MOST_FILTER)
        for axis, size in zip("yx", self.size, strict=True):
            _within(f"filter size along {axis}", size, *bounds)
        _within("filter threshold", self.threshold, 0, 255)


@dataclass(frozen=True)
class Sensor:
    """How the sensor's layer is set up.

    Attributes:
        polarity: ``"both"``: off events in channel 0, on events in channel 1. ``"merged"``: all in
            channel 0. ``"on"``, ``"off"``: only these, in channel 0.
        pooling: ``(y, x)``, each 1, 2 or 4; addresses are divided by it.
        crop: region that is kept, in pooled pixels; it then starts at (0, 0). None for all.
        mirror: ``(y, x)``: turned upside down, left and right exchanged; within the region.
        diagonal: x and y exchanged, after the mirror.
        camera: the pixels send their events; False for recordings.
        event_filter: None for none.
    """

    polarity: Polarity = "both"
    pooling: tuple[int, int] = (1, 1)
    crop: Region | None = None
    mirror: tuple[bool, bool] = (False, False)
    diagonal: bool = False
    camera: bool = False
    event_filter: EventFilter | None = None

    def __post_init__(self) -> None:
        _one_of("polarity", self.polarity, tuple(CHANNELS))
        for axis, size in zip("yx", self.pooling, strict=True):
            _one_of(f"pooling along {axis}", size, POOLING)
        top, bottom, left, right = self.region
        height, width = (PIXELS // size for size in self.pooling)
        if not (0 <= top < bottom <= height and 0 <= left < right <= width):
            raise ImageError(
                f"sensor: the region rows {top}..{bottom}, columns {left}..{right} does not lie in "
                f"the {height}x{width} pixels left after pooling"
            )

    @property
    def region(self) -> Region:
        """The region kept, also where it is all of the map."""
        height, width = (PIXELS // size for size in self.pooling)
        return self.crop or (0, height, 0, width)

    @property
    def input_shape(self) -> Shape:
        """Channels (off, on), height and width of the pixel array."""
        return 2, PIXELS, PIXELS

    @property
    def output_shape(self) -> Shape:
        """Channels, height and width of the map that the cores get."""
        top, bottom, left, right = self.region
        size = (bottom - top, right - left)
        height, width = size[::-1] if self.diagonal else size
        return CHANNELS[self.polarity], height, width

    def apply(self, events: np.ndarray) -> np.ndarray:
        """What becomes of ``events`` ``[n]`` of the pixel array; the order and the times stay.

        The event filter is not applied: no public source says exactly what it does.
        """
        top, bottom, left, right = self.region
        y = events["y"] // self.pooling[0]
        x = events["x"] // self.pooling[1]
        kept = (y >= top) & (y < bottom) & (x >= left) & (x < right)
        if self.polarity in ("on", "off"):
            kept &= events["p"] == (self.polarity == "on")
        y, x = y[kept] - top, x[kept] - left
        if self.mirror[0]:
            y = bottom - top - 1 - y
        if self.mirror[1]:
            x = right - left - 1 - x
        if self.diagonal:
            x, y = y, x
        out = np.empty(len(x), EVENT)
        out["t"], out["x"], out["y"] = events["t"][kept], x, y
        out["p"] = events["p"][kept] if self.polarity == "both" else 0
        return out


def sensor_from_text(text: str) -> Sensor:
    """A sensor as the command line names it: words with commas between them.

    ``both``, ``merged``, ``on`` or ``off``; ``pool=2`` or ``pool=2x4`` (y, x);
    ``crop=TOP:BOTTOM:LEFT:RIGHT`` in pooled pixels; ``mirror-x``, ``mirror-y``, ``diagonal``;
    ``camera`` for live pixels; ``filter=neighbours|hot-pixel|low-pass`` with an optional size and
    threshold, as in ``filter=hot-pixel:3x3:2``.

    Raises:
        ImageError: a word is not known or its numbers are not possible.
    """
    values: dict = {}
    mirror = [False, False]
    for word in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = word.partition("=")
        if word in CHANNELS:
            values["polarity"] = word
        elif word in ("mirror-y", "mirror-x"):
            mirror[word == "mirror-x"] = True
        elif word in ("diagonal", "camera"):
            values[word] = True
        elif name == "pool":
            values["pooling"] = _pair(word, value)
        elif name == "crop":
            values["crop"] = tuple(_numbers(word, value, ":", 4))
        elif name == "filter":
            values["event_filter"] = _filter(word, value)
        else:
            raise ImageError(
                f"sensor: {word!r} is unknown; both, merged, on, off, pool=, crop=, mirror-x, "
                "mirror-y, diagonal, camera and filter= are"
            )
    return Sensor(mirror=(mirror[0], mirror[1]), **values)


def _filter(word: str, value: str) -> EventFilter:
    mode, *rest = value.split(":")
    size = _pair(word, rest[0]) if rest else ((0, 0) if mode == "low-pass" else (3, 3))
    threshold = _numbers(word, rest[1], ":", 1)[0] if len(rest) > 1 else 1
    return EventFilter(mode, size, threshold)  # type: ignore[arg-type]


def _pair(word: str, value: str) -> tuple[int, int]:
    numbers = _numbers(word, value if "x" in value else f"{value}x{value}", "x", 2)
    return numbers[0], numbers[1]


def _numbers(word: str, value: str, between: str, count: int) -> list[int]:
    parts = value.split(between)
    if len(parts) != count or not all(part.isdecimal() for part in parts):
        raise ImageError(f"sensor: {word!r}: {count} whole numbers were expected after the =")
    return [int(part) for part in parts]


def _one_of(name: str, value, known: tuple) -> None:
    if value not in known:
        raise ImageError(
            f"sensor: {name} must be one of {', '.join(map(str, known))}, got {value!r}"
        )


def _within(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise ImageError(f"sensor: {name} must lie in {low}..{high}, got {value}")
