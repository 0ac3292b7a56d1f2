"""Calibration: the integers of every layer chosen by what the emulator then does on recordings."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from dynapdeploy.chip.compile import Compilation
from dynapdeploy.chip.input_coding import InputCoding
from dynapdeploy.chip.lower import Layer
from dynapdeploy.chip.quantize import QuantizedLayer
from dynapdeploy.data.coding import coded_shape, encode
from dynapdeploy.data.dataset import Dataset, readable
from dynapdeploy.errors import CheckFailed, DataError, Mismatch
from dynapdeploy.graph.evaluate import evaluate
from dynapdeploy.graph.fold import fold
from dynapdeploy.graph.graph import Graph
from dynapdeploy.graph.nodes import IAF
from dynapdeploy.tuning.activity import INPUT, busy_levels, evened, feeders, groups
from dynapdeploy.tuning.choice import LayerChoice, quantize_chosen
from dynapdeploy.tuning.rounding import fitted_rounding, input_moments
from dynapdeploy.tuning.score import Score, Trial, emulated_decisions
from dynapdeploy.tuning.search import Search, search_layers, search_starts

SHARES = (0.5, 1.0, 2.0)
MOMENT_SAMPLES = 32


@dataclass(frozen=True, eq=False)
class Calibration:
    """What calibration chose, and what it changed.

    Attributes:
        choices: by layer name.
        before: of the plain quantizer.
        after: of the choices, on the same recordings.
        judged: number of sets of choices that were emulated.
        complete: whether the search went through before its budget of SynOps was spent.
        quantizer: for :class:`dynapdeploy.chip.compile.Options`.
        spec: of the data set.
    """

    choices: Mapping[str, LayerChoice]
    before: Score
    after: Score
    judged: int
    complete: bool
    quantizer: Callable[[Layer], QuantizedLayer]
    spec: str


def calibrate(
    graph: Graph,
    compilation: Compilation,
    dataset: Dataset,
    coding: InputCoding,
    *,
    workers: int | None = None,
    budget: float = math.inf,
    progress: Callable[[int, Score], None] | None = None,
) -> Calibration:
    """Choose, layer by layer, activity (the threshold), lower bound, clipping and rounding.

    The search lowers :attr:`dynapdeploy.tuning.score.Score.cost` in the emulator on all samples of
    ``dataset``: by their labels where all have one, else by agreement with a reference: the float
    net, or for a net of spiking neurons, whose spike times count, the plain quantizer's image.

    Args:
        graph: the network that ``compilation`` was made from.
        compilation: with the plain quantizer.
        dataset: recordings or still images to go by; the choices fit them, so take those of
            training.
        coding: how samples become input events; with the sensor's layer they enter as they are.
        workers: threads side by side, None for one per processor.
        budget: SynOps that may be emulated in all; the best found so far counts when they are
            spent.
        progress: called with the number of sets judged and the best score so far.

    Raises:
        CheckFailed: the network does not fit the chip.
        Mismatch: the samples cannot enter the network.
        DataError: there is no sample that can be read.
    """
    if not compilation.fits:
        raise CheckFailed(compilation.diagnostics)
    network, folded = compilation.network, fold(graph)
    sensor = compilation.options.sensor
    if sensor is None:
        recordings, labels = _recordings(dataset, coding, network.input_shape)
        entering = recordings
    else:
        recordings, labels = _recordings(dataset, InputCoding(), sensor.input_shape)
        entering = [sensor.apply(events) for events in recordings]
    counts = np.stack([_event_counts(events, network.input_shape) for events in entering])
    reference = _reference(folded, compilation, coding, recordings, counts, workers)
    trial = Trial(recordings, labels, reference, workers)
    fitted = fitted_rounding(input_moments(folded, network, counts[:MOMENT_SAMPLES]))
    source_of = feeders(network)

    def quantize(layer: Layer, choices: Mapping[str, LayerChoice]) -> QuantizedLayer:
        source = source_of.get(layer.name, INPUT)
        activity = 1.0 if source is INPUT else choices[source].activity
        return quantize_chosen(layer, choices[layer.name], activity, fitted)

    def judge(choices: Mapping[str, LayerChoice]) -> Score:
        quantized = {layer.name: quantize(layer, choices) for layer in network.layers}
        return trial.judge(replace(compilation, quantized=quantized, diagnostics=[]).image(coding))

    start = {layer.name: LayerChoice() for layer in network.layers}
    before = judge(start)
    search = Search(judge, start, before, budget, progress=progress)
    levels = busy_levels(folded, network, counts)
    search_starts(search, [evened(network, levels, share) for share in SHARES])
    last = frozenset(
        layer.name for layer in network.layers if any(t.layer is None for t in layer.targets)
    )
    joined = [frozenset(n for n in g if n is not INPUT) for g in groups(network) if INPUT not in g]
    search_layers(search, joined, last)
    found = dict(search.choices)
    return Calibration(
        choices=found,
        before=before,
        after=search.score,
        judged=search.judged,
        complete=not search.exhausted,
        quantizer=lambda layer: quantize(layer, found),
        spec=dataset.spec,
    )


def _reference(
    folded: Graph,
    compilation: Compilation,
    coding: InputCoding,
    recordings: list[np.ndarray],
    counts: np.ndarray,
    workers: int | None,
) -> np.ndarray:
    if any(folded.of(IAF)):
        return emulated_decisions(compilation.image(coding), recordings, workers)
    return evaluate(folded, counts, quantized=False).sum(axis=(2, 3)).argmax(axis=1)


def _recordings(
    dataset: Dataset, coding: InputCoding, shape: tuple[int, int, int]
) -> tuple[list[np.ndarray], np.ndarray]:
    given = coded_shape(dataset.shape, coding.merge_polarity)
    if given != shape:
        raise Mismatch(
            f"calibration: {dataset.spec} gives events on {'x'.join(map(str, given))} (channels x "
            f"height x width), the network takes {'x'.join(map(str, shape))}"
        )
    if dataset.kind == "images" and coding.pixels is None:
        raise Mismatch(
            f"calibration: {dataset.spec} holds still images, but nothing says how pixels become "
            "events (give --events-per-unit)"
        )
    samples = [sample for _, sample in readable(dataset)]
    if not samples:
        raise DataError(f"{dataset.spec}: no sample that can be read")
    labels = [-1 if sample.label is None else sample.label for sample in samples]
    return [encode(sample, coding, shape) for sample in samples], np.array(labels, np.int64)


def _event_counts(events: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    counts = np.zeros(shape, np.float32)
    np.add.at(counts, (events["p"], events["y"], events["x"]), 1)
    return counts
