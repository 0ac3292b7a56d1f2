"""How long a board may take, and the clock that measures it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Times in seconds. The defaults are this package's own choice, untested on a board.

    Attributes:
        call: for one call of the vendor's library.
        apply: for writing a whole configuration.
        settle: waited after a configuration was written (sinabs 3.1.3 waits 1 s).
        lead: between the start of the board's stop-watch and the first input event.
        ahead: events are handed over this long before they are due.
        poll: between two looks at what came out.
        quiet: without a new event for this long after the end of the input, all has come.
        tail: after the end of the input, no longer than this.
        now, sleep: the clock.
    """

    call: float = 5.0
    apply: float = 20.0
    settle: float = 1.0
    lead: float = 0.05
    ahead: float = 0.5
    poll: float = 0.01
    quiet: float = 0.1
    tail: float = 10.0
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
