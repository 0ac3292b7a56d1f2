"""A task that does what it is told: for trying out workers, clusters, and their deaths."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dynapdeploy.errors import DataError
from dynapdeploy.processors import processors

TRIAL = "dynapdeploy.scale.trial:trial"


def trial(arguments: Mapping[str, Any], place: Mapping[str, str]) -> dict[str, Any]:
    """Give ``value`` back, after ``sleep`` seconds.

    Before that: ``say`` prints, ``tell`` makes a file named after this process in that folder,
    ``die_once`` makes a file of this name and kills the process if there was none, ``die`` kills it
    always, ``refuse`` and ``fail`` raise, ``threads`` gives back how many threads it may use.
    """
    if "say" in arguments:
        print(arguments["say"], flush=True)
    if "tell" in arguments:
        (Path(arguments["tell"]) / str(os.getpid())).touch()
    once = Path(arguments["die_once"]) if "die_once" in arguments else None
    if "die" in arguments or (once is not None and once.parent.is_dir() and not once.exists()):
        if once is not None:
            once.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if "refuse" in arguments:
        raise DataError(arguments["refuse"])
    if "fail" in arguments:
        raise ArithmeticError(arguments["fail"])
    time.sleep(arguments.get("sleep", 0))
    return {"value": processors() if "threads" in arguments else arguments.get("value")}
