"""Pieces of work over an existing Dask cluster."""

from __future__ import annotations

import asyncio
import os
import queue
import threading
import time
import uuid
from concurrent.futures import CancelledError
from typing import Any

from dynapdeploy.errors import EnvironmentLacks
from dynapdeploy.processors import THREADS
from dynapdeploy.scale.piece import MOST_TRIES, Piece, perform

REACHED_IN_S = 15.0
"""Time for the scheduler to answer at first."""
GONE_AFTER_S = 20.0
"""A scheduler that was lost is waited for this long."""
_PAUSE_S = 0.5
_ONE_AT_A_TIME = threading.Lock()
"""A piece has all threads of its worker, and training uses torch's global state."""


class Cluster:
    """The workers of the Dask scheduler at ``address``.

    A piece whose worker dies is begun again by Dask on another worker, and here once more where
    Dask gives it up.

    Raises:
        EnvironmentLacks: dask.distributed is missing, the scheduler cannot be reached, or is gone.
    """

    def __init__(self, address: str):
        self.address = address
        self._distributed = _distributed()
        self._tries: dict[str, int] = {}
        self._futures: dict[Any, Piece] = {}
        self._settled: queue.SimpleQueue[Any] = queue.SimpleQueue()
        try:
            self._client = self._distributed.Client(
                address, timeout=REACHED_IN_S, set_as_default=False
            )
        except (OSError, ValueError, TimeoutError, TypeError) as fault:
            raise EnvironmentLacks(
                f"the Dask scheduler {address} cannot be reached ({fault or type(fault).__name__})"
            ) from fault
        threads = sum(self._client.nthreads().values())
        self.room = max(64, 4 * threads)

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self._futures.clear()
        self._client.close(timeout=2)

    def submit(self, piece: Piece) -> None:
        """Take a piece on."""
        self._tries[piece.name] = self._tries.get(piece.name, 0) + 1
        try:
            future = self._client.submit(
                there,
                piece.request,
                key=f"{piece.name}-{uuid.uuid4().hex}",
                pure=False,
            )
        except OSError as fault:
            raise self._gone() from fault
        self._watch(piece, future)

    def _watch(self, piece: Piece, future: Any) -> None:
        self._futures[future] = piece
        future.add_done_callback(self._settled.put)

    def next(self) -> tuple[Piece, dict[str, Any]]:
        """Wait for a piece; it and its outcome."""
        seen = time.monotonic()
        while True:
            try:
                future = self._settled.get(timeout=_PAUSE_S)
            except queue.Empty:
                if self._client.status == "running":
                    seen = time.monotonic()
                elif time.monotonic() - seen > GONE_AFTER_S:
                    raise self._gone() from None
                continue
            piece = self._futures.pop(future)
            answer = self._answer(piece, future)
            if answer is not None:
                return piece, answer

    def _answer(self, piece: Piece, future: Any) -> dict[str, Any] | None:
        """The outcome; None where the piece had to be begun again.

        An outcome that was not fetched yet dies with its worker; Dask then does the piece again.
        """
        if future.status == "finished":
            try:
                return future.result(timeout=GONE_AFTER_S)
            except (OSError, TimeoutError, CancelledError, asyncio.CancelledError) as fault:
                if not isinstance(fault, TimeoutError) or self._client.status != "running":
                    raise self._gone() from fault
        if future.status in ("finished", "pending", "lost"):
            self._watch(piece, future)
            return None
        if future.status != "error":
            raise self._gone()
        met = future.exception()
        killed = isinstance(met, self._distributed.scheduler.KilledWorker)
        if killed and self._tries[piece.name] < MOST_TRIES:
            self.submit(piece)
            return None
        kind = "DeployError" if killed else ""
        return {"kind": kind, "message": f"{type(met).__name__}: {met}"}

    def _gone(self) -> EnvironmentLacks:
        return EnvironmentLacks(
            f"the Dask scheduler {self.address} is gone; what was finished is kept, "
            "--resume goes on from there"
        )


def there(request: dict[str, Any]) -> dict[str, Any]:
    """Do a piece on a worker of the cluster, with as many threads as Dask gave that worker."""
    from distributed import get_worker

    os.environ.setdefault(THREADS, str(get_worker().state.nthreads))
    with _ONE_AT_A_TIME:
        return perform(request)


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as fault:
        raise EnvironmentLacks(
            "--scheduler needs dask.distributed: pip install 'dynapdeploy[cluster]'"
        ) from fault
    return distributed
