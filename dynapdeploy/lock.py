"""One process at a time works in an output folder."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import time
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from dynapdeploy.errors import OutputError
from dynapdeploy.files import output_folder

LOCK = ".dynapdeploy.lock"
WAIT_S = 3.0
"""How long a second process waits: workers of a killed process need a moment to end."""
_PAUSE_S = 0.05
_PART = re.compile(r"\.(.+)\.[^.]{8}\.part")


@contextmanager
def locked_folder(
    path: str | os.PathLike[str], own: Collection[str] = (), wait_s: float = WAIT_S
) -> Iterator[Path]:
    """Create the folder if need be and keep every other process out of it.

    The lock belongs to the operating system, which takes it back when the process ends, however it
    ends.

    Args:
        own: names of the files that only the holder of the lock writes; what a killed holder left
            of them under a temporary name is removed.
        wait_s: time that another process is given to end.

    Raises:
        OutputError: another process works there and does not end in ``wait_s`` seconds, or the
            folder cannot be written.
    """
    folder = output_folder(path)
    file = folder / LOCK
    handle = _held(file, time.monotonic() + wait_s)
    try:
        for left in folder.glob(".*.part"):
            part = _PART.fullmatch(left.name)
            if part and part[1] in own:
                left.unlink(missing_ok=True)
        yield folder
    finally:
        with contextlib.suppress(OSError):
            file.unlink()
        os.close(handle)


def _held(file: Path, deadline: float) -> int:
    """A handle that holds the lock on ``file``, on the very file that has this name now."""
    while True:
        try:
            handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as fault:
            raise OutputError(f"cannot write {file}: {fault.strerror or fault}") from fault
        if _taken(handle, file) and _same(handle, file):
            os.ftruncate(handle, 0)
            with contextlib.suppress(OSError):
                os.write(handle, f"process {os.getpid()} on {socket.gethostname()}".encode())
            return handle
        os.close(handle)
        if time.monotonic() > deadline:
            raise OutputError(
                f"{file.parent}: {_owner(file)} works in this folder; wait for it, or choose "
                "another folder"
            )
        time.sleep(_PAUSE_S)


def _taken(handle: int, file: Path) -> bool:
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError as fault:
        warnings.warn(
            f"{file.parent}: this file system knows no locks ({fault.strerror or fault}); nothing "
            "keeps a second process out of the folder",
            stacklevel=2,
        )
    return True


def _same(handle: int, file: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), file.stat())
    except OSError:
        return False


def _owner(file: Path) -> str:
    try:
        return file.read_text(errors="replace")[:200] or "another process"
    except OSError:
        return "another process"
