"""Calls of the vendor's library that can neither hang the program nor end in a traceback."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

from dynapdeploy.hardware.faults import BoardFault, BoardTimeout

_idle: list[SimpleQueue] = []
"""What the threads that have nothing to do take their next call from."""
os.register_at_fork(after_in_child=_idle.clear)


def call(what: str, seconds: float, function: Callable[..., Any], *arguments: Any) -> Any:
    """``function(*arguments)``, given up after ``seconds``.

    It runs in another thread, since a call that hangs inside the library cannot be stopped: the
    thread is left behind, and the program can still end. Otherwise the thread is used again: a
    Ctrl-C in the middle of starting one ends in ``RuntimeError``.

    Args:
        what: what is being done, for the message.

    Raises:
        BoardTimeout: no answer within ``seconds``.
        BoardFault: the library raised something; its text is in the message.
    """
    try:
        calls = _idle.pop()
    except IndexError:
        calls = SimpleQueue()
        threading.Thread(target=_work, args=(calls,), name="board", daemon=True).start()
    answer: SimpleQueue = SimpleQueue()
    calls.put((function, arguments, answer))
    try:
        found, fault = answer.get(timeout=seconds)
    except BaseException as stop:
        calls.put(None)
        if isinstance(stop, Empty):
            raise BoardTimeout(f"{what}: no answer within {seconds:g} s") from None
        raise
    _idle.append(calls)
    if fault is not None:
        raise BoardFault(f"{what}: {_text(fault)}") from fault
    return found


def _work(calls: SimpleQueue) -> None:
    while job := calls.get():
        function, arguments, answer = job
        try:
            answer.put((function(*arguments), None))
        except BaseException as fault:
            answer.put((None, fault))
        del job, function, arguments, answer


def _text(fault: BaseException) -> str:
    text = " ".join(str(fault).split()) or "no reason given"
    if isinstance(fault, AttributeError | TypeError):
        return f"samna does not behave as this version expects ({type(fault).__name__}: {text})"
    return text
