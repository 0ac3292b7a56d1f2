"""Recordings through a target, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dynapdeploy.chip.image import ChipImage
from dynapdeploy.data.coding import encode
from dynapdeploy.data.dataset import Dataset, readable
from dynapdeploy.emulator import output_classes
from dynapdeploy.estimate import check_match, decide
from dynapdeploy.hardware.target import Response, Target, Watch


@dataclass(frozen=True, eq=False)
class Streamed:
    """One recording and what came back.

    Attributes:
        counts: output spikes per class.
        input_events: number of events sent.
    """

    name: str
    label: int | None
    input_events: int
    counts: np.ndarray
    response: Response

    @property
    def decision(self) -> int | None:
        """The class with the most output spikes; None where all are silent or two are level."""
        return decide(self.counts)


def stream_all(
    target: Target,
    image: ChipImage,
    dataset: Dataset,
    *,
    stretch: float = 1.0,
    watch: Watch | None = None,
) -> Iterator[Streamed]:
    """Every readable sample of ``dataset`` through ``target``, which has ``image`` loaded.

    States are reset before each. Errors: see :class:`~dynapdeploy.hardware.target.Target`;
    ``Mismatch`` where the samples cannot enter the image.
    """
    check_match(image, dataset)
    for _, sample in readable(dataset):
        events = encode(sample, image.input, image.input_shape)
        target.reset()
        response = target.stream(events, stretch=stretch, watch=watch)
        counts = class_counts(image, response.events)
        yield Streamed(sample.name, sample.label, len(events), counts, response)


def class_counts(image: ChipImage, output: np.ndarray) -> np.ndarray:
    """Output spikes per class, int64 ``[classes]``."""
    classes = output_classes(image, output)
    count = -(-image.output_features // image.readout_stride)
    return np.bincount(classes[classes >= 0], minlength=count)
