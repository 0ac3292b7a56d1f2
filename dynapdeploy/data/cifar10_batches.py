"""The python batches of CIFAR-10, read without running anything that a pickle could carry.

A batch is a pickled dict. The few names that it mentions are answered by plain stand-ins in
this module; every other name is refused.
"""

from __future__ import annotations

import io
import pickle
import struct
from pathlib import Path

import numpy as np

from dynapdeploy.errors import DataError

_ROW = 3 * 32 * 32


class _RawType:
    """Stands for a numpy dtype."""

    def __init__(self, name=b"", *_):
        self.name = name if isinstance(name, bytes) else str(name).encode()

    def __setstate__(self, state):
        pass


class _RawArray:
    """Stands for a numpy array: keeps shape, type and bytes."""

    def __init__(self, *_):
        self.state: tuple = ()

    def __setstate__(self, state):
        self.state = tuple(state)

    def array(self) -> np.ndarray:
        _, shape, kind, fortran, content = self.state
        if kind.name not in (b"u1", b"uint8") or fortran:
            raise ValueError("not an array of bytes in C order")
        return np.frombuffer(content, np.uint8).reshape([int(size) for size in shape])


def _encoded(text: str, encoding: str = "latin1") -> bytes:
    """How Python 3 writes bytes into old pickles."""
    if encoding != "latin1":
        raise ValueError(f"bytes written as {encoding!r}, latin1 was expected")
    return text.encode("latin1")


class _PlainUnpickler(pickle._Unpickler):  # type: ignore[name-defined]
    """Python's own, not the one in C, whose memory a single wrong index can claim.

    Without the one instruction that takes memory before it looks how much there is to read.
    """

    dispatch = {  # noqa: RUF012
        code: do
        for code, do in pickle._Unpickler.dispatch.items()  # type: ignore[attr-defined]
        if code != pickle.BYTEARRAY8[0]
    }

    def find_class(self, module: str, name: str):
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return _RawArray
        if module == "numpy" and name in ("ndarray", "dtype"):
            return _RawArray if name == "ndarray" else _RawType
        if (module, name) == ("_codecs", "encode"):
            return _encoded
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no CIFAR-10 batch needs")


def read_batch(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 ``[n, 3, 32, 32]`` and int64 labels of one batch. Raises ``DataError``."""
    try:
        content = _PlainUnpickler(io.BytesIO(file.read_bytes()), encoding="bytes").load()
        images = content[b"data"].array().reshape(-1, _ROW).reshape(-1, 3, 32, 32)
        labels = np.array([int(label) for label in content[b"labels"]], dtype=np.int64)
    except OSError as fault:
        raise DataError(f"cannot read {file}: {fault.strerror or fault}") from fault
    except (
        pickle.UnpicklingError,
        EOFError,
        AssertionError,
        AttributeError,
        IndexError,
        KeyError,
        MemoryError,
        OverflowError,
        RecursionError,
        TypeError,
        ValueError,
        struct.error,
    ) as fault:
        raise DataError(f"{file}: not a CIFAR-10 python batch: {fault}") from fault
    if len(images) != len(labels):
        raise DataError(f"{file}: {len(images)} images, but {len(labels)} labels")
    return images, labels
