"""Pieces of work over processes of this machine: no port is opened, nothing is pickled."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from typing import Any

from dynapdeploy.processors import THREADS, processors
from dynapdeploy.scale.piece import MOST_TRIES, Piece, perform

Done = tuple[Piece, dict[str, Any]]


class Here:
    """Does each piece in this process when its outcome is asked for."""

    room = 1

    def __init__(self) -> None:
        self._waiting: list[Piece] = []

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *_: object) -> None:
        self._waiting.clear()

    def submit(self, piece: Piece) -> None:
        """Take a piece on."""
        self._waiting.append(piece)

    def next(self) -> Done:
        """A piece with its outcome."""
        piece = self._waiting.pop(0)
        return piece, perform(piece.request)


class Processes:
    """``count`` worker processes that share the processors of this machine among them.

    A worker that dies is replaced and its piece begun again, :data:`MOST_TRIES` times at most.
    """

    def __init__(self, count: int):
        self.room = count
        self._pieces: queue.SimpleQueue[Piece | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Done] = queue.SimpleQueue()
        self._running: set[subprocess.Popen[str]] = set()
        self._ending = threading.Event()
        self._guard = threading.Lock()
        self._threads = [threading.Thread(target=self._serve, daemon=True) for _ in range(count)]

    def __enter__(self) -> Processes:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._guard:
            self._ending.set()
            for process in self._running:
                process.kill()
        for _thread in self._threads:
            self._pieces.put(None)
        for thread in self._threads:
            thread.join()

    def submit(self, piece: Piece) -> None:
        """Take a piece on."""
        self._pieces.put(piece)

    def next(self) -> Done:
        """Wait for a piece; it and its outcome."""
        return self._done.get()

    @property
    def process_ids(self) -> list[int]:
        """Of the workers that run now."""
        with self._guard:
            return [process.pid for process in self._running]

    def _serve(self) -> None:
        process: subprocess.Popen[str] | None = None
        while (piece := self._pieces.get()) is not None and not self._ending.is_set():
            for _ in range(MOST_TRIES):
                try:
                    if process is None and (process := self._start()) is None:
                        return
                except OSError as fault:
                    message = f"{piece.name}: a worker process cannot be started ({fault})"
                    self._done.put((piece, {"kind": "EnvironmentLacks", "message": message}))
                    break
                answer = _ask(process, piece)
                if answer is not None:
                    self._done.put((piece, answer))
                    break
                code = self._bury(process)
                process = None
                if self._ending.is_set():
                    return
            else:
                message = (
                    f"{piece.name}: {MOST_TRIES} worker processes died over it, the last with exit "
                    f"code {code}; most likely the memory of this machine does not suffice"
                )
                self._done.put((piece, {"kind": "DeployError", "message": message}))
        if process is not None:
            process.kill()
            self._bury(process)

    def _start(self) -> subprocess.Popen[str] | None:
        share = str(max(1, processors() // self.room))
        path = os.pathsep.join(entry for entry in sys.path if entry)
        environment = {**os.environ, THREADS: share, "OMP_NUM_THREADS": share, "PYTHONPATH": path}
        with self._guard:
            if self._ending.is_set():
                return None
            process = subprocess.Popen(
                [sys.executable, "-m", "dynapdeploy.scale.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment,
                encoding="utf-8",
            )
            self._running.add(process)
        return process

    def _bury(self, process: subprocess.Popen[str]) -> int:
        code = process.wait()
        with self._guard:
            self._running.discard(process)
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:
                    continue
        return code


def _ask(process: subprocess.Popen[str], piece: Piece) -> dict[str, Any] | None:
    """The worker's answer; None if it died before the answer was whole."""
    if process.stdin is None or process.stdout is None:
        return None
    try:
        process.stdin.write(json.dumps(piece.request) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
    except OSError:
        return None
    return json.loads(line) if line.endswith("\n") else None
