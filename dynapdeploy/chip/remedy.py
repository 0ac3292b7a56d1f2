"""Applying a change to a network. Weights are cut or filled with zeros to the new size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from dynapdeploy.chip.changes import Change
from dynapdeploy.chip.refit import refit, with_channels
from dynapdeploy.errors import SourceError
from dynapdeploy.graph.edit import fresh_name, remove_nodes, replace_nodes
from dynapdeploy.graph.fold import fold
from dynapdeploy.graph.graph import Graph
from dynapdeploy.graph.nodes import IAF, Concat, Conv2d, Input, Linear, Node, Output, Pool2d, ReLU
from dynapdeploy.graph.shapes import infer_shapes


def apply(graph: Graph, change: Change) -> Graph:
    """The folded network with ``change`` made to it, and everything behind it made to fit.

    Layers behind a smaller map or with fewer channels lose the weights for what is gone. A change
    of ``features``, ``stride`` or ``pooling`` also goes to the layers whose spikes are added to
    those of this one.

    Raises:
        SourceError: there is no such layer, or the network cannot be made to fit the change.
    """
    return apply_folded(fold(graph), change)


def apply_folded(graph: Graph, change: Change) -> Graph:
    """As :func:`apply`, for a network that is folded already."""
    node = graph.nodes.get(change.layer)
    if change.what == "input_size":
        return refit(_smaller_input(graph, change), graph)
    if not isinstance(node, Conv2d):
        raise SourceError(f"{graph.source}: there is no layer {change.layer} to change")
    return refit(_APPLY[change.what](graph, change, node), graph)


def _features(graph: Graph, change: Change, node: Conv2d) -> Graph:
    changed = {}
    for name in _added_up_with(graph, change.layer):
        other = graph.nodes[name]
        if not isinstance(other, Conv2d):
            raise SourceError(
                f"{graph.source}: {change.layer} is added to {name}, whose channels are fixed"
            )
        weight = with_channels(other.weight, 0, int(change.value))  # type: ignore[arg-type]
        bias = None if other.bias is None else with_channels(other.bias, 0, len(weight))
        changed[name] = replace(other, weight=weight, bias=bias)
    return replace_nodes(graph, changed)


def _channels(graph: Graph, change: Change, node: Conv2d) -> Graph:
    """Fewer input channels: fewer features of what feeds the layer."""
    count = int(change.value)  # type: ignore[arg-type]
    sources = list(_sources(graph, change.layer))
    if graph.input in sources:
        if len(sources) > 1:
            raise SourceError(f"{graph.source}: {change.layer} shares the input's channels")
        shape = infer_shapes(graph)[graph.input]
        return replace_nodes(graph, {graph.input: Input((count, *shape[1:]))})
    joined = any(isinstance(graph.nodes[n], Concat) for n in _between(graph, change.layer))
    share = max(1, count // len(sources)) if joined else count
    for name in sources:
        source = graph.nodes[name]
        if isinstance(source, Conv2d) and source.weight.shape[0] > share:
            graph = _features(graph, Change(name, "features", share), source)
    return graph


def _kernel(graph: Graph, change: Change, node: Conv2d) -> Graph:
    side = int(change.value)  # type: ignore[arg-type]
    weight, padding = node.weight, []
    for axis, pad in zip((2, 3), node.padding, strict=True):
        more = side - weight.shape[axis]
        padding.append(max(0, pad + (more // 2)))
        weight = _resized(weight, axis, side)
    return replace_nodes(
        graph, {change.layer: replace(node, weight=weight, padding=tuple(padding))}
    )


def _resized(weight: np.ndarray, axis: int, side: int) -> np.ndarray:
    """Cut from the middle, or put zeros around."""
    more = side - weight.shape[axis]
    if more <= 0:
        start = -more // 2
        return np.take(weight, range(start, start + side), axis)
    widths = [(0, 0)] * weight.ndim
    widths[axis] = (more // 2, more - more // 2)
    return np.pad(weight, widths)


def _stride(graph: Graph, change: Change, node: Conv2d) -> Graph:
    """Layers whose maps are added up take the same step, or their maps would differ in size."""
    group = {name: graph.nodes[name] for name in _added_up_with(graph, change.layer)}
    changed = {
        name: replace(other, stride=change.value)  # type: ignore[arg-type]
        for name, other in group.items()
        if isinstance(other, Conv2d)
    }
    return replace_nodes(graph, changed)


def _field(graph: Graph, change: Change, node: Conv2d) -> Graph:
    return replace_nodes(
        graph,
        {change.layer: replace(node, **{change.what: change.value})},  # type: ignore[arg-type]
    )


def _dilation(graph: Graph, change: Change, node: Conv2d) -> Graph:
    high, wide = (
        (k - 1) * d + 1 for k, d in zip(node.weight.shape[2:], node.dilation, strict=True)
    )
    weight = np.zeros((*node.weight.shape[:2], high, wide), node.weight.dtype)
    weight[:, :, :: node.dilation[0], :: node.dilation[1]] = node.weight
    return replace_nodes(graph, {change.layer: replace(node, weight=weight, dilation=(1, 1))})


def _groups(graph: Graph, change: Change, node: Conv2d) -> Graph:
    features, each, *kernel = node.weight.shape
    weight = np.zeros((features, each * node.groups, *kernel), node.weight.dtype)
    outputs = features // node.groups
    for group in range(node.groups):
        rows = slice(group * outputs, (group + 1) * outputs)
        weight[rows, group * each : (group + 1) * each] = node.weight[rows]
    return replace_nodes(graph, {change.layer: replace(node, weight=weight, groups=1)})


def _pooling(graph: Graph, change: Change, node: Conv2d) -> Graph:
    """The spikes pass through one pool of this size on the way to every layer that takes them.

    Pools that are there change their size, also on the way to the output; where none leads to a
    layer, one is put behind the neurons.
    """
    size = (int(change.value),) * 2  # type: ignore[arg-type]
    pool = Pool2d("sum", size, size)
    for name in sorted(_added_up_with(graph, change.layer)):
        if isinstance(graph.nodes[name], Conv2d):
            graph = _pooled(graph, name, pool)
    return graph


def _pooled(graph: Graph, layer: str, pool: Pool2d) -> Graph:
    end = next((n for n in graph.outputs[layer] if isinstance(graph.nodes[n], ReLU | IAF)), layer)
    found: dict[str, Node] = {}
    bare = []
    for follower in graph.outputs[end]:
        reached = list(_until_layers(graph, follower))
        pools = [n for n in reached if isinstance(graph.nodes[n], Pool2d)]
        found |= dict.fromkeys(pools, pool)
        if not pools and any(isinstance(graph.nodes[n], Conv2d | Linear) for n in reached):
            bare.append(follower)
    graph = replace_nodes(graph, found)
    if not bare:
        return graph
    new = fresh_name(f"{layer}.pool", graph.nodes)
    inputs = {n: tuple(new if o == end else o for o in graph.inputs[n]) for n in bare}
    return Graph({**graph.nodes, new: pool}, {**graph.inputs, **inputs, new: (end,)}, graph.source)


def _until_layers(graph: Graph, start: str) -> Iterator[str]:
    """The node and what follows it, up to and with the next layers and outputs."""
    waiting = [start]
    while waiting:
        name = waiting.pop()
        yield name
        if not isinstance(graph.nodes[name], Conv2d | Linear | Output):
            waiting += graph.outputs[name]


def _neuron(graph: Graph, change: Change, node: Conv2d) -> Graph:
    for name in graph.outputs[change.layer]:
        neuron = graph.nodes[name]
        if isinstance(neuron, ReLU | IAF):
            plain = neuron if isinstance(neuron, IAF) else IAF()
            changed = replace(plain, **{change.what: change.value})  # type: ignore[arg-type]
            return replace_nodes(graph, {name: changed})
    raise SourceError(f"{graph.source}: {change.layer} has no neurons to change")


def _removed(graph: Graph, change: Change, node: Conv2d) -> Graph:
    neurons = [n for n in graph.outputs[change.layer] if isinstance(graph.nodes[n], ReLU | IAF)]
    return remove_nodes(graph, [change.layer, *neurons])


def _smaller_input(graph: Graph, change: Change) -> Graph:
    channels, height, width = infer_shapes(graph)[graph.input]
    most = int(change.value)  # type: ignore[arg-type]
    return replace_nodes(
        graph, {graph.input: Input((channels, min(height, most), min(width, most)))}
    )


_APPLY: dict[str, Callable[[Graph, Change, Conv2d], Graph]] = {
    "features": _features,
    "channels": _channels,
    "kernel": _kernel,
    "stride": _stride,
    "padding": _field,
    "padding_mode": _field,
    "bias": _field,
    "dilation": _dilation,
    "groups": _groups,
    "pooling": _pooling,
    "threshold": _neuron,
    "lower_bound": _neuron,
    "removed": _removed,
}


_SOURCES = Conv2d | Linear | Input | Concat
"""Nodes that settle how many channels there are."""


def _between(graph: Graph, layer: str) -> Iterator[str]:
    """Nodes between a layer and what feeds it, the sources included."""
    waiting = list(graph.inputs[layer])
    while waiting:
        name = waiting.pop()
        yield name
        if not isinstance(graph.nodes[name], Conv2d | Linear | Input):
            waiting += graph.inputs[name]


def _sources(graph: Graph, layer: str) -> Iterator[str]:
    found = dict.fromkeys(_between(graph, layer))
    return (n for n in found if isinstance(graph.nodes[n], Conv2d | Linear | Input))


def _added_up_with(graph: Graph, layer: str) -> set[str]:
    """The layer and all whose maps are added to its own, over any number of merges."""
    found, waiting = {layer}, [layer]
    while waiting:
        name = waiting.pop()
        near = [n for n in graph.outputs[name] if not _ends(graph, n)]
        if not isinstance(graph.nodes[name], _SOURCES):
            near += graph.inputs[name]
        for other in near:
            if other not in found:
                found.add(other)
                waiting.append(other)
    return {n for n in found if isinstance(graph.nodes[n], _SOURCES)}


def _ends(graph: Graph, name: str) -> bool:
    return isinstance(graph.nodes[name], Conv2d | Linear | Output | Concat)
