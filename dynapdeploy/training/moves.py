"""Samples moved about at random while a net trains: shifted, turned, zoomed, bent.

A move is a *pixel map*: for every place of the map, the place where its events go. Frames of
counts and recordings of events are moved by the same map, so both stages of training see the same
kind of sample, and no event is made up or counted twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dynapdeploy.events import Shape

if TYPE_CHECKING:
    import torch


BENT = 4
"""Corners of the net that bends a map, along each axis."""


@dataclass(frozen=True)
class Reach:
    """How far samples are moved, each bound to both sides.

    Attributes:
        shift: pixels along each axis.
        turn: degrees about the middle of the map.
        zoom: share of the size, along each axis of its own, 0.1 for 90 % to 110 %.
        bend: standard deviation in pixels by which the corners of a net of 3 x 3 meshes over the
            map are displaced, along each axis; between them the displacement is smooth (the elastic
            distortions of Simard et al. 2003).
    """

    shift: int = 0
    turn: float = 0.0
    zoom: float = 0.0
    bend: float = 0.0

    def __bool__(self) -> bool:
        return bool(self.shift or self.turn or self.zoom or self.bend)


def pixel_maps(
    reach: Reach, size: tuple[int, int], count: int, random: np.random.Generator
) -> np.ndarray:
    """``count`` random moves of a map, int64 ``[count, h * w]``.

    Places are ``y * w + x``; ``h * w`` stands for "outside the map". A turned or zoomed pixel falls
    between the pixels of the map; a draw for each pixel decides which of them it goes to, since
    rounding alone would leave whole rows empty.
    """
    height, width = size
    shift = random.integers(-reach.shift, reach.shift + 1, (2, count, 1))
    y, x = (axis.reshape(-1) for axis in np.mgrid[:height, :width])
    if reach.turn or reach.zoom or reach.bend:
        angle = np.radians(random.uniform(-reach.turn, reach.turn, (count, 1)))
        grow = 1 + random.uniform(-reach.zoom, reach.zoom, (2, count, 1))
        within = random.uniform(-0.5, 0.5, (2, count, height * width))
        up, across = y - (height - 1) / 2 + within[0], x - (width - 1) / 2 + within[1]
        if reach.bend:
            bent = _bent(reach.bend, size, count, random)
            up, across = up + bent[:, 0], across + bent[:, 1]
        sine, cosine = np.sin(angle), np.cos(angle)
        new_y = grow[0] * (cosine * up - sine * across) + (height - 1) / 2
        new_x = grow[1] * (sine * up + cosine * across) + (width - 1) / 2
        y, x = np.rint(new_y).astype(np.int64), np.rint(new_x).astype(np.int64)
    y, x = y + shift[0], x + shift[1]
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    return np.where(inside, y * width + x, height * width)


def _bent(
    deviation: float, size: tuple[int, int], count: int, random: np.random.Generator
) -> np.ndarray:
    """Smooth random displacements in pixels, float64 ``[count, 2, h * w]``."""
    from torch import from_numpy
    from torch.nn.functional import interpolate

    corners = from_numpy(random.normal(0, deviation, (count, 2, BENT, BENT)))
    return interpolate(corners, size, mode="bicubic", align_corners=True).flatten(2).numpy()


def moved_frames(x: torch.Tensor, maps: np.ndarray) -> torch.Tensor:
    """Frames ``[n, c, h, w]``, each moved by its row of ``maps`` ``[n, h * w]``."""
    import torch

    count, channels, height, width = x.shape
    target = torch.from_numpy(maps).to(x.device)[:, None].expand(-1, channels, -1)
    moved = x.new_zeros(count, channels, height * width + 1)
    moved.scatter_add_(2, target, x.flatten(2))
    return moved[..., :-1].reshape(x.shape)


def moved_events(events: np.ndarray, places: np.ndarray, shape: Shape) -> np.ndarray:
    """The events, moved by the pixel map ``places`` ``[h * w]``; those that leave are lost."""
    _, height, width = shape
    to = places[events["y"].astype(np.int64) * width + events["x"]]
    inside = to < height * width
    events, to = events[inside], to[inside]
    events["y"], events["x"] = np.divmod(to, width)
    return events
