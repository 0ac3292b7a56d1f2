"""Sizes of a network, layer by layer: neurons, synapses, parameters, multiplications, fan-in and
fan-out.

===================  ==========================================================================
neurons              outputs of a layer with weights, before any pooling; input and pooling are none
synapses             connections from the neurons (or input pixels) that send spikes to the layer,
                     those that exist; pooling between the two is passed through
synapses, nominal    the same with the fan-out that ignores borders
parameters           weights and biases, BatchNorm's own apart in a row of its own
MACs                 neurons * fan-in, multiplications of one pass of the analog network; taps that
                     fall on zero padding are included
MACs, SynOpLoss      by the formula in the code of Sorbaro et al. (2020); not for an image
operations           2 * MACs + neurons with a nonzero bias, as snn_toolbox counts an analog network
fan-in               weights per neuron
fan-out              neurons that one spike sent to the layer reaches: nominal, and the mean of the
exact
===================  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dynapdeploy.chip.image import ChipImage
from dynapdeploy.errors import SourceError
from dynapdeploy.events import Shape
from dynapdeploy.graph.graph import Graph
from dynapdeploy.graph.nodes import BatchNorm2d, Conv2d, Linear
from dynapdeploy.synops.paths import paths
from dynapdeploy.synops.published import synoploss_macs

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class LayerCount:
    """One layer, in the terms of the module's table. ``core`` is its physical core, if any."""

    layer: str
    core: int | None
    output_shape: Shape
    neurons: int
    synapses: int
    synapses_nominal: int
    parameters: int
    macs: int
    operations: int
    fan_in: int
    fan_out: float
    fan_out_nominal: float


@dataclass(frozen=True)
class Count:
    """A network's layers in order, and their sums.

    ``macs_synoploss`` is None for a chip image, see :mod:`dynapdeploy.synops.published`.
    """

    source: str
    input_shape: Shape
    layers: tuple[LayerCount, ...]
    macs_synoploss: int | None = None

    def _total(self, column: str) -> int:
        return sum(getattr(layer, column) for layer in self.layers)

    @property
    def neurons(self) -> int:
        return self._total("neurons")

    @property
    def synapses(self) -> int:
        return self._total("synapses")

    @property
    def synapses_nominal(self) -> int:
        return self._total("synapses_nominal")

    @property
    def parameters(self) -> int:
        return self._total("parameters")

    @property
    def macs(self) -> int:
        return self._total("macs")

    @property
    def operations(self) -> int:
        return self._total("operations")


def count(
    model_or_image: Graph | ChipImage | nn.Module | Any, input_shape: Shape | None = None
) -> Count:
    """Count a graph, a chip image, or anything that the graph's torch reader takes.

    Args:
        input_shape: channels, height, width; needed where the model does not carry it.

    Raises:
        SourceError: the input shape is missing or does not fit the weights.
    """
    if isinstance(model_or_image, ChipImage):
        from dynapdeploy.synops.count_image import count_image

        return count_image(model_or_image, input_shape)
    if isinstance(model_or_image, Graph):
        graph = model_or_image
    else:
        from dynapdeploy.graph.from_torch import read_torch

        graph = read_torch(model_or_image, input_shape=input_shape)
    return count_graph(graph, input_shape)


def count_graph(graph: Graph, input_shape: Shape | None = None) -> Count:
    """Count a graph; ``input_shape`` replaces the one that the graph carries."""
    from dynapdeploy.graph.shapes import infer_shapes, with_input_shape

    if input_shape is not None:
        graph = with_input_shape(graph, input_shape)
    shapes = infer_shapes(graph)
    synapses = _synapses(graph, shapes)
    rows = [
        _row(name, node, shapes[name], synapses.get(name, _Synapses()))
        for name, node in graph.nodes.items()
        if isinstance(node, Conv2d | Linear | BatchNorm2d)
    ]
    if not any(row.neurons for row in rows):
        raise SourceError(
            f"{graph.source}: it has no layer with weights, there is nothing to count"
        )
    published = synoploss_macs(graph, shapes)
    return Count(graph.source, shapes[graph.input], tuple(rows), published)


@dataclass
class _Synapses:
    exact: int = 0
    nominal: float = 0.0
    senders: int = 0

    def add(self, exact: np.ndarray, nominal: float) -> None:
        self.exact += int(exact.sum())
        self.nominal += nominal * exact.size
        self.senders += exact.size


def _synapses(graph: Graph, shapes: Mapping[str, Shape]) -> dict[str, _Synapses]:
    found: dict[str, _Synapses] = {}
    for path in paths(graph, shapes):
        found.setdefault(path.layer, _Synapses()).add(path.exact, path.nominal)
    return found


def layer_count(
    name: str,
    core: int | None,
    output_shape: Shape,
    weight: np.ndarray,
    bias: np.ndarray | None,
    exact: int,
    nominal: float,
    senders: int,
) -> LayerCount:
    """A row from a layer's weights ``[out, ...]`` and what reaches it."""
    neurons = int(np.prod(output_shape))
    fan_in = int(np.prod(weight.shape[1:]))
    biased = 0 if bias is None else np.count_nonzero(bias) * (neurons // len(bias))
    return LayerCount(
        layer=name,
        core=core,
        output_shape=output_shape,
        neurons=neurons,
        synapses=exact,
        synapses_nominal=round(nominal),
        parameters=weight.size + (0 if bias is None else bias.size),
        macs=neurons * fan_in,
        operations=2 * neurons * fan_in + int(biased),
        fan_in=fan_in,
        fan_out=exact / senders if senders else 0.0,
        fan_out_nominal=nominal / senders if senders else 0.0,
    )


def _row(
    name: str, node: Conv2d | Linear | BatchNorm2d, shape: Shape, synapses: _Synapses
) -> LayerCount:
    if isinstance(node, BatchNorm2d):
        parameters = node.gamma.size + node.beta.size
        return LayerCount(name, None, shape, 0, 0, 0, parameters, 0, 0, 0, 0.0, 0.0)
    return layer_count(
        name,
        None,
        shape,
        node.weight,
        node.bias,
        synapses.exact,
        synapses.nominal,
        synapses.senders,
    )
