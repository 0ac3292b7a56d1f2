"""Pools: pushed in front of merges, and joined where one follows the other.

On the chip a pool belongs to the way from one core to another, before anything is merged there.
"""

from __future__ import annotations

from dataclasses import replace

from dynapdeploy.graph.edit import fresh_name, prune, replace_nodes, rewire
from dynapdeploy.graph.graph import Graph
from dynapdeploy.graph.nodes import Concat, Merge, Node, Pool2d
from dynapdeploy.graph.shapes import infer_shapes, shape_after


def pools_before_merges(graph: Graph) -> Graph:
    """Pool(a + b) becomes Pool(a) + Pool(b), and ``ceil_mode`` goes where it means nothing."""
    return _before_merges(_without_ceil_mode(graph))


def _without_ceil_mode(graph: Graph) -> Graph:
    """``ceil_mode`` off where the map divides anyway: only there it means nothing."""
    shapes = infer_shapes(graph)
    changed: dict[str, Node] = {}
    for name, node in graph.nodes.items():
        if isinstance(node, Pool2d) and node.ceil_mode:
            floor = replace(node, ceil_mode=False)
            if shape_after(floor, [shapes[graph.inputs[name][0]]]) == shapes[name]:
                changed[name] = floor
    return replace_nodes(graph, changed)


def _before_merges(graph: Graph) -> Graph:
    """Each branch's pool is named after the pool and the branch."""
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
