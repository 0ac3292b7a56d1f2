"""Calls of the vendor's library that can neither hang the program nor end in a traceback."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from dynapdeploy.hardware.faults import BoardFault, BoardTimeout


def call(what: str, seconds: float, function: Callable[..., Any], *arguments: Any) -> Any:
    """``function(*arguments)``, given up after ``seconds``.

    It runs in a thread of its own, since a call that hangs inside the library cannot be stopped:
    the thread is left behind, and the program can still end.

    Args:
        what: what is being done, for the message.

    Raises:
        BoardTimeout: no answer within ``seconds``.
        BoardFault: the library raised something; its text is in the message.
    """
    answer: list[Any] = []
    fault: list[BaseException] = []

    def work() -> None:
        try:
            answer.append(function(*arguments))
        except BaseException as found:
            fault.append(found)

    thread = threading.Thread(target=work, name=f"board: {what}", daemon=True)
    thread.start()
    thread.join(seconds)
    if fault:
        raise BoardFault(f"{what}: {_text(fault[0])}") from fault[0]
    if not answer:
        raise BoardTimeout(f"{what}: no answer within {seconds:g} s")
    return answer[0]


def _text(fault: BaseException) -> str:
    text = " ".join(str(fault).split()) or "no reason given"
    if isinstance(fault, AttributeError | TypeError):
        return f"samna does not behave as this version expects ({type(fault).__name__}: {text})"
    return text
