"""How good an image is on some recordings, in one number that a search can lower."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dynapdeploy.chip.image import ChipImage
from dynapdeploy.emulator import emulate_many, output_classes

POINTS_PER_DOUBLING = 0.003
"""Share of right decisions that halving the SynOps is worth."""
SAFE_MARGIN = 0.1
SAFE_SPIKES = 5
"""A decision is narrow that fewer spikes, or a smaller share of both counts, tell apart."""
MARGIN_WEIGHT = 0.1


@dataclass(frozen=True)
class Score:
    """What the emulator makes of some recordings.

    Attributes:
        samples: number of recordings.
        right: decided as their label says, None without labels.
        agreeing: decided as the reference does.
        undecided: without a single class of most output spikes; neither right nor agreeing.
        short_of_margin: mean lack of distance between the wanted class and the next, 0 to 1.
        synops_per_sample: mean over the recordings.
    """

    samples: int
    right: int | None
    agreeing: int
    undecided: int
    short_of_margin: float
    synops_per_sample: float

    @property
    def hits(self) -> int:
        """Decisions as wanted: by label where there are labels, else by the reference."""
        return self.agreeing if self.right is None else self.right

    @property
    def cost(self) -> float:
        """What the search lowers: share of misses, a little for narrow decisions, a little for
        every doubling of the SynOps.
        """
        misses = 1 - self.hits / self.samples
        doublings = math.log2(max(self.synops_per_sample, 1.0))
        return misses + MARGIN_WEIGHT * self.short_of_margin + POINTS_PER_DOUBLING * doublings


@dataclass(frozen=True, eq=False)
class Trial:
    """Recordings to judge images by.

    Attributes:
        recordings: input events, one array per sample.
        labels: int64 ``[n]``, -1 where unknown.
        decisions: of the reference, int64 ``[n]``, -1 where it has none.
        workers: threads side by side, None for one per processor.
    """

    recordings: Sequence[np.ndarray]
    labels: np.ndarray
    decisions: np.ndarray
    workers: int | None = None

    def judge(self, image: ChipImage) -> Score:
        """Run all recordings through ``image``."""
        runs = emulate_many(image, self.recordings, workers=self.workers)
        counts = np.stack([_class_counts(image, run.events) for run in runs])
        known = self.labels >= 0
        wanted = np.where(known, self.labels, self.decisions)
        decided = _decisions(counts)
        return Score(
            samples=len(runs),
            right=int((decided[known] == self.labels[known]).sum()) if known.all() else None,
            agreeing=int(((decided == self.decisions) & (decided >= 0)).sum()),
            undecided=int((decided < 0).sum()),
            short_of_margin=_shortage(counts, wanted),
            synops_per_sample=float(np.mean([sum(run.synops.values()) for run in runs])),
        )


def emulated_decisions(
    image: ChipImage, recordings: Sequence[np.ndarray], workers: int | None = None
) -> np.ndarray:
    """The class of most output spikes, int64 ``[n]``; -1 where all are silent or two are level."""
    runs = emulate_many(image, recordings, workers=workers)
    return _decisions(np.stack([_class_counts(image, run.events) for run in runs]))


def _class_counts(image: ChipImage, events: np.ndarray) -> np.ndarray:
    classes = output_classes(image, events)
    width = -(-image.output_features // image.readout_stride)
    return np.bincount(classes[classes >= 0], minlength=width)[:width]


def _decisions(counts: np.ndarray) -> np.ndarray:
    best = counts.max(axis=1)
    single = (counts == best[:, None]).sum(axis=1) == 1
    return np.where(single & (best > 0), counts.argmax(axis=1), -1)


def _shortage(counts: np.ndarray, wanted: np.ndarray) -> float:
    inside = (wanted >= 0) & (wanted < counts.shape[1])
    if not inside.any() or counts.shape[1] < 2:
        return 0.0
    rows, columns = counts[inside].astype(float), wanted[inside]
    hits = rows[np.arange(len(rows)), columns]
    rows[np.arange(len(rows)), columns] = -1
    others = rows.max(axis=1)
    needed = np.maximum(SAFE_SPIKES, SAFE_MARGIN * (hits + others))
    return float(np.clip(1 - (hits - others) / needed, 0, 1).mean())
