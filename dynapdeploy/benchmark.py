"""A source on a data set as a spiking network in time steps, with its first weights scaled."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from dynapdeploy.chip.input_coding import InputCoding
from dynapdeploy.data import Dataset, Sample, readable
from dynapdeploy.data.coding import coded_shape, encode
from dynapdeploy.data.frames import time_frames
from dynapdeploy.errors import InputError, Mismatch
from dynapdeploy.events import Shape
from dynapdeploy.files import write_bytes
from dynapdeploy.graph.shapes import infer_shapes
from dynapdeploy.sources import Source
from dynapdeploy.synops.spiking import SpikingRun, run_spiking, spiking_network


def benchmark(
    source: Source,
    dataset: Dataset,
    *,
    scale_first: float = 1.0,
    step_us: int = 1000,
    inject: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> SpikingRun:
    """Run ``dataset`` through ``source`` in time steps.

    Args:
        scale_first: factor of the first layer's weights (rho of Sorbaro et al. 2020, 2.1.1).
        step_us: length of a step.
        inject: put a still image's counts into so many steps as a constant current. The SynOps of
            the first layer then have no meaning and are left out, as in the paper.
        progress: called with the number of samples done.

    Raises:
        InputError: a factor that is not above 0, ``inject`` for recordings.
        Mismatch: the samples cannot enter the network.
    """
    from dynapdeploy.training.baselines import scale_first_weights

    graph = source.graph
    shape = infer_shapes(graph)[graph.input]
    if coded_shape(dataset.shape, source.coding.merge_polarity) != shape:
        raise Mismatch(f"{dataset.spec} gives maps of {dataset.shape}, the network takes {shape}")
    if inject is not None and dataset.kind != "images":
        raise InputError(f"{dataset.spec}: only still images can be injected as a current")
    network = scale_first_weights(spiking_network(graph), scale_first)
    steps = _steps(dataset, source.coding, shape, step_us, inject, progress)
    return run_spiking(network, graph, steps, step_us / 1000, with_input=inject is None)


def write_npz(path: str | os.PathLike[str], runs: Sequence[dict[str, Any]]) -> None:
    """Write ``source``, ``scale``, ``accuracy``, ``synops`` ``[runs, layers]`` (nominal) and
    ``synops_exact``; runs with fewer layers are filled up with NaN. Raises ``OutputError``.
    """
    width = max(len(run["layers"]) for run in runs)
    tables = {key: np.full((len(runs), width), np.nan) for key in ("synops", "synops_exact")}
    for row, run in enumerate(runs):
        for column, layer in enumerate(run["layers"]):
            tables["synops"][row, column] = layer["synops_per_sample"]
            tables["synops_exact"][row, column] = layer["synops_exact_per_sample"]
    content = io.BytesIO()
    np.savez(
        content,
        source=np.array([str(run["source"]) for run in runs]),
        scale=np.array([run["scale"] for run in runs]),
        accuracy=np.array([np.nan if r["accuracy"] is None else r["accuracy"] for r in runs]),
        synops=tables["synops"],
        synops_exact=tables["synops_exact"],
    )
    write_bytes(path, content.getvalue())


def _steps(
    dataset: Dataset,
    coding: InputCoding,
    shape: Shape,
    step_us: int,
    inject: int | None,
    progress: Callable[[int], None] | None,
) -> Iterator[tuple[np.ndarray, int | None]]:
    for done, (_, sample) in enumerate(readable(dataset), start=1):
        if inject is None:
            frames = time_frames(encode(sample, coding, shape), shape, step_us)
            frames = frames if len(frames) else np.zeros((1, *shape), np.float32)
        else:
            frames = _current(sample, coding, inject)
        yield frames, sample.label
        if progress:
            progress(done)


def _current(sample: Sample, coding: InputCoding, count: int) -> np.ndarray:
    if sample.pixels is None or coding.pixels is None:
        raise Mismatch(f"{sample.name}: a still image and a network that takes one were expected")
    whole = np.rint(sample.pixels * coding.pixels.events_per_unit)
    return np.repeat(whole[None] / count, count, axis=0).astype(np.float32)
