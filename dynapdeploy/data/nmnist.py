"""N-MNIST: ``{Train,Test}/<label>/<id>.bin``, 34x34 pixels, two polarities (tonic's folders)."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path

import numpy as np

from dynapdeploy.data.recordings import Recordings, existing_folder
from dynapdeploy.errors import DataError
from dynapdeploy.events import EVENT, Shape

SHAPE: Shape = (2, 34, 34)
RECORD_BYTES = 5
CLASSES = tuple("0123456789")
_FILLED_BY_TONIC = np.dtype(
    {"names": ["x", "y", "t", "p"], "formats": ["i2", "i2", "i8", "i2"], "offsets": [8, 10, 0, 12]}
)
""":data:`EVENT` with its fields in the order in which tonic fills them."""


def open_nmnist(spec: str, path: Path, split: str, strict: bool) -> Recordings:
    """The recordings of one split, ordered by label and file name.

    ``path`` is the folder with ``Train`` and ``Test`` in it, or one of these two. Files whose size
    is no multiple of five bytes are found damaged at once, others at reading.

    Raises:
        DataError: no such folder, no such split, no recordings; damaged ones if ``strict``.
    """
    folder = _split_folder(spec, existing_folder(spec, path), split)
    files, labels, skipped = [], [], []
    state = hashlib.sha256()
    for label in CLASSES:
        if not (folder / label).is_dir():
            continue
        for file in sorted((folder / label).glob("*.bin")):
            status = file.stat()
            state.update(f"{file}|{status.st_size}|{status.st_mtime_ns}\n".encode())
            if status.st_size == 0 or status.st_size % RECORD_BYTES:
                skipped.append(str(file.relative_to(folder)))
                continue
            files.append(file)
            labels.append(int(label))
    return Recordings(
        spec=spec,
        split=split,
        shape=SHAPE,
        classes=CLASSES,
        labels=np.array(labels, dtype=np.int64),
        names=tuple(str(file.relative_to(folder)) for file in files),
        read=partial(_read, tuple(files)),
        strict=strict,
        skipped=tuple(skipped),
        fingerprint=state.hexdigest(),
    )


def read_bin(file: Path) -> np.ndarray:
    """The events of one ``.bin`` file of N-MNIST. Raises ``DataError`` where it is no such file."""
    from tonic.io import read_mnist_file

    try:
        size = file.stat().st_size
        if size == 0 or size % RECORD_BYTES:
            raise DataError(f"{size} bytes are no whole number of {RECORD_BYTES}-byte events")
        return read_mnist_file(str(file), dtype=_FILLED_BY_TONIC).view(EVENT)
    except OSError as fault:
        raise DataError(f"cannot read it: {fault.strerror or fault}") from fault


def _read(files: tuple[Path, ...], index: int) -> np.ndarray:
    return read_bin(files[index])


def _split_folder(spec: str, path: Path, split: str) -> Path:
    if path.name.casefold() in ("train", "test") and _has_classes(path):
        if path.name.casefold() != split:
            raise DataError(
                f"{spec}: {path} is the {path.name} split, the {split} split was asked for"
            )
        return path
    found = {entry.name.casefold(): entry for entry in path.iterdir() if entry.is_dir()}
    if split in found:
        return found[split]
    other = "test" if split == "train" else "train"
    if other in found:
        raise DataError(f"{spec}: no {split} split in {path}, only {found[other].name}")
    raise DataError(
        f"{spec}: no recordings in {path}: folders Train and Test with one folder per label "
        f"(Train/7/00042.bin) were expected"
    )


def _has_classes(path: Path) -> bool:
    return any((path / label).is_dir() for label in CLASSES)
