"""Pools: pushed in front of merges, joined where one follows the other, or part of a convolution.

On the chip a pool belongs to the way from the neurons of one core to another core, before anything
is merged there.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dynapdeploy.graph.edit import fresh_name, prune, remove_nodes, replace_nodes, rewire
from dynapdeploy.graph.graph import Graph
from dynapdeploy.graph.nodes import IAF, Concat, Conv2d, Merge, Node, Pool2d, ReLU
from dynapdeploy.graph.shapes import infer_shapes, shape_after

LARGEST_KERNEL = 2**24
"""Weights of a convolution that takes up a pool."""


def without_ceil_mode(graph: Graph) -> Graph:
    """``ceil_mode`` off where the map divides anyway: only there it means nothing."""
    shapes = infer_shapes(graph)
    changed: dict[str, Node] = {}
    for name, node in graph.nodes.items():
        if isinstance(node, Pool2d) and node.ceil_mode:
            floor = replace(node, ceil_mode=False)
            if shape_after(floor, [shapes[graph.inputs[name][0]]]) == shapes[name]:
                changed[name] = floor
    return replace_nodes(graph, changed)


def pools_before_merges(graph: Graph) -> Graph:
    """Pool(a + b) becomes Pool(a) + Pool(b), named after the pool and the branch."""
    while True:
        found = _pool_on_merge(graph)
        if found is None:
            return graph
        merge = graph.inputs[found][0]
        nodes, inputs = dict(graph.nodes), dict(graph.inputs)
        pooled = []
        for other in inputs[merge]:
            name = fresh_name(f"{found}.{other}", nodes)
            nodes[name], inputs[name] = graph.nodes[found], (other,)
            pooled.append(name)
        nodes[found], inputs[found] = graph.nodes[merge], tuple(pooled)
        graph = prune(Graph(nodes, inputs, graph.source))


def _pool_on_merge(graph: Graph) -> str | None:
    for name, node in graph.nodes.items():
        if isinstance(node, Pool2d) and node.kind != "max":
            before = graph.inputs[name][0]
            if isinstance(graph.nodes[before], Merge | Concat):
                return name
    return None


def pools_into_convolutions(graph: Graph) -> Graph:
    """A pool between a convolution and its neurons becomes part of the convolution.

    Both are linear: the kernel grows by the window, the stride is multiplied.
    """
    for name in list(graph.of(Pool2d)):
        before = graph.inputs[name][0]
        pool, conv = graph.nodes[name], graph.nodes[before]
        alone = isinstance(conv, Conv2d) and graph.outputs[before] == (name,)
        if alone and _feeds_neurons(graph, name):
            joint = _pooled_convolution(conv, pool)  # type: ignore[arg-type]
            if joint is not None:
                graph = remove_nodes(replace_nodes(graph, {before: joint}), [name])
    return graph


def _feeds_neurons(graph: Graph, name: str) -> bool:
    return all(
        isinstance(graph.nodes[other], ReLU | IAF)
        or (isinstance(graph.nodes[other], Merge) and _feeds_neurons(graph, other))
        for other in graph.outputs[name]
    )


def _pooled_convolution(conv: Conv2d, pool: Pool2d) -> Conv2d | None:
    """The convolution that does both, None where there is none."""
    exact = pool.kind != "max" and pool.padding == (0, 0) and not pool.ceil_mode
    if not exact or conv.dilation != (1, 1):
        return None
    outputs, inputs, height, width = conv.weight.shape
    tall = height + (pool.kernel[0] - 1) * conv.stride[0]
    wide = width + (pool.kernel[1] - 1) * conv.stride[1]
    if outputs * inputs * tall * wide > LARGEST_KERNEL:
        return None
    weight = np.zeros((outputs, inputs, tall, wide))
    for y, x in np.ndindex(pool.kernel):
        top, left = y * conv.stride[0], x * conv.stride[1]
        weight[:, :, top : top + height, left : left + width] += conv.weight
    area = pool.kernel[0] * pool.kernel[1]
    weight, terms = (weight / area, 1) if pool.kind == "average" else (weight, area)
    bias = None if conv.bias is None else (conv.bias * terms).astype(conv.bias.dtype)
    stride = (conv.stride[0] * pool.stride[0], conv.stride[1] * pool.stride[1])
    return replace(conv, weight=weight.astype(conv.weight.dtype), bias=bias, stride=stride)


def join_pools(graph: Graph) -> Graph:
    """Pools in a row become one (2 and 2 give 4), which takes the name of the last."""
    changed: dict[str, Node] = {}
    inputs: dict[str, tuple[str, ...]] = {}
    for name, node in graph.nodes.items():
        before = graph.inputs[name][0] if graph.inputs[name] else ""
        first = changed.get(before, graph.nodes.get(before))
        if isinstance(node, Pool2d) and isinstance(first, Pool2d) and _join(first, node):
            kernel = (node.kernel[0] * first.kernel[0], node.kernel[1] * first.kernel[1])
            changed[name] = Pool2d(node.kind, kernel, kernel)
            inputs[name] = inputs.get(before, tuple(graph.inputs[before]))
    return rewire(replace_nodes(graph, changed), inputs)


def _join(first: Pool2d, second: Pool2d) -> bool:
    return first.kind == second.kind != "max" and _tiles(first) and _tiles(second)


def _tiles(pool: Pool2d) -> bool:
    return pool.kernel == pool.stride and pool.padding == (0, 0) and not pool.ceil_mode
