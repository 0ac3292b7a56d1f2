"""A data set: a sequence of recordings or of still images, read one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np

from dynapdeploy.errors import DataError
from dynapdeploy.events import Shape


class DamagedRecording(DataError):
    """A recording that cannot be read, in a data set that skips such recordings."""


@dataclass(frozen=True, eq=False)
class Sample:
    """One recording, or one still image.

    Attributes:
        name: of the file or of its place in the set.
        label: index into the data set's classes, None if unknown.
        events: array of :data:`dynapdeploy.events.EVENT` for a recording, else None.
        pixels: float32 ``[c, h, w]`` for a still image, else None.
    """

    name: str
    label: int | None
    events: np.ndarray | None = None
    pixels: np.ndarray | None = None


class Dataset(Protocol):
    """What every reader gives back.

    Attributes:
        spec: how the user named it, for instance ``nmnist:PATH``.
        split: ``"train"`` or ``"test"``.
        kind: ``"events"`` for recordings, ``"images"`` for still images.
        shape: channels, height and width of the samples as stored (both polarities apart).
        classes: names of the classes; labels are indices into them.
        labels: int64, one per sample, -1 where unknown.
        skipped: names of the damaged recordings met so far, at opening and at reading.
        fingerprint: changes whenever the samples do; None where that cannot be told.
    """

    @property
    def spec(self) -> str: ...
    @property
    def split(self) -> str: ...
    @property
    def kind(self) -> Literal["events", "images"]: ...
    @property
    def shape(self) -> Shape: ...
    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def labels(self) -> np.ndarray: ...
    @property
    def skipped(self) -> tuple[str, ...]: ...
    @property
    def fingerprint(self) -> str | None: ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample:
        """The sample at ``index``. Raises ``DamagedRecording`` where it cannot be read."""
        ...


@dataclass(frozen=True, eq=False)
class Subset:
    """Some samples of a data set, in the order of ``indices``."""

    whole: Dataset
    indices: Sequence[int]
    spec: str = field(init=False)
    split: str = field(init=False)
    kind: Literal["events", "images"] = field(init=False)
    shape: Shape = field(init=False)
    classes: tuple[str, ...] = field(init=False)
    labels: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        for name in ("spec", "split", "kind", "shape", "classes"):
            object.__setattr__(self, name, getattr(self.whole, name))
        chosen = np.asarray(self.indices, dtype=np.int64)
        object.__setattr__(self, "labels", np.asarray(self.whole.labels)[chosen])

    @property
    def skipped(self) -> tuple[str, ...]:
        return self.whole.skipped

    @property
    def fingerprint(self) -> str | None:
        whole = self.whole.fingerprint
        if whole is None:
            return None
        return f"{whole} [{','.join(map(str, self.indices))}]"

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Sample:
        return self.whole[self.indices[index]]

    def __iter__(self) -> Iterator[Sample]:
        return (self[i] for i in range(len(self)))


def draw(dataset: Dataset, limit: int | None, seed: int = 0) -> Dataset:
    """``limit`` samples drawn at random without repetition, in their old order; all if it is None.

    Raises:
        DataError: ``limit`` is not at least 1.
    """
    if limit is not None and limit < 1:
        raise DataError(f"{dataset.spec}: the number of samples must be at least 1, got {limit}")
    if limit is None or limit >= len(dataset):
        return dataset
    drawn = np.random.default_rng(seed).permutation(len(dataset))[:limit]
    return Subset(dataset, sorted(int(i) for i in drawn))


def readable(dataset: Dataset) -> Iterator[tuple[int, Sample]]:
    """Index and sample of all that can be read; damaged ones are passed over.

    Their names are in ``dataset.skipped`` afterwards. A data set opened with ``strict=True`` raises
    ``DataError`` at the first of them.
    """
    for index in range(len(dataset)):
        try:
            sample = dataset[index]
        except DamagedRecording:
            continue
        yield index, sample
