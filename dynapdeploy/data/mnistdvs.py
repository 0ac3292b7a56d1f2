"""MNIST-DVS: digits on a screen before a DVS128, ``mnist_<digit>_scale<scale>_<id>.aedat``.

Each recording is cut into chunks of 3000 events and brought from 128x128 down to 64x64, as in the
SynOp-loss paper. Training and test never share a recording.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dynapdeploy.data.aedat import aedat_extent, read_aedat
from dynapdeploy.data.chance import chance
from dynapdeploy.data.recordings import Recordings, existing_folder
from dynapdeploy.errors import DataError
from dynapdeploy.events import Shape, make_events

CHUNK = 3000
"""Events in a sample; what is left at the end of a recording is dropped."""
SHAPE: Shape = (2, 64, 64)
CLASSES = tuple("0123456789")
SPLIT_SEED = 1000
_NAME = re.compile(r"mnist_(?P<digit>\d)_scale(?P<scale>\d\d)_(?P<id>\d{4})\w*\.aedat")


class _Part(NamedTuple):
    file: Path
    first: int


def open_mnistdvs(spec: str, path: Path, split: str, strict: bool) -> Recordings:
    """Chunks ``[2, 64, 64]`` of the recordings of one split.

    ``path`` is searched with all its folders. Files ``*filelist_train.txt`` and
    ``*filelist_test.txt`` in ``path`` itself (lines ``name<TAB>label``) say which recordings to
    take; without them the largest scale that is there is taken, and of the ids 1 to 1000 of each
    digit a fixed fifth is for testing.

    Raises:
        DataError: nothing there, a malformed list; damaged or missing recordings if ``strict``.
    """
    files = sorted(file for file in existing_folder(spec, path).rglob("*.aedat"))
    lists = sorted(path.glob(f"*filelist_{split}.txt"))
    if lists:
        chosen, skipped = _listed(files, read_list(lists[0]))
    else:
        chosen, skipped = _drawn(files, split), []
    parts: list[_Part] = []
    labels: list[int] = []
    state = hashlib.sha256()
    for file, label in chosen:
        name = str(file.relative_to(path))
        try:
            count = aedat_extent(file)[1]
        except DataError:
            skipped.append(name)
            continue
        state.update(f"{file}|{count}|{file.stat().st_mtime_ns}\n".encode())
        parts += [_Part(file, first) for first in range(0, count - CHUNK + 1, CHUNK)]
        labels += [label] * (count // CHUNK)
    return Recordings(
        spec=spec,
        split=split,
        shape=SHAPE,
        classes=CLASSES,
        labels=np.array(labels, dtype=np.int64),
        names=tuple(f"{part.file.relative_to(path)}#{part.first // CHUNK}" for part in parts),
        read=_Reader(parts),
        strict=strict,
        skipped=tuple(skipped),
        fingerprint=state.hexdigest(),
    )


def downsample(events: np.ndarray) -> np.ndarray:
    """The same events on a map of half the width and height, times from 0 on."""
    first = events["t"][:1]
    return make_events(
        events["t"] - (first[0] if len(first) else 0),
        events["x"] // 2,
        events["y"] // 2,
        events["p"],
    )


def in_split(digit: int, recording: int, split: str) -> bool:
    """Whether a recording belongs to a split: 200 of the ids 1 to 1000 of a digit are for test."""
    place = chance(1000, 2**31 - 1, SPLIT_SEED, digit)
    tested = np.argsort(place, kind="stable")[:200]
    return bool((recording - 1) % 1000 in tested) == (split == "test")


def read_list(file: Path) -> list[tuple[str, int]]:
    """Names and labels from a list of recordings. Raises ``DataError``."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as fault:
        raise DataError(f"cannot read {file}: {fault}") from fault
    entries = []
    for number, line in enumerate(lines, start=1):
        name, _, label = line.rpartition("\t")
        if not line.strip():
            continue
        if not name or label.strip() not in CLASSES:
            raise DataError(
                f"{file}, line {number}: 'name<TAB>digit' was expected, got {line[:80]!r}"
            )
        entries.append((name, int(label)))
    return entries


def _listed(
    files: Sequence[Path], entries: Sequence[tuple[str, int]]
) -> tuple[list[tuple[Path, int]], list[str]]:
    by_name = {file.name: file for file in files}
    chosen, missing = [], []
    for name, label in entries:
        file = by_name.get(name.replace("\\", "/").rpartition("/")[2])
        if file is None:
            missing.append(name)
        else:
            chosen.append((file, label))
    return chosen, missing


def _drawn(files: Sequence[Path], split: str) -> list[tuple[Path, int]]:
    named = [(file, match) for file in files if (match := _NAME.fullmatch(file.name))]
    largest = max((match["scale"] for _, match in named), default="")
    return [
        (file, int(match["digit"]))
        for file, match in named
        if match["scale"] == largest and in_split(int(match["digit"]), int(match["id"]), split)
    ]


class _Reader:
    def __init__(self, parts: Sequence[_Part]):
        self.parts = tuple(parts)

    def __call__(self, index: int) -> np.ndarray:
        file, first = self.parts[index]
        return downsample(read_aedat(file, first, CHUNK))
