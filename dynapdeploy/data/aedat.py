"""AEDAT 2.0 files of a DVS128.

Lines that start with ``#``, then per event an address and a time in us, both big-endian unsigned
32-bit integers. The convention here: ``x = address >> 1 & 127``, ``y = address >> 8 & 127``,
``p = address & 1``, nothing mirrored. Words with bit 15 set are no pixel's and are left out.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dynapdeploy.errors import DataError
from dynapdeploy.events import Shape, make_events

SHAPE: Shape = (2, 128, 128)
_EVENT_BYTES = 8
_SPECIAL = 0x8000
_WRAP = 2**32


def read_aedat(file: Path, first: int = 0, count: int | None = None) -> np.ndarray:
    """``count`` events from ``first`` on, all the rest for None.

    Times are as stored, read as unsigned; where they wrap around at 2^32, they go on rising.

    Raises:
        DataError: the file cannot be read, is truncated, or is no AEDAT 2.0 file of a DVS128.
    """
    start, _ = aedat_extent(file)
    items = -1 if count is None else 2 * count
    try:
        words = np.fromfile(file, ">u4", items, offset=start + first * _EVENT_BYTES).astype(
            np.int64
        )
    except OSError as fault:
        raise DataError(f"cannot read {file}: {fault.strerror or fault}") from fault
    address, t = words.reshape(-1, 2).T
    foreign = np.flatnonzero(address >> 16)
    if len(foreign):
        raise DataError(
            f"{file}: event {first + foreign[0]} has address {address[foreign[0]]:#x}, "
            f"more than the 16 bits of a DVS128"
        )
    t = t + _WRAP * np.cumsum(np.diff(t, prepend=t[:1]) < -(_WRAP // 2))
    keep = (address & _SPECIAL) == 0
    address, t = address[keep], t[keep]
    return make_events(t, address >> 1 & 127, address >> 8 & 127, address & 1)


def aedat_extent(file: Path) -> tuple[int, int]:
    """Where the events begin, in bytes, and how many there are. Raises ``DataError``."""
    try:
        with file.open("rb") as stream:
            line = stream.readline(1000)
            if not line.startswith(b"#!AER-DAT2.0"):
                version = line[9:24].strip().decode("ascii", "replace")
                what = f"AEDAT {version}" if line.startswith(b"#!AER-DAT") else f"{line[:16]!r}"
                raise DataError(f"{file}: an AEDAT 2.0 file was expected, got {what}")
            start = len(line)
            while (line := stream.readline(100_000)).startswith(b"#"):
                start += len(line)
        size = file.stat().st_size - start
    except OSError as fault:
        raise DataError(f"cannot read {file}: {fault.strerror or fault}") from fault
    if size == 0 or size % _EVENT_BYTES:
        raise DataError(
            f"{file}: truncated, {size} bytes after the header are no whole number of "
            f"{_EVENT_BYTES}-byte events"
        )
    return start, size // _EVENT_BYTES
