"""Read a network from a NIR file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from dynapdeploy.errors import SourceError
from dynapdeploy.graph.edit import fresh_name, prune
from dynapdeploy.graph.graph import Graph
from dynapdeploy.graph.nir_file import load_nir, text
from dynapdeploy.graph.nir_joins import read_joins
from dynapdeploy.graph.nir_nodes import read_node
from dynapdeploy.graph.nodes import Identity, Input, Merge, Node, Output
from dynapdeploy.graph.shapes import checked_shape

METADATA = "dynapdeploy"
"""Group of the root graph's metadata for nodes to which NIR gives no metadata of their own."""


def read_nir(path: str | os.PathLike[str], input_shape: Sequence[int] | None = None) -> Graph:
    """The network in a NIR file.

    ``IF`` becomes :class:`IAF` without lower bound; ``r`` scales what comes in, so the threshold is
    ``v_threshold / r``. The reset is by subtraction in files without ``v_reset`` (NIR up to 1.0.4)
    and to zero in files with it, unless the metadata that ``write_nir`` leaves says otherwise.
    Several edges into one node add up: a Merge named ``<node>.sum`` takes them. Biases that are all
    zero are dropped; leaky and other foreign neurons become Unsupported nodes with their reason.

    Args:
        path: the file.
        input_shape: channels, height, width; None: as the file says, unknown if it says nothing.

    Raises:
        SourceError: the file cannot be read, is damaged or contradicts itself; names the node.
    """
    shape = None if input_shape is None else checked_shape(input_shape, str(path))
    root = load_nir(path)
    source = os.fspath(path)
    nodes, edges = _contents(root, source, "", _mapping(_mapping(root, "metadata"), METADATA))
    inputs: dict[str, list[str]] = {name: [] for name in nodes}
    for before, after in dict.fromkeys(edges):
        for name in (before, after):
            if name not in nodes:
                raise SourceError(f"{source}: an edge leads to {name!r}, which does not exist")
        inputs[after].append(before)
    order = dict.fromkeys([*(name for edge in edges for name in edge), *nodes])
    nodes = {name: nodes[name] for name in order}
    if shape is not None:
        nodes.update({n: Input(shape) for n, node in nodes.items() if isinstance(node, Input)})
    return read_joins(prune(_with_sums(nodes, inputs, source)))


def _contents(
    fields: Mapping[str, Any], source: str, prefix: str, notes: Mapping[str, Any]
) -> tuple[dict[str, Node], list[tuple[str, str]]]:
    """Nodes and edges of a graph in the file; graphs inside it are unfolded."""
    listed = fields.get("nodes")
    if text(fields.get("type", ""), "type") != "NIRGraph" or not isinstance(listed, dict):
        raise SourceError(f"{source}: {prefix or 'the file'} holds no NIR graph with nodes")
    nodes: dict[str, Node] = {}
    entry: dict[str, str] = {}
    leave: dict[str, str] = {}
    edges: list[tuple[str, str]] = []
    for name, content in listed.items():
        full = prefix + name
        if not isinstance(content, dict):
            raise SourceError(f"{source}: {full}: a node was expected, got a single value")
        if isinstance(content.get("nodes"), dict):
            inner, more = _contents(content, source, f"{full}.", notes)
            entry[full], leave[full] = (
                _gate(inner, Input, full, source),
                _gate(inner, Output, full, source),
            )
            nodes.update(inner)
            nodes.update({entry[full]: Identity(), leave[full]: Identity()})
            edges += more
            continue
        nodes[full] = _node(
            content, {**_mapping(content, "metadata"), **_mapping(notes, full)}, full, source
        )
    for before, after in _edges(fields.get("edges"), source):
        edges.append(
            (leave.get(prefix + before, prefix + before), entry.get(prefix + after, prefix + after))
        )
    return nodes, edges


def _node(content: Mapping[str, Any], metadata: Mapping[str, Any], name: str, source: str) -> Node:
    try:
        return read_node(content, metadata)
    except (SourceError, ValueError, TypeError, OverflowError) as fault:
        raise SourceError(f"{source}: {name}: {fault}") from fault


def _gate(nodes: Mapping[str, Node], kind: type, name: str, source: str) -> str:
    found = [inner for inner, node in nodes.items() if isinstance(node, kind)]
    if len(found) != 1:
        raise SourceError(
            f"{source}: the graph {name} inside the network has {len(found)} "
            f"{kind.__name__} nodes, one was expected"
        )
    return found[0]


def _edges(value: Any, source: str) -> list[tuple[str, str]]:
    try:
        pairs = [] if value is None else value.tolist()
        return [(text(a, "an edge"), text(b, "an edge")) for a, b in pairs]
    except (AttributeError, TypeError, ValueError) as fault:
        raise SourceError(f"{source}: edges must be pairs of names") from fault


def _mapping(fields: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = fields.get(key)
    return value if isinstance(value, dict) else {}


def _with_sums(nodes: Mapping[str, Node], inputs: Mapping[str, list[str]], source: str) -> Graph:
    summed: dict[str, Node] = {}
    feeding = {name: tuple(before) for name, before in inputs.items()}
    for name, node in nodes.items():
        if not inputs[name] and not isinstance(node, Input):
            raise SourceError(f"{source}: {name} is fed by nothing")
        if len(inputs[name]) > 1 and not isinstance(node, Merge):
            total = fresh_name(f"{name}.sum", {**nodes, **summed})
            summed[total], feeding[total] = Merge(), feeding[name]
            feeding[name] = (total,)
        summed[name] = node
    return Graph(summed, feeding, source)
