"""Opens a NIR file in a process of its own: ``python -m dynapdeploy.graph.nir_process FILE``.

Writes an uncompressed ``.npz`` to standard output: ``paths``, and under ``"0"``, ``"1"``, ... the
values at these paths. What is wrong goes to standard error, exit code 2.
"""

from __future__ import annotations

import io
import sys
from typing import Any

import numpy as np

MAX_VALUES = 2**26
"""Numbers that a file may hold in all, 512 MiB of the widest: far more than any net for these chips
has. Text counts by its length, :data:`TEXT` numbers where the length is not said."""
TEXT = 1024

MAX_ITEMS = 100_000
"""Nodes and fields that a file may hold in all."""

MAX_DEPTH = 32
"""Groups within groups."""


class Refused(Exception):
    """Something in the file that a NIR file does not have."""


def contents(path: str) -> dict[str, np.ndarray]:
    """Every value below ``node``, by its path, nothing read from anywhere else.

    Raises:
        Refused: no NIR file, links, data in other files, foreign types, sizes beyond the limits.
    """
    import h5py

    found: dict[str, np.ndarray] = {}
    left = {"values": MAX_VALUES, "items": MAX_ITEMS}

    def walk(group: Any, where: str, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise Refused(f"{where} is nested more than {MAX_DEPTH} groups deep")
        for key in group:
            left["items"] -= 1
            if left["items"] < 0:
                raise Refused(f"more than {MAX_ITEMS:,} nodes and fields")
            inside = f"{where}/{key}" if where else key
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                raise Refused(f"{inside} is a link, data was expected")
            item = group[key]
            if isinstance(item, h5py.Group):
                walk(item, inside, depth + 1)
            elif isinstance(item, h5py.Dataset) and item.shape is not None:
                left["values"] -= _size(item, inside, left["values"])
                found[inside] = _value(item, inside)

    with h5py.File(path, "r") as opened:
        if "node" not in opened or not isinstance(opened["node"], h5py.Group):
            raise Refused("an HDF5 file, but no NIR file (it has no group 'node')")
        walk(opened["node"], "", 0)
    return found


def _size(data: Any, where: str, left: int) -> int:
    if data.external or data.is_virtual:
        raise Refused(f"{where} keeps its data in another file")
    size = TEXT if data.dtype.kind == "O" else -(-data.dtype.itemsize // 8)
    for extent in data.shape:
        size *= int(extent)
    if size > left:
        raise Refused(
            f"{where} has shape {data.shape} of {data.dtype}; a file may hold {MAX_VALUES:,} "
            "values in all"
        )
    return size


def _value(data: Any, where: str) -> np.ndarray:
    if data.dtype.kind not in "fiubSO":
        raise Refused(f"{where} holds {data.dtype}, numbers or text were expected")
    value = np.asarray(data[()])
    if value.dtype.kind in "fiub":
        return value
    texts = [t.decode("utf8") if isinstance(t, bytes) else t for t in value.reshape(-1).tolist()]
    if not all(isinstance(t, str) for t in texts):
        raise Refused(f"{where} holds neither numbers nor text")
    return np.array(texts, dtype=np.str_).reshape(value.shape)


def main(path: str) -> int:
    """Write what is in ``path`` to standard output; the exit code."""
    try:
        found = contents(path)
    except Refused as fault:
        print(fault, file=sys.stderr)
        return 2
    except Exception as fault:  # the HDF5 library reports damage through many kinds of exception
        first = (str(fault) or type(fault).__name__).splitlines()[0]
        print(f"damaged, it cannot be read as HDF5: {first}", file=sys.stderr)
        return 2
    packed = io.BytesIO()
    numbered = {str(i): value for i, value in enumerate(found.values())}
    numbered["paths"] = np.array(list(found), dtype=np.str_)
    np.savez(packed, allow_pickle=False, **numbered)
    sys.stdout.buffer.write(packed.getvalue())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
