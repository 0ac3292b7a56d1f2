"""How many threads a part of the package may use."""

from __future__ import annotations

import os

THREADS = "DYNAPDEPLOY_THREADS"
"""Environment variable: threads that this process may use at most. Workers that share a machine
are started with it, so that they do not fight over its processors."""


def processors() -> int:
    """Processors that this process may use, at least 1, no more than ``DYNAPDEPLOY_THREADS``."""
    if hasattr(os, "sched_getaffinity"):
        present = len(os.sched_getaffinity(0))
    else:
        present = os.cpu_count() or 1
    allowed = os.environ.get(THREADS, "")
    return min(present, max(1, int(allowed))) if allowed.isdecimal() else present
