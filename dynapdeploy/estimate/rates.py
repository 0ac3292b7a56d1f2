"""The rungs without time: the source net on counts of events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from dynapdeploy.chip.image import ChipImage
from dynapdeploy.estimate.ladder import RungResult
from dynapdeploy.estimate.reach import INPUT, reach_maps
from dynapdeploy.graph.evaluate import activations
from dynapdeploy.graph.graph import Graph
from dynapdeploy.graph.nodes import IAF, Output, ReLU

if TYPE_CHECKING:
    from dynapdeploy.estimate.ladder_run import Inputs


def rate_rung(graph: Graph, image: ChipImage, inputs: Inputs, quantized: bool) -> RungResult:
    """The source net's activations, rounded down or not, as spike counts.

    Raises:
        SourceError: a node cannot be computed.
    """
    layers = {core.name: neuron_of(graph, core.name) for core in image.cores}
    output = next(graph.of(Output))
    known = {layer: node for layer, node in layers.items() if node is not None}
    values = activations(graph, inputs.counts, [output, *known.values()], quantized)
    sums: dict[str, np.ndarray] = {}
    for layer, node in known.items():
        spikes = np.maximum(values[node], 0)
        sums[layer] = (np.floor(spikes) if quantized else spikes).sum(0, dtype=np.float64)
    return RungResult(
        largest(values[output].reshape(len(inputs.counts), -1)),
        {layer: float(counted.sum()) for layer, counted in sums.items()},
        synops(image, inputs.counts.sum(0, dtype=np.float64), sums),
    )


def neuron_of(graph: Graph, layer: str) -> str | None:
    """The node that gives the spikes of ``layer``; the last before the output if it has none."""
    if layer not in graph.nodes:
        return None
    name = layer
    while not isinstance(graph.nodes[name], ReLU | IAF):
        followers = graph.outputs[name]
        if len(followers) != 1:
            return None
        if isinstance(graph.nodes[followers[0]], Output):
            return name
        name = followers[0]
    return name


def largest(output: np.ndarray) -> np.ndarray:
    """Index of the single largest output of each row of ``[n, classes]``, -1 where two share it."""
    most = output.max(axis=1, keepdims=True)
    single = (output == most).sum(axis=1) == 1
    return np.where(single, output.argmax(axis=1), -1).astype(np.int64)


def synops(
    image: ChipImage, counts: np.ndarray, spikes: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """Additions per receiving layer that spike counts cause on the image's cores.

    Args:
        counts: ``[c, h, w]``, input events.
        spikes: ``[f, h, w]`` by layer. Nothing is said of a layer whose senders are not all there.
    """
    found: dict[str, float] = {core.name: 0.0 for core in image.cores}
    for (sender, receiver), reach in reach_maps(image).items():
        name = image[receiver].name
        sent = counts if sender == INPUT else spikes.get(image[sender].name)
        if sent is None or sent.size != reach.size:
            found.pop(name, None)
        elif name in found:
            found[name] += float((sent.reshape(reach.shape) * reach).sum())
    return found if len(found) == len(image.cores) else {}
