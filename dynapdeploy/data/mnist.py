"""MNIST: four IDX files, compressed with gzip or not."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from dynapdeploy.data.images import StillImages
from dynapdeploy.data.recordings import existing_folder
from dynapdeploy.errors import DataError

CLASSES = tuple("0123456789")
_PREFIX = {"train": "train", "test": "t10k"}
_UNSIGNED_BYTE = 0x08
LARGEST_FILE = 2**29
"""Bytes of an unpacked file, ten times MNIST."""


def open_mnist(spec: str, path: Path, split: str) -> StillImages:
    """The images ``[n, 1, 28, 28]`` of one split, pixel values 0 to 255, in the order of the files.

    Raises:
        DataError: a file is missing, truncated or no IDX file; images and labels differ in number.
    """
    existing_folder(spec, path)
    images = read_idx(_find(spec, path, f"{_PREFIX[split]}-images", "idx3-ubyte"), 3)
    labels = read_idx(_find(spec, path, f"{_PREFIX[split]}-labels", "idx1-ubyte"), 1)
    return StillImages(spec, split, CLASSES, labels.astype(np.int64), images[:, None])


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """The uint8 array in one IDX file: bytes 0, 0, type, number of dimensions, sizes as
    big-endian 32-bit integers, then the data.

    Raises:
        DataError: the file cannot be read, is truncated or holds something else.
    """
    try:
        with path.open("rb") as plain:
            packed = plain.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as stream:
            content = stream.read(LARGEST_FILE + 1)
    except (OSError, EOFError, zlib.error) as fault:
        raise DataError(f"{path}: cannot read it: {fault}") from fault
    if len(content) > LARGEST_FILE:
        raise DataError(f"{path}: more than {LARGEST_FILE:,} bytes, no such data set has them")
    start = 4 + 4 * dimensions
    if len(content) < start or content[:4] != bytes((0, 0, _UNSIGNED_BYTE, dimensions)):
        raise DataError(f"{path}: not an IDX file of bytes in {dimensions} dimensions")
    sizes = [int(size) for size in np.frombuffer(content, ">u4", dimensions, offset=4)]
    if 0 in sizes:
        raise DataError(f"{path}: it holds nothing, its sizes are {'x'.join(map(str, sizes))}")
    expected = start + math.prod(sizes)
    if len(content) != expected:
        raise DataError(
            f"{path}: truncated or damaged, sizes {'x'.join(map(str, sizes))} need "
            f"{expected} bytes, it has {len(content)}"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(sizes)


def _find(spec: str, folder: Path, stem: str, ending: str) -> Path:
    for joint in "-.":
        for packed in ("", ".gz"):
            file = folder / f"{stem}{joint}{ending}{packed}"
            if file.is_file():
                return file
    raise DataError(f"{spec}: no file {stem}-{ending} or {stem}-{ending}.gz in {folder}")
