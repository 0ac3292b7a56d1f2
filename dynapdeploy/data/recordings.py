"""A data set of event recordings, read one at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from dynapdeploy.data.dataset import DamagedRecording, Sample
from dynapdeploy.errors import DataError
from dynapdeploy.events import Shape, checked_events


@dataclass(eq=False)
class Recordings:
    """Recordings that ``read`` fetches by index.

    Attributes:
        spec, split, shape, classes, labels, skipped, fingerprint: see
            :class:`dynapdeploy.data.dataset.Dataset`.
        names: one per recording.
        read: the events of the recording at an index; raises ``DataError`` where it is damaged.
        strict: refuse a damaged recording instead of passing over it.
    """

    spec: str
    split: str
    shape: Shape
    classes: tuple[str, ...]
    labels: np.ndarray
    names: Sequence[str]
    read: Callable[[int], np.ndarray]
    strict: bool = False
    skipped: tuple[str, ...] = ()
    fingerprint: str | None = None
    kind: Literal["events"] = "events"

    def __post_init__(self) -> None:
        self.labels = np.asarray(self.labels, dtype=np.int64)
        if not len(self.names):
            bad = (
                f" ({len(self.skipped)} damaged or missing: {_some(self.skipped)})"
                if self.skipped
                else ""
            )
            raise DataError(f"{self.spec}: no recordings in the {self.split} split{bad}")
        if self.strict and self.skipped:
            raise DataError(
                f"{self.spec}: {len(self.skipped)} damaged or missing recordings: "
                f"{_some(self.skipped)}"
            )

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < len(self):
            raise IndexError(f"{self.spec}: recording {index} of {len(self)}")
        name, label = self.names[index], int(self.labels[index])
        try:
            events = checked_events(self.read(index), self.shape)
        except DataError as fault:
            reason = f"{self.spec}: damaged recording {name}: {fault}"
            if self.strict:
                raise DataError(reason) from fault
            if name not in self.skipped:
                self.skipped = (*self.skipped, name)
            raise DamagedRecording(reason) from fault
        return Sample(name, None if label < 0 else label, events=events)


def existing_folder(spec: str, path: Path) -> Path:
    """``path`` if it is a folder that can be listed. Raises ``DataError``."""
    if not path.exists():
        raise DataError(f"{spec}: there is no folder {path}")
    if not path.is_dir():
        raise DataError(f"{spec}: {path} is a file, a folder was expected")
    try:
        next(path.iterdir())
    except StopIteration:
        raise DataError(f"{spec}: the folder {path} is empty") from None
    except OSError as fault:
        raise DataError(f"{spec}: cannot read {path}: {fault.strerror or fault}") from fault
    return path


def _some(names: Sequence[str], count: int = 5) -> str:
    rest = f" and {len(names) - count} more" if len(names) > count else ""
    return ", ".join(names[:count]) + rest
