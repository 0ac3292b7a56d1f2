"""A worker process: ``python -m dynapdeploy.scale.worker``.

One JSON object per line on standard input is a piece of work, one per line on standard output its
outcome. When standard input ends, as it does when the parent dies, so does the worker, at once.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from typing import Any, TextIO

from dynapdeploy.garbage import collect_seldom
from dynapdeploy.scale.piece import perform


def main() -> None:
    """Work until there is no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    collect_seldom()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    pieces: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(sys.stdin, pieces), daemon=True).start()
    while True:
        outcome = perform(pieces.get())
        answers.write(json.dumps(outcome) + "\n")
        answers.flush()


def _read(lines: TextIO, pieces: queue.SimpleQueue[dict[str, Any]]) -> None:
    for line in lines:
        pieces.put(json.loads(line))
    os._exit(0)


if __name__ == "__main__":
    main()
