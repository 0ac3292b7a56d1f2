"""Recordings and still images: readers, and the way between events and frames."""

from dynapdeploy.data.dataset import DamagedRecording, Dataset, Sample, Subset, draw, readable
from dynapdeploy.data.opening import KINDS, open_dataset
from dynapdeploy.data.selection import Selection

__all__ = [
    "KINDS",
    "DamagedRecording",
    "Dataset",
    "Sample",
    "Selection",
    "Subset",
    "draw",
    "open_dataset",
    "readable",
]
