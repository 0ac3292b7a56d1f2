"""What the chip makes of one sample: its spikes, its synaptic operations, its decision."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from dynapdeploy.chip.image import ChipImage
from dynapdeploy.data.coding import encode
from dynapdeploy.data.dataset import Dataset, Sample, readable
from dynapdeploy.emulator import Emulation, Emulator, Jitter, Settings, output_classes
from dynapdeploy.emulator.many import in_threads
from dynapdeploy.errors import Mismatch
from dynapdeploy.estimate.reach import reach_maps
from dynapdeploy.estimate.timing import Timing, timing_of
from dynapdeploy.events import Shape


@dataclass(frozen=True, eq=False)
class Outcome:
    """One sample on the chip.

    Attributes:
        name: of the sample.
        label: the right class, None if unknown.
        counts: output spikes per class.
        events: number of input events.
        duration_us: from the first input event to the last.
        spikes, synops: per physical core.
        dropped: spikes per physical core that were sent outside its input map.
        timing: when spikes and additions came; None where it was not asked for.
    """

    name: str
    label: int | None
    counts: np.ndarray
    events: int
    duration_us: int
    spikes: Mapping[int, int]
    synops: Mapping[int, int]
    dropped: Mapping[int, int]
    timing: Timing | None = field(default=None, repr=False)

    @property
    def decision(self) -> int | None:
        """The class with the most output spikes; None where all are silent or two are level."""
        return decide(self.counts)


def decide(counts: np.ndarray) -> int | None:
    """Index of the largest count; None if it is 0 or shared. No decision counts as a wrong one."""
    best = int(counts.max(initial=0))
    winners = np.flatnonzero(counts == best)
    return int(winners[0]) if best > 0 and len(winners) == 1 else None


def input_shape_of(image: ChipImage, dataset: Dataset) -> Shape:
    """Shape of the event map that ``dataset`` gives with the image's input coding."""
    channels, height, width = dataset.shape
    return (1 if image.input.merge_polarity else channels, height, width)


def check_match(image: ChipImage, dataset: Dataset) -> None:
    """Raise ``Mismatch`` where the samples cannot enter the image."""
    shape = input_shape_of(image, dataset)
    if shape != image.input_shape:
        raise Mismatch(
            f"{dataset.spec} gives events on {_text(shape)} (channels x height x width), "
            f"the image takes {_text(image.input_shape)}"
        )
    if dataset.kind == "images" and image.input.pixels is None:
        raise Mismatch(
            f"{dataset.spec} holds still images, but the image says nothing of how pixels become "
            "events (convert with --events-per-unit)"
        )


def outcomes(
    image: ChipImage,
    dataset: Dataset,
    *,
    settings: Settings | None = None,
    jitter: Jitter | None = None,
    workers: int = 1,
    window_us: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Iterator[Outcome]:
    """Run every readable sample of ``dataset`` through ``image``, state reset in between.

    Samples are read one after another; encoding, emulating and timing them is the threads' work.

    Args:
        settings: choices where no public source settles what the chip does.
        jitter: perturbation of what the chip leaves open.
        workers: threads side by side.
        window_us: note when spikes and additions came, in windows of this length; None: do not.
        progress: called with the number of samples done so far.

    Raises:
        Mismatch: the samples cannot enter the image.
    """
    check_match(image, dataset)
    shape = input_shape_of(image, dataset)
    maps = reach_maps(image) if window_us else {}
    monitor = [core.core for core in image.cores] if window_us else []
    first = Emulator(image, monitor=monitor, settings=settings, jitter=jitter)
    chips = deque([first, *(first.another() for _ in range(workers - 1))])

    def run(sample: Sample) -> Outcome:
        events = encode(sample, image.input, shape)
        chip = chips.popleft()
        try:
            chip.reset()
            chip.feed(events)
            found = chip.result()
        finally:
            chips.append(chip)
        timing = timing_of(image, maps, events, found, window_us) if window_us else None
        return _outcome(image, sample, events, found, timing)

    samples = (sample for _, sample in readable(dataset))
    for done, outcome in enumerate(in_threads(run, samples, workers), 1):
        yield outcome
        if progress:
            progress(done)


def _outcome(
    image: ChipImage, sample: Sample, events: np.ndarray, run: Emulation, timing: Timing | None
) -> Outcome:
    return Outcome(
        name=sample.name,
        label=sample.label,
        counts=class_counts(image, run.events),
        events=len(events),
        duration_us=int(events["t"][-1] - events["t"][0]) if len(events) else 0,
        spikes=run.spikes,
        synops=run.synops,
        dropped=run.dropped,
        timing=timing,
    )


def class_counts(image: ChipImage, output: np.ndarray) -> np.ndarray:
    """Output spikes per class, int64 ``[classes]``."""
    classes = output_classes(image, output)
    return np.bincount(classes[classes >= 0], minlength=class_count(image))


def class_count(image: ChipImage) -> int:
    """Number of classes that the image's output features stand for."""
    return -(-image.output_features // image.readout_stride)


def _text(shape: Shape) -> str:
    return "x".join(str(size) for size in shape)
