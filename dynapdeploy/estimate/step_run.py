"""The rungs in time steps: integrate-and-fire neurons of sinabs on frames of counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from dynapdeploy.chip.image import ChipImage
from dynapdeploy.data.frames import time_frames
from dynapdeploy.errors import DataError
from dynapdeploy.estimate.ladder import RungResult
from dynapdeploy.estimate.rates import largest, synops
from dynapdeploy.estimate.stepwise import NEURONS
from dynapdeploy.graph.graph import Graph

if TYPE_CHECKING:
    from dynapdeploy.estimate.ladder_run import Inputs

LARGEST_MAP = 2**22
"""Values of the largest map held at a time, over all steps of a batch."""
SMALL_MAP = 2**17
"""Nets whose largest map is smaller than this are no faster with several threads."""


def step_rung(graph: Graph, image: ChipImage, step_us: int) -> Callable[[Inputs], RungResult]:
    """What runs a graph of :mod:`dynapdeploy.estimate.stepwise`, states at 0 before each sample.

    Samples of a batch are padded with empty steps at the end, where nothing happens; with biases
    only samples of equal length share a batch. Where a recording has too many steps to be held,
    running it raises ``DataError``.

    Raises:
        SourceError: sinabs has no counterpart for a layer.
    """
    from dynapdeploy.graph.to_sinabs import to_sinabs

    shapes = {core.name: core.output_shape for core in image.cores}
    net = to_sinabs(graph, batch_size=1)
    neurons = _neuron_layers(net, graph, list(shapes))
    widest = max(int(np.prod(shape)) for shape in (image.input_shape, *shapes.values()))
    biased = any(core.bias is not None for core in image.cores)

    def run(inputs: Inputs) -> RungResult:
        import torch

        counted: dict[str, np.ndarray] = {}
        handles = [
            module.register_forward_hook(_counter(counted, layer, shapes[layer]))
            for layer, module in neurons.items()
        ]
        decisions = np.full(len(inputs.names), -1, np.int64)
        threads = torch.get_num_threads()
        if widest < SMALL_MAP:
            torch.set_num_threads(1)
        try:
            with torch.no_grad():
                for chosen, steps in _batches(inputs, step_us, widest, biased):
                    for module in neurons.values():
                        module.batch_size = len(chosen)
                        module.reset_states()
                    out = net(torch.from_numpy(steps.reshape(-1, *steps.shape[2:])))
                    total = out.reshape(len(chosen), steps.shape[1], -1).sum(1).numpy()
                    classes = total[:, :: image.readout_stride]
                    found = largest(classes)
                    decisions[chosen] = np.where(classes.max(axis=1) > 0, found, -1)
        finally:
            torch.set_num_threads(threads)
            for handle in handles:
                handle.remove()
        return RungResult(
            decisions,
            {layer: float(values.sum()) for layer, values in counted.items()},
            synops(image, inputs.counts.sum(0, dtype=np.float64), counted),
        )

    return run


def _counter(counted: dict[str, np.ndarray], layer: str, shape):
    def count(module, arguments, output) -> None:
        spikes = output.sum(0).double().numpy().reshape(shape)
        counted[layer] = counted.get(layer, 0) + spikes

    return count


def _neuron_layers(net, graph: Graph, layers: list[str]) -> dict:
    from dynapdeploy.graph.layer_plan import plan

    modules = dict(net.named_modules())
    steps = [step for step in plan(graph) if step.kind == "sl.IAFSqueeze"]
    names = [name for name in graph.nodes if name.endswith(NEURONS)]
    found = {name.removesuffix(NEURONS): s.name for name, s in zip(names, steps, strict=True)}
    return {layer: modules[found[layer]] for layer in layers}


def _batches(
    inputs: Inputs, step_us: int, widest: int, equal: bool
) -> Iterator[tuple[list[int], np.ndarray]]:
    """Places of the samples and float32 ``[samples, steps, c, h, w]``, of like length together."""
    lengths = [
        int(events["t"][-1] - events["t"][0]) // step_us + 1 if len(events) else 1
        for events in inputs.events
    ]
    shape = inputs.counts.shape[1:]
    chosen: list[int] = []
    for index in [*sorted(range(len(lengths)), key=lengths.__getitem__), None]:
        full = index is None or (len(chosen) + 1) * lengths[index] * widest > LARGEST_MAP
        full |= equal and bool(chosen) and lengths[index or 0] != lengths[chosen[-1]]
        if chosen and full:
            longest = lengths[chosen[-1]]
            yield (
                chosen,
                np.stack(
                    [time_frames(inputs.events[i], shape, step_us, steps=longest) for i in chosen]
                ),
            )
            chosen = []
        if index is not None:
            if lengths[index] * widest > 32 * LARGEST_MAP:
                raise DataError(
                    f"{inputs.names[index]}: {lengths[index]:,} time steps of {step_us} us are "
                    "too many to hold; choose a longer step"
                )
            chosen.append(index)
