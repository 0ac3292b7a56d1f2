"""Accuracy by output spikes: the class with the most spikes, if it is the only one and not silent.

Ties and silence count as wrong, in the QReLU net and in the emulator alike.
"""

from __future__ import annotations

import numpy as np


def decisions(counts: np.ndarray) -> np.ndarray:
    """Class with the most spikes per sample, -1 where two share the most or none spikes.

    Args:
        counts: ``[n, classes]``, output spikes.

    Returns:
        int64 ``[n]``.
    """
    counts = np.asarray(counts)
    most = counts.max(axis=1)
    clear = ((counts == most[:, None]).sum(axis=1) == 1) & (most > 0)
    return np.where(clear, counts.argmax(axis=1), -1).astype(np.int64)


def accuracy(counts: np.ndarray, labels: np.ndarray) -> float:
    """Share of samples decided rightly, 0 to 1; ``counts`` ``[n, classes]``, ``labels`` ``[n]``."""
    return float((decisions(counts) == np.asarray(labels)).mean())
