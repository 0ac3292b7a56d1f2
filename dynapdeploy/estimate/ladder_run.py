"""Run the rungs of the accuracy ladder on the same samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np

from dynapdeploy.chip.compile import Compilation
from dynapdeploy.chip.image import ChipImage
from dynapdeploy.data.coding import encode
from dynapdeploy.data.dataset import Dataset, Subset, readable
from dynapdeploy.data.frames import frame
from dynapdeploy.emulator import Settings, emulate_each
from dynapdeploy.errors import DataError, SourceError
from dynapdeploy.estimate.ladder import Ladder, Results, RungResult, compare, joined
from dynapdeploy.estimate.outcome import check_match, class_counts, decide, input_shape_of
from dynapdeploy.estimate.parts import SAMPLES
from dynapdeploy.estimate.rates import rate_rung
from dynapdeploy.estimate.step_run import step_rung
from dynapdeploy.estimate.stepwise import image_graph, network_graph
from dynapdeploy.sources import Source

STEP_US = 1000
KEYS = ("float", "qrelu", "snn", "quantized", "emulator")
ABSENT = "only the image is at hand, not the net it was made from"
Progress = Callable[[int, int, str], None]
Found = TypeVar("Found")
Rungs = Mapping[str, Callable[["Inputs"], RungResult] | str]


@dataclass(frozen=True, eq=False)
class Inputs:
    """The events that enter the chip, sample by sample.

    Attributes:
        names, events: of the samples.
        labels: int64 ``[n]``, -1 where unknown.
        counts: float32 ``[n, c, h, w]``, events per place.
    """

    names: tuple[str, ...]
    labels: np.ndarray
    events: tuple[np.ndarray, ...]
    counts: np.ndarray


def read_inputs(image: ChipImage, dataset: Dataset) -> Inputs:
    """Read and encode all readable samples.

    Raises:
        Mismatch: the samples cannot enter the image.
    """
    check_match(image, dataset)
    shape = input_shape_of(image, dataset)
    names, labels, events = [], [], []
    for _, sample in readable(dataset):
        names.append(sample.name)
        labels.append(-1 if sample.label is None else sample.label)
        events.append(encode(sample, image.input, shape))
    counts = np.stack([frame(found, shape) for found in events] or [np.empty(shape, np.float32)])
    return Inputs(tuple(names), np.array(labels, np.int64), tuple(events), counts[: len(names)])


def rungs(
    source: Source | None,
    compilation: Compilation | None,
    image: ChipImage,
    step_us: int = STEP_US,
    settings: Settings | None = None,
    workers: int = 1,
) -> Rungs:
    """What runs each rung but the board's, or why it is skipped.

    Args:
        source, compilation: of the net; None where only an image is at hand, which has no float
            rungs.
        step_us: length of a time step in the simulations.
        workers: threads for the emulator.
    """

    def rate(rounded: bool) -> Callable[[Inputs], RungResult] | str:
        if source is None:
            return ABSENT
        graph = source.untuned or source.graph
        return lambda inputs: rate_rung(graph, image, inputs, rounded)

    found: dict[str, Callable[[Inputs], RungResult] | str] = {
        "float": rate(False),
        "qrelu": rate(True),
        "snn": ABSENT,
        "emulator": partial(_emulated, image, settings, workers),
    }
    if compilation is not None:
        network = compilation.network
        found["snn"] = _or_reason(lambda: step_rung(network_graph(network), image, step_us))
    found["quantized"] = _or_reason(lambda: step_rung(image_graph(image), image, step_us))
    return {key: found[key] for key in KEYS}


def climb(
    source: Source | None,
    compilation: Compilation | None,
    image: ChipImage,
    dataset: Dataset,
    *,
    step_us: int = STEP_US,
    settings: Settings | None = None,
    workers: int = 1,
    board: str | Callable[[], RungResult] = "no board was asked for",
    progress: Progress | None = None,
) -> Ladder:
    """Run every rung, on some samples at a time.

    Args:
        source, compilation, step_us, workers: see :func:`rungs`.
        board: runs the last rung, or says why it is skipped.

    Raises:
        Mismatch: the samples cannot enter the image.
        DataError: there is no sample that can be read.
    """
    ways = rungs(source, compilation, image, step_us, settings, workers)
    parts = []
    for first in range(0, len(dataset), SAMPLES):
        chosen = range(first, min(first + SAMPLES, len(dataset)))
        tell = partial(progress, first, len(dataset)) if progress else None
        parts.append(climb_part(ways, image, Subset(dataset, chosen), tell))
    if progress:
        progress(len(dataset), len(dataset), "")
    return lined_up(image, dataset, parts, step_us, board)


@dataclass(frozen=True, eq=False)
class Part:
    """What the rungs gave for some samples. ``labels``: -1 where unknown."""

    names: tuple[str, ...]
    labels: np.ndarray
    results: Results


def climb_part(
    ways: Rungs, image: ChipImage, dataset: Dataset, tell: Callable[[str], None] | None = None
) -> Part:
    """Run every rung on the samples of a part, which may turn out to be none."""
    inputs = read_inputs(image, dataset)
    results: dict[str, RungResult | str] = {}
    for key, way in ways.items() if inputs.names else ():
        if tell:
            tell(key)
        results[key] = way if isinstance(way, str) else _or_reason(partial(way, inputs))
    return Part(inputs.names, inputs.labels, results)


def lined_up(
    image: ChipImage,
    dataset: Dataset,
    parts: Sequence[Part],
    step_us: int,
    board: str | Callable[[], RungResult],
) -> Ladder:
    """The ladder that the parts make, the board's rung last.

    Raises:
        DataError: there is no sample that could be read.
    """
    parts = [part for part in parts if part.names]
    if not parts:
        raise DataError(f"{dataset.spec}: no sample that can be read")
    return compare(
        {
            **joined([part.results for part in parts]),
            "board": board if isinstance(board, str) else board(),
        },
        [name for part in parts for name in part.names],
        np.concatenate([part.labels for part in parts]),
        [core.name for core in image.cores],
        step_us,
        _notes(image),
    )


def _or_reason(run: Callable[[], Found]) -> Found | str:
    try:
        return run()
    except SourceError as fault:
        return str(fault)


def _emulated(
    image: ChipImage, settings: Settings | None, workers: int, inputs: Inputs
) -> RungResult:
    decisions = []
    spikes, synops = (dict.fromkeys((core.name for core in image.cores), 0) for _ in range(2))
    for run in emulate_each(image, inputs.events, workers=workers, settings=settings):
        decision = decide(class_counts(image, run.events))
        decisions.append(-1 if decision is None else decision)
        for core in image.cores:
            spikes[core.name] += run.spikes[core.core]
            synops[core.name] += run.synops[core.core]
    return RungResult(np.array(decisions, np.int64), spikes, synops)


def _notes(image: ChipImage) -> list[str]:
    notes = [
        "in time steps a neuron may fire several times per step, and its lower bound acts once per "
        "step; on the chip both happen event by event",
        "float and QReLU have no time: a negative sum is cut off once, at the end; of a training "
        "run they take the weights before fine-tuning on the emulator, all other rungs those after",
    ]
    if any(core.bias is not None for core in image.cores):
        notes.append(
            "biases act once per time step, on the chip at every tick of the slow clock; the "
            "emulator runs without one unless it is set"
        )
    return notes
