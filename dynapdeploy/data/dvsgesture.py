"""DVS gestures in tonic's folders: ``ibmGesture{Train,Test}/<user>_<light>/<label>.npy``.

tonic's own class is not used to open them: without its archive it would begin a download.
"""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path

import numpy as np

from dynapdeploy.data.arrays import read_npy
from dynapdeploy.data.recordings import Recordings, existing_folder
from dynapdeploy.errors import DataError
from dynapdeploy.events import Shape, make_events

SHAPE: Shape = (2, 128, 128)
_FOLDER = {"train": "ibmGestureTrain", "test": "ibmGestureTest"}
_MS = 1000


def open_dvsgesture(spec: str, path: Path, split: str, strict: bool) -> Recordings:
    """The recordings of one split, one gesture each, ordered by user and label.

    ``path`` holds ``ibmGestureTrain`` and ``ibmGestureTest``, or tonic's folder ``DVSGesture``.

    Raises:
        DataError: no such folder, no recordings.
    """
    from tonic.datasets import DVSGesture

    classes = tuple(DVSGesture.classes)
    roots = (existing_folder(spec, path), path / "DVSGesture")
    folder = next(
        (root / _FOLDER[split] for root in roots if (root / _FOLDER[split]).is_dir()), None
    )
    if folder is None:
        raise DataError(
            f"{spec}: no {split} split in {path}: a folder {_FOLDER[split]} was expected"
        )
    labelled = {str(label): label for label in range(len(classes))}
    files = tuple(file for file in sorted(folder.rglob("*.npy")) if file.stem in labelled)
    state = hashlib.sha256()
    for file in files:
        status = file.stat()
        state.update(f"{file}|{status.st_size}|{status.st_mtime_ns}\n".encode())
    return Recordings(
        spec=spec,
        split=split,
        shape=SHAPE,
        classes=classes,
        labels=np.array([labelled[file.stem] for file in files], dtype=np.int64),
        names=tuple(str(file.relative_to(folder)) for file in files),
        read=partial(_read, files),
        strict=strict,
        fingerprint=state.hexdigest(),
    )


def _read(files: tuple[Path, ...], index: int) -> np.ndarray:
    """Four columns x, y, p and t in milliseconds."""
    columns = read_npy(files[index])
    if columns.ndim != 2 or columns.shape[1] != 4 or columns.dtype.kind not in "iuf":
        raise DataError(f"columns x, y, p, t were expected, got {columns.dtype} {columns.shape}")
    if columns.dtype.kind == "f" and not np.isfinite(columns).all():
        raise DataError("a value is not finite")
    if (np.abs(columns[:, :3]) > np.iinfo(np.int16).max).any():
        raise DataError("an address is out of range")
    x, y, p, t = columns.T
    return make_events((t * _MS).astype(np.int64), x, y, p)
