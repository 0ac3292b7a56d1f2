"""One recording in one file: .npz, .npy, N-MNIST .bin or AEDAT 2.0."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from dynapdeploy.data.aedat import SHAPE as DVS128_SHAPE
from dynapdeploy.data.aedat import read_aedat
from dynapdeploy.data.arrays import read_npy, read_npz
from dynapdeploy.data.nmnist import CLASSES, read_bin
from dynapdeploy.data.nmnist import SHAPE as NMNIST_SHAPE
from dynapdeploy.data.recordings import Recordings
from dynapdeploy.errors import DataError
from dynapdeploy.events import EVENT, Shape, checked_events, make_events

FOREIGN = {
    ".aedat4": "AEDAT 4",
    ".raw": "EVT (Prophesee RAW)",
    ".dat": "Prophesee DAT",
    ".h5": "HDF5",
    ".hdf5": "HDF5",
    ".bag": "a ROS bag",
}
"""Formats of recordings that are not read, by ending. tonic and the vendors' tools convert them."""
_MNIST_DVS_NAME = re.compile(r"mnist_(\d)_scale\d\d_")


def open_recording(spec: str, path: Path, split: str) -> Recordings:
    """A data set of one recording, the same for both splits.

    Its map is that of the camera for ``.bin`` (34x34) and ``.aedat`` (128x128), else as large as
    the events need. The label is the folder's name for ``.bin``, the digit in the name of an
    MNIST-DVS file, else unknown.

    Raises:
        DataError: no such file, a format that is not known, or a damaged file.
    """
    events, shape = read_recording(path)
    label = _label(path)
    return Recordings(
        spec=spec,
        split=split,
        shape=shape,
        classes=CLASSES if label is not None else (),
        labels=np.array([-1 if label is None else label]),
        names=(path.name,),
        read=[events].__getitem__,
        strict=True,
    )


def read_recording(path: Path) -> tuple[np.ndarray, Shape]:
    """Events ``[n]`` of one file and the map they lie in.

    * ``.npy``: a structured array with fields x, y, t, p, or four integer columns x, y, t, p.
    * ``.npz``: the same under the name ``events``, or four arrays x, y, t, p.
    * ``.bin``: N-MNIST.
    * ``.aedat``: AEDAT 2.0 of a DVS128; times are counted from the first event.

    Raises:
        DataError: no such file, a format that is not known, a damaged file, no events.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise DataError(f"events: {path} {what}, a recording was expected")
    ending = path.suffix.casefold()
    shape: Shape | None = None
    try:
        if ending == ".bin":
            events, shape = read_bin(path), NMNIST_SHAPE
        elif ending == ".aedat":
            events, shape = read_aedat(path), DVS128_SHAPE
            events["t"] -= events["t"][0] if len(events) else 0
        elif ending in (".npy", ".npz"):
            events = _read_numpy(path)
        else:
            foreign = FOREIGN.get(ending)
            what = f"{foreign} is not read" if foreign else "unknown kind of file"
            raise DataError(f"{what}, .npz, .npy, .bin or .aedat (2.0) was expected")
        events = checked_events(events, shape)
    except DataError as fault:
        raise DataError(f"{path}: {str(fault).removeprefix(f'{path}: ')}") from fault
    if not len(events):
        raise DataError(f"{path}: it holds no events")
    return events, shape or _extent(events)


def _read_numpy(path: Path) -> np.ndarray:
    if path.suffix.casefold() == ".npy":
        return _structured(read_npy(path))
    content = read_npz(path)
    if "events" in content:
        return _structured(content["events"])
    if {"x", "y", "t", "p"} <= set(content):
        return _structured(*(content[name] for name in "xytp"))
    raise DataError(
        f"an array 'events', or arrays x, y, t and p, were expected, "
        f"got {', '.join(content) or 'none'}"
    )


def _structured(*arrays: np.ndarray) -> np.ndarray:
    if len(arrays) == 1 and arrays[0].dtype.names is not None:
        return arrays[0]
    if len(arrays) == 1:
        if arrays[0].ndim != 2 or arrays[0].shape[1] != 4:
            raise DataError(f"columns x, y, t, p were expected, got shape {arrays[0].shape}")
        arrays = tuple(arrays[0].T)
    if any(column.ndim != 1 or len(column) != len(arrays[0]) for column in arrays):
        raise DataError(f"x, y, t, p of one length were expected, got {[a.shape for a in arrays]}")
    if any(column.dtype.kind not in "iub" for column in arrays):
        raise DataError(f"x, y, t, p must be integers, got {[str(a.dtype) for a in arrays]}")
    x, y, t, p = (column.astype(np.int64) for column in arrays)
    limit = np.iinfo(EVENT["x"]).max
    for name, column in (("x", x), ("y", y), ("p", p)):
        if len(column) and (column.min() < 0 or column.max() > limit):
            raise DataError(f"{name} must lie in 0..{limit}, got {column.min()}..{column.max()}")
    return make_events(t, x, y, p)


def _extent(events: np.ndarray) -> Shape:
    return int(events["p"].max()) + 1, int(events["y"].max()) + 1, int(events["x"].max()) + 1


def _label(path: Path) -> int | None:
    if path.suffix.casefold() == ".bin" and path.resolve().parent.name in CLASSES:
        return int(path.resolve().parent.name)
    match = _MNIST_DVS_NAME.match(path.name)
    return int(match[1]) if match else None
