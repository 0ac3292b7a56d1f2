"""A data set of still images, held in memory as bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from dynapdeploy.data.dataset import Sample
from dynapdeploy.errors import DataError
from dynapdeploy.events import Shape


@dataclass(eq=False)
class StillImages:
    """Images with pixel values 0 to 255.

    Attributes:
        spec, split, classes, labels, skipped, fingerprint: see
            :class:`dynapdeploy.data.dataset.Dataset`.
        images: uint8 ``[n, c, h, w]``. Samples hold them as float32, still 0 to 255.
    """

    spec: str
    split: str
    classes: tuple[str, ...]
    labels: np.ndarray
    images: np.ndarray
    skipped: tuple[str, ...] = ()
    fingerprint: str | None = None
    kind: Literal["images"] = "images"

    def __post_init__(self) -> None:
        self.labels = np.asarray(self.labels, dtype=np.int64)
        if len(self.images) != len(self.labels):
            raise DataError(
                f"{self.spec}: {len(self.images)} images, but {len(self.labels)} labels"
            )
        if not len(self.images):
            raise DataError(f"{self.spec}: no images in the {self.split} split")
        unknown = np.flatnonzero((self.labels < 0) | (self.labels >= len(self.classes)))
        if len(unknown):
            raise DataError(
                f"{self.spec}: image {unknown[0]} has label {self.labels[unknown[0]]}, "
                f"expected 0..{len(self.classes) - 1}"
            )

    @property
    def shape(self) -> Shape:
        """Channels, height, width."""
        channels, height, width = self.images.shape[1:]
        return int(channels), int(height), int(width)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < len(self):
            raise IndexError(f"{self.spec}: image {index} of {len(self)}")
        pixels = self.images[index].astype(np.float32)
        return Sample(f"{self.split} {index:05d}", int(self.labels[index]), pixels=pixels)
