"""Random numbers that no version of numpy and no machine changes."""

from __future__ import annotations

import numpy as np


def chance(count: int, below: int, *seed: int) -> np.ndarray:
    """int64 ``[count]`` from 0 to ``below - 1``, the same on every machine and numpy version."""
    raw = np.random.PCG64(np.random.SeedSequence(seed)).random_raw(count)
    return ((raw >> np.uint64(33)).astype(np.int64) * below) >> 31
