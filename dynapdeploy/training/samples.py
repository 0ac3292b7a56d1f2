"""A data set as what a QReLU net takes: counts of input events per place, and labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from dynapdeploy.chip.input_coding import InputCoding
from dynapdeploy.data import Dataset
from dynapdeploy.data.frames import frames
from dynapdeploy.errors import DataError, Mismatch
from dynapdeploy.events import Shape


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples in memory.

    Attributes:
        x: float32 ``[n, c, h, w]``, input events per place.
        y: int64 ``[n]``, classes.
    """

    x: torch.Tensor
    y: torch.Tensor

    def __len__(self) -> int:
        return len(self.y)

    @property
    def shape(self) -> Shape:
        """Channels, height, width of one sample."""
        channels, height, width = self.x.shape[1:]
        return channels, height, width

    def to(self, device: torch.device) -> Samples:
        """The same on another device."""
        return Samples(self.x.to(device), self.y.to(device))


def load_samples(
    dataset: Dataset, coding: InputCoding, progress: Callable[[int, int], None] | None = None
) -> Samples:
    """Read a data set, in the coding that belongs to the net.

    Raises:
        DataError: a label is missing, or nothing can be read.
        Mismatch: still images for a net that takes recordings, or the other way round.
    """
    if (coding.pixels is not None) != (dataset.kind == "images"):
        takes = "recordings" if coding.pixels is None else "still images"
        raise Mismatch(f"{dataset.spec}: it holds {dataset.kind}, the net takes {takes}")
    x, y = frames(dataset, coding.merge_polarity, progress=progress)
    if coding.pixels is not None:
        x = np.rint(x * coding.pixels.events_per_unit)
    if (y < 0).any():
        raise DataError(f"{dataset.spec}: {int((y < 0).sum())} of {len(y)} samples have no label")
    return Samples(torch.from_numpy(x.astype(np.float32)), torch.from_numpy(y.astype(np.int64)))


def check_classes(samples: Samples, classes: tuple[str, ...], name: str) -> None:
    """Refuse a training set in which a class has no sample. Raises ``DataError`` naming it."""
    present = set(samples.y.tolist())
    absent = [classes[i] for i in range(len(classes)) if i not in present]
    if absent:
        raise DataError(f"{name}: no training sample of class {', '.join(absent)}")
