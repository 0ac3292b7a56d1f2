"""Do pieces of work in any order that their dependences allow; outcomes as they come."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from dynapdeploy.scale.local import Here, Processes
from dynapdeploy.scale.piece import Piece, fault_in, kept


class Engine(Protocol):
    """Who does the work. ``room``: how many pieces are taken on at a time."""

    room: int

    def __enter__(self) -> Any: ...
    def __exit__(self, *fault: object) -> None: ...
    def submit(self, piece: Piece) -> None: ...
    def next(self) -> tuple[Piece, dict[str, Any]]: ...


def run_pieces(
    pieces: Sequence[Piece], *, workers: int = 1, scheduler: str | None = None
) -> Iterator[tuple[Piece, Any]]:
    """Each piece with what its task gave back, or with the error that it met, as they come.

    Those whose record is there come first and are not done again. A piece whose predecessor
    (``after``) met an error is left out.

    Args:
        workers: processes of this machine; 1 for this process itself.
        scheduler: address of a Dask scheduler, in place of this machine.

    Raises:
        EnvironmentLacks: dask.distributed is missing, or the scheduler cannot be reached any more.
    """
    left = []
    for piece in pieces:
        value = kept(piece)
        if value is None:
            left.append(piece)
        else:
            yield piece, value
    if left:
        with _engine(min(workers, len(left)), scheduler) as engine:
            yield from _all(left, engine)


def _engine(workers: int, scheduler: str | None) -> Engine:
    if scheduler is not None:
        from dynapdeploy.scale.cluster import Cluster

        return Cluster(scheduler)
    return Here() if workers == 1 else Processes(workers)


def _all(pieces: Sequence[Piece], engine: Engine) -> Iterator[tuple[Piece, Any]]:
    names = {piece.name for piece in pieces}
    followers: dict[str, list[Piece]] = {}
    ready: deque[Piece] = deque()
    for piece in pieces:
        if piece.after in names:
            followers.setdefault(str(piece.after), []).append(piece)
        else:
            ready.append(piece)
    running = 0
    while ready or running:
        while ready and running < engine.room:
            engine.submit(ready.popleft())
            running += 1
        piece, outcome = engine.next()
        running -= 1
        fault = fault_in(outcome, piece)
        yield piece, outcome["value"] if fault is None else fault
        if fault is None:
            ready.extend(followers.get(piece.name, ()))
