"""Frames of recordings on disk: one zip file of arrays per data set, checked when read."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np

from dynapdeploy.data.arrays import read_npz
from dynapdeploy.errors import DataError, OutputError
from dynapdeploy.files import output_folder, replacing

_VERSION = 1


def cache_folder() -> Path | None:
    """Where frames are kept: ``DYNAPDEPLOY_CACHE``, else the user's cache folder.

    None where ``DYNAPDEPLOY_CACHE`` is empty or ``off``.
    """
    named = os.environ.get("DYNAPDEPLOY_CACHE")
    if named is not None:
        return None if named.casefold() in ("", "off") else Path(named).expanduser()
    root = os.environ.get("XDG_CACHE_HOME")
    if root:
        return Path(root) / "dynapdeploy"
    try:
        return Path.home() / ".cache" / "dynapdeploy"
    except RuntimeError:
        return None


def cache_file(key: str, cache: bool | str | Path) -> Path | None:
    """The file for the frames that ``key`` describes, None if nothing is to be kept."""
    if cache is False:
        return None
    folder = cache_folder() if cache is True else Path(cache)
    if folder is None:
        return None
    name = hashlib.sha256(f"{_VERSION} {key}".encode()).hexdigest()[:32]
    return folder / f"frames-{name}.npz"


def load_frames(file: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """Frames float32 ``[n, c, h, w]`` and labels; None where the file is missing or damaged."""
    try:
        arrays = read_npz(file)
        pixels, labels = arrays["frames"], arrays["labels"]
    except (DataError, KeyError):
        return None
    if (
        pixels.ndim != 4
        or pixels.dtype.kind not in "uf"
        or labels.shape != pixels.shape[:1]
        or labels.dtype != np.int64
    ):
        return None
    return pixels.astype(np.float32), labels


def store_frames(file: Path, pixels: np.ndarray, labels: np.ndarray) -> None:
    """Keep frames of whole counts. Where they cannot be written, nothing is kept."""
    small = pixels.max(initial=0) < 2**16
    try:
        output_folder(file.parent)
        with replacing(file) as temporary, temporary.open("wb") as stream:
            np.savez(
                stream, frames=pixels.astype(np.uint16 if small else np.float32), labels=labels
            )
    except OutputError:
        return
