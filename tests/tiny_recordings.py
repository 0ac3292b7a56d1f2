"""A data set and a net that train in a second: recordings that any N-MNIST reader takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

NET = """
from torch import nn


def net():
    layers = nn.Sequential(
        nn.Conv2d(2, 4, 5, stride=4, bias=False), nn.ReLU(),
        nn.Conv2d(4, 8, 3, padding=1, bias=False), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(8 * 4 * 4, 10, bias=False), nn.ReLU(),
    )
    layers[0].weight.data *= 12
    return layers
"""


def write_recordings(folder: Path, train: int = 4, test: int = 2, events: int = 200) -> Path:
    """``Train`` and ``Test`` with so many recordings per class: a blob per class, and noise."""
    random = np.random.default_rng(1)
    for split, count in (("Train", train), ("Test", test)):
        for label in range(10):
            place = folder / split / str(label)
            place.mkdir(parents=True)
            for number in range(count):
                (place / f"{number:05d}.bin").write_bytes(recording(label, events, random))
    return folder


def recording(label: int, events: int, random: np.random.Generator) -> bytes:
    """One recording in N-MNIST's format: x, y, then polarity and 23 bits of time."""
    x = np.clip(random.normal(6 + 5 * (label % 5), 2, events), 0, 33).astype(np.int64)
    y = np.clip(random.normal(10 + 12 * (label // 5), 2, events), 0, 33).astype(np.int64)
    p = random.integers(0, 2, events)
    t = np.sort(random.integers(0, 300_000, events))
    columns = (x, y, p << 7 | t >> 16, t >> 8 & 255, t & 255)
    return np.stack(columns, 1).astype(np.uint8).tobytes()


def write_net(folder: Path) -> str:
    """``file.py:factory`` of a net for these recordings."""
    path = folder / "tiny_net.py"
    path.write_text(NET)
    return f"{path}:net"
