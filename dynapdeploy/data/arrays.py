"""NumPy's files, read as if somebody meant harm by them: bounded memory, no object arrays."""

from __future__ import annotations

import io
import math
import os
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from dynapdeploy.errors import DataError

LARGEST_ARRAYS = 2**33
"""Bytes that the arrays of one file may have in all."""
_PACKING = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_LONGEST_HEADER = 10_000


def read_npy(path: Path) -> np.ndarray:
    """The array of a ``.npy`` file.

    Raises:
        DataError: it cannot be read, is damaged, claims more than the file holds, or holds objects.
    """
    try:
        with path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            return _array(stream, size)
    except (OSError, ValueError, EOFError, TypeError, MemoryError, OverflowError) as fault:
        raise DataError(f"{path}: cannot read it: {fault}") from fault


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """All arrays of a ``.npz`` file by name.

    Raises:
        DataError: as :func:`read_npy`, or its arrays have more than :data:`LARGEST_ARRAYS` bytes.
    """
    try:
        with zipfile.ZipFile(path) as packed:
            members = packed.infolist()
            if sum(member.file_size for member in members) > LARGEST_ARRAYS:
                raise DataError(f"{path}: it claims more than {LARGEST_ARRAYS:,} bytes")
            found = {}
            for member in members:
                if member.compress_type not in _PACKING:
                    raise DataError(f"{path}: it is packed in a way that NumPy does not use")
                with packed.open(member) as stream:
                    content = stream.read(member.file_size + 1)
                found[member.filename.removesuffix(".npy")] = _array(
                    io.BytesIO(content), len(content)
                )
            return found
    except (
        OSError,
        ValueError,
        EOFError,
        TypeError,
        KeyError,
        MemoryError,
        OverflowError,
        NotImplementedError,
        RuntimeError,
        zipfile.BadZipFile,
        zlib.error,
    ) as fault:
        raise DataError(f"{path}: cannot read it: {fault}") from fault


def _array(stream: BinaryIO, size: int) -> np.ndarray:
    """Read one array from ``size`` bytes. Raises ``ValueError`` where they do not hold it."""
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        read = np.lib.format.read_array_header_1_0
    elif version == (2, 0):
        read = np.lib.format.read_array_header_2_0
    else:
        raise ValueError(f"format {version[0]}.{version[1]} of .npy is not known")
    try:
        shape, fortran, dtype = read(stream, max_header_size=_LONGEST_HEADER)
    except (SyntaxError, RecursionError, tokenize.TokenError, MemoryError) as fault:
        raise ValueError(f"its header is damaged ({fault})") from fault
    if dtype.hasobject:
        raise ValueError("it holds Python objects, numbers were expected")
    if any(extent < 0 for extent in shape) or len(shape) > 8:
        raise ValueError(f"its shape {shape} makes no sense")
    claimed = math.prod(shape) * dtype.itemsize
    if claimed != size - stream.tell():
        raise ValueError(
            f"it claims {claimed:,} bytes of numbers and holds {size - stream.tell():,}"
        )
    flat = np.frombuffer(stream.read(claimed), dtype)
    return flat.reshape(shape, order="F" if fortran else "C").copy()
