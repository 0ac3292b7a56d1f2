"""Files are written to a temporary name beside the target, synced, then moved over it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dynapdeploy.errors import OutputError


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path in the folder of ``path``; on success it takes the place of ``path``.

    If the body raises, the temporary file is removed and ``path`` stays as it was.
    Raises ``OutputError`` where the folder is missing, read-only or full.
    """
    target = Path(path)
    if target.is_dir():
        raise OutputError(f"cannot write {target}: it is a folder, a file name was expected")
    if target.exists() and not target.is_file():
        raise OutputError(f"cannot write {target}: it is a device or a pipe, no plain file")
    try:
        handle, name = tempfile.mkstemp(
            prefix=f".{target.name[:80]}.", suffix=".part", dir=target.parent
        )
        os.close(handle)
    except OSError as fault:
        raise OutputError(f"cannot write {target}: {fault.strerror or fault}") from fault
    temporary = Path(name)
    try:
        yield temporary
        _sync(temporary)
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(target)
        _sync(target.parent)
    except OSError as fault:
        raise OutputError(f"cannot write {target}: {fault.strerror or fault}") from fault
    finally:
        temporary.unlink(missing_ok=True)


def not_the_input(output: str | os.PathLike[str], *inputs: str | os.PathLike[str]) -> None:
    """Raise ``OutputError`` where ``output`` is the same file as one of ``inputs``.

    An input may be a ``file.py:factory``.
    """
    for source in map(str, inputs):
        for path in filter(None, (source, source.rpartition(":")[0])):
            if Path(path).exists() and Path(output).exists() and Path(output).samefile(path):
                raise OutputError(f"cannot write {output}: it is the input, which is never changed")


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Write ``content`` to ``path``, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: str | os.PathLike[str], content: str) -> None:
    """Write ``content`` to ``path`` as UTF-8, whole or not at all."""
    write_bytes(path, content.encode())


def output_folder(path: str | os.PathLike[str]) -> Path:
    """Create the folder ``path`` if need be; raise ``OutputError`` where that is not possible."""
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise OutputError(
            f"cannot create the folder {folder}: {fault.strerror or fault}"
        ) from fault
    if not os.access(folder, os.W_OK):
        raise OutputError(
            f"cannot write into the folder {folder}: permission denied, or a read-only disk"
        )
    return folder


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
