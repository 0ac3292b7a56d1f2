"""Samples of a data set in plain values, so that workers elsewhere find the same ones."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import lru_cache

from dynapdeploy.data.dataset import Dataset, Subset, draw
from dynapdeploy.data.opening import open_dataset
from dynapdeploy.errors import DataError

Identity = tuple[int, str | None]


@dataclass(frozen=True)
class Selection:
    """``limit`` samples of ``data``, drawn with ``seed``; see :func:`dynapdeploy.data.draw`."""

    data: str
    split: str = "train"
    limit: int | None = None
    seed: int = 0
    strict: bool = False

    def open(self) -> Dataset:
        """The samples. Raises ``DataError`` as :func:`dynapdeploy.data.open_dataset` does."""
        return self.drawn(open_dataset(self.data, self.split, strict=self.strict))

    def part(self, first: int, last: int, whole: Identity) -> Dataset:
        """The samples from ``first`` up to ``last``; the data set is opened once per process.

        Its ``skipped`` names the damaged ones found at opening, then those of this part.

        Raises:
            DataError: the data are not those of ``whole``, or as :meth:`open`.
        """
        dataset = self.drawn(copy.copy(_opened(self.data, self.split, self.strict, whole)))
        if identity(dataset) != whole:
            raise DataError(
                f"{self.data}: the data are not those that this job was begun with, they have "
                "changed or differ between machines"
            )
        return Subset(dataset, range(first, last))

    def drawn(self, dataset: Dataset) -> Dataset:
        """The samples out of the data set opened."""
        return draw(dataset, self.limit, self.seed)


def identity(dataset: Dataset) -> Identity:
    """Number of samples and fingerprint."""
    whole = dataset.whole if isinstance(dataset, Subset) else dataset
    return len(dataset), whole.fingerprint


@lru_cache(maxsize=1)
def _opened(data: str, split: str, strict: bool, whole: Identity) -> Dataset:
    return open_dataset(data, split, strict=strict)
