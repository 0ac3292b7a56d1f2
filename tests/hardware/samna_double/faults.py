"""What may go wrong with a board, and when."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field


@dataclass
class Faults:
    """``calls``: by the name of a call, what its first, second ... use does: ``"ok"``, ``"raise"``,
    ``"hang"``, ``"vanish"`` (raises, and so does every call from then on), ``"none"`` (returns
    None). The rest concerns the events that come back.
    """

    calls: dict[str, list[str]] = field(default_factory=dict)
    in_use: bool = False
    vanish_after: int | None = None
    silent_after: int | None = None
    corrupt_every: int = 0
    late_by: int = 0
    endless: bool = False
    flip_on_apply: bool = False
    stale_power_stamps: bool = False
    no_power: bool = False

    def __post_init__(self) -> None:
        self.gone = False
        self.release = threading.Event()

    def meet(self, call: str) -> str:
        """Called at the start of each call; does what is due."""
        if self.gone and call not in ("close_device",):
            raise RuntimeError("device disconnected")
        waiting = self.calls.get(call)
        action = waiting.pop(0) if waiting else "ok"
        if action == "hang":
            self.release.wait(60)
            raise RuntimeError(f"{call}: transfer timed out")
        if action == "vanish":
            self.gone = True
        if action in ("raise", "vanish"):
            raise RuntimeError(f"{call}: usb transfer failed")
        return action
