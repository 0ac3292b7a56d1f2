"""Spiking networks in time steps: the layers of a compiled net, or of a chip image, as a graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dynapdeploy.chip.image import ChipImage
from dynapdeploy.chip.lower import Network
from dynapdeploy.errors import SourceError
from dynapdeploy.events import Shape
from dynapdeploy.graph.graph import Graph
from dynapdeploy.graph.nodes import IAF, Concat, Conv2d, Input, Merge, Node, Output, Pool2d
from dynapdeploy.graph.shapes import infer_shapes

NEURONS = " neurons"
"""Added to a layer's name for the node of its neurons."""


@dataclass(frozen=True)
class Way:
    """Spikes of a layer to another one (None: the output); the input's come from ``None``."""

    sender: str | None
    receiver: str | None
    pooling: int = 1
    shift: int = 0


def network_graph(network: Network) -> Graph:
    """The float layers with integrate-and-fire neurons, the added last ones included.

    Raises:
        SourceError: as :func:`assemble`.
    """
    convolutions = {
        layer.name: (
            Conv2d(
                np.asarray(layer.weight, np.float32),
                None if layer.bias is None else np.asarray(layer.bias, np.float32),
                layer.stride,
                layer.padding,
                layer.dilation,
                layer.groups,
                layer.padding_mode,
            ),
            layer.neuron,
        )
        for layer in network.layers
    }
    ways = [Way(None, name) for name in network.entry]
    for layer in network.layers:
        ways += [
            Way(layer.name, target.layer, target.pooling, target.feature_shift)
            for target in layer.targets
        ]
    entry = next(layer for layer in network.layers if layer.name == network.entry[0])
    return assemble(convolutions, ways, entry.input_shape)


def image_graph(image: ChipImage) -> Graph:
    """The integers of a chip image in the same form: int8 weights, thresholds, lower bounds.

    Raises:
        SourceError: as :func:`assemble`; or a core has a decimator, which no time step has.
    """
    for core in image.cores:
        if core.decimator is not None:
            raise SourceError(f"core {core.core} ({core.name}) has a decimator")
    names = {core.core: core.name for core in image.cores}
    convolutions = {
        core.name: (
            Conv2d(
                core.weights.astype(np.float32),
                None if core.bias is None else core.bias.astype(np.float32),
                core.stride,
                core.padding,
            ),
            IAF(
                float(core.threshold_high),
                float(core.threshold_low),
                "zero" if core.return_to_zero else "subtract",
            ),
        )
        for core in image.cores
    }
    ways = [Way(None, names[core]) for core in image.entry]
    for core in image.cores:
        ways += [
            Way(core.name, None if d.core is None else names[d.core], d.pooling, d.feature_shift)
            for d in core.destinations
        ]
    return assemble(convolutions, ways, image.input_shape)


def assemble(
    layers: dict[str, tuple[Conv2d, IAF]], ways: Sequence[Way], input_shape: Shape
) -> Graph:
    """Layers, each followed by its neurons, and the ways between them.

    Raises:
        SourceError: several layers feed one in a way that is neither a sum nor a concatenation.
    """
    nodes: dict[str, Node] = {"input": Input(input_shape)}
    inputs: dict[str, tuple[str, ...]] = {}
    for name in [*layers, None]:
        feeding = [way for way in ways if way.receiver == name]
        if not feeding:
            continue
        place = "output" if name is None else name
        source = _joined(place, feeding, nodes, inputs, layers)
        if name is None:
            nodes["output"] = Output()
            inputs["output"] = (source,)
            continue
        nodes[name], nodes[name + NEURONS] = layers[name]
        inputs[name], inputs[name + NEURONS] = (source,), (name,)
    graph = Graph(nodes, inputs, "time steps")
    infer_shapes(graph)
    return graph


def _joined(place: str, feeding: Sequence[Way], nodes, inputs, layers) -> str:
    sources = []
    for way in sorted(feeding, key=lambda way: way.shift):
        source = "input" if way.sender is None else way.sender + NEURONS
        if way.pooling > 1:
            pool = f"{way.sender} to {place} pool"
            size = (way.pooling, way.pooling)
            nodes[pool], inputs[pool] = Pool2d("sum", size, size), (source,)
            source = pool
        sources.append((way, source))
    if len(sources) == 1:
        if sources[0][0].shift:
            raise SourceError(f"{place}: its input begins at feature {sources[0][0].shift}")
        return sources[0][1]
    shifts = [way.shift for way, _ in sources]
    widths = [0 if w.sender is None else len(layers[w.sender][0].weight) for w, _ in sources]
    if not any(shifts):
        node: Node = Merge()
    elif shifts == np.cumsum([0, *widths[:-1]]).tolist():
        node = Concat()
    else:
        raise SourceError(f"{place}: its inputs overlap, features begin at {shifts}")
    nodes[f"{place} join"] = node
    inputs[f"{place} join"] = tuple(source for _, source in sources)
    return f"{place} join"
