"""Run the rungs of the accuracy ladder on the same samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from dynapdeploy.chip.compile import Compilation
from dynapdeploy.chip.image import ChipImage
from dynapdeploy.data.coding import encode
from dynapdeploy.data.dataset import Dataset, readable
from dynapdeploy.data.frames import frame
from dynapdeploy.emulator import Settings
from dynapdeploy.errors import DataError, SourceError
from dynapdeploy.estimate.ladder import Ladder, RungResult, compare
from dynapdeploy.estimate.outcome import check_match, input_shape_of, outcomes
from dynapdeploy.estimate.rates import rate_rung
from dynapdeploy.estimate.step_run import step_rung
from dynapdeploy.estimate.stepwise import image_graph, network_graph
from dynapdeploy.sources import Source

STEP_US = 1000
Progress = Callable[[int, int, str], None]


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
        DataError: there is none that can be read.
    """
    check_match(image, dataset)
    shape = input_shape_of(image, dataset)
    names, labels, events = [], [], []
    for _, sample in readable(dataset):
        names.append(sample.name)
        labels.append(-1 if sample.label is None else sample.label)
        events.append(encode(sample, image.input, shape))
    if not names:
        raise DataError(f"{dataset.spec}: no sample that can be read")
    counts = np.stack([frame(found, shape) for found in events])
    return Inputs(tuple(names), np.array(labels, np.int64), tuple(events), counts)


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
    """Run every rung.

    Args:
        source, compilation: of the net; None where only an image is at hand, which has no float
            rungs.
        step_us: length of a time step in the simulations.
        board: runs the last rung, or says why it is skipped.

    Raises:
        Mismatch: the samples cannot enter the image.
        DataError: there is no sample that can be read.
    """
    inputs = read_inputs(image, dataset)
    results: dict[str, RungResult | str] = {}
    keys = ("float", "qrelu", "snn", "quantized", "emulator")

    def tell(key: str) -> None:
        if progress:
            progress(keys.index(key), len(keys), key)

    absent = "only the image is at hand, not the net it was made from"
    for key in ("float", "qrelu"):
        tell(key)
        results[key] = absent
        if source is not None:
            graph, rounded = source.untuned or source.graph, key == "qrelu"
            results[key] = _or_reason(partial(rate_rung, graph, image, inputs, rounded))
    tell("snn")
    results["snn"] = (
        absent
        if compilation is None
        else _or_reason(
            lambda: step_rung(network_graph(compilation.network), image, inputs, step_us)
        )
    )
    tell("quantized")
    results["quantized"] = _or_reason(lambda: step_rung(image_graph(image), image, inputs, step_us))
    tell("emulator")
    results["emulator"] = _emulated(image, dataset, settings, workers)
    results["board"] = board if isinstance(board, str) else board()
    if progress:
        progress(len(keys), len(keys), "")
    layers = [core.name for core in image.cores]
    return compare(results, inputs.names, inputs.labels, layers, step_us, _notes(image))


def _or_reason(run: Callable[[], RungResult]) -> RungResult | str:
    try:
        return run()
    except SourceError as fault:
        return str(fault)


def _emulated(
    image: ChipImage, dataset: Dataset, settings: Settings | None, workers: int
) -> RungResult:
    found = list(outcomes(image, dataset, settings=settings, workers=workers))
    decisions = [-1 if o.decision is None else o.decision for o in found]

    def mean(values: Sequence[int]) -> float:
        return float(np.mean(values))

    return RungResult(
        np.array(decisions, np.int64),
        {core.name: mean([o.spikes[core.core] for o in found]) for core in image.cores},
        {core.name: mean([o.synops[core.core] for o in found]) for core in image.cores},
    )


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
