"""Folding: the same function with only the nodes that a chip has a place for."""

from __future__ import annotations

from dynapdeploy.graph.averaging import average_to_sum
from dynapdeploy.graph.batchnorm import fold_batchnorm
from dynapdeploy.graph.edit import remove_nodes
from dynapdeploy.graph.flattening import flatten_to_kernel
from dynapdeploy.graph.graph import Graph
from dynapdeploy.graph.idle import drop_idle_neurons
from dynapdeploy.graph.joining import join_convolutions, join_merges
from dynapdeploy.graph.nodes import Dropout, Identity, Unsupported
from dynapdeploy.graph.pools import (
    join_pools,
    pools_before_merges,
    pools_into_convolutions,
    without_ceil_mode,
)
from dynapdeploy.graph.repeated import add_repeated_inputs
from dynapdeploy.graph.shapes import infer_shapes


def fold(graph: Graph) -> Graph:
    """The network as convolutions, neurons, sum pooling, merges and concatenations only.

    Dropout, identities and neurons that change nothing go; BatchNorm moves into the weights before
    or behind it; Linear becomes a convolution that covers its whole input; pools in a row become
    one, pooling between a convolution and its neurons part of that convolution; average pooling
    becomes sum pooling with 1/k^2 in the weights of every consumer. The
    function stays the same, but for one thing: average pooling that no weights follow becomes sum
    pooling and makes the output larger by k^2, which does not change which output is the largest.

    What cannot be folded exactly becomes an Unsupported node under the old name, with its reason;
    nothing is ever rounded. Names stay those of the source.

    Raises:
        SourceError: the input shape is unknown or the shapes of the network contradict each other.
    """
    infer_shapes(graph)
    graph = without_ceil_mode(drop_inert(graph))
    graph = fold_batchnorm(graph)
    graph = drop_idle_neurons(graph)
    graph = flatten_to_kernel(graph)
    graph = join_merges(pools_before_merges(graph))
    graph = join_convolutions(pools_into_convolutions(graph))
    graph = join_pools(average_to_sum(graph))
    return add_repeated_inputs(join_merges(graph))


def drop_inert(graph: Graph) -> Graph:
    """Without the nodes that do nothing outside training."""
    return remove_nodes(graph, list(graph.of(Dropout | Identity)))


def unsupported(graph: Graph) -> dict[str, Unsupported]:
    """The nodes that no chip of the family runs, by name."""
    return {name: node for name, node in graph.nodes.items() if isinstance(node, Unsupported)}
