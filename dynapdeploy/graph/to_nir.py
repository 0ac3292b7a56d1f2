"""Write a network as a NIR file."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from dynapdeploy.errors import OutputError, SourceError
from dynapdeploy.files import write_bytes
from dynapdeploy.graph.from_nir import METADATA
from dynapdeploy.graph.graph import Graph
from dynapdeploy.graph.nir_joins import spell_joins
from dynapdeploy.graph.nodes import (
    IAF,
    Conv2d,
    Dropout,
    Flatten,
    Identity,
    Input,
    Linear,
    Merge,
    Node,
    Output,
    Pool2d,
    ReLU,
)
from dynapdeploy.graph.shapes import infer_shapes

Notes = dict[str, str | int | float | bool]
"""What the metadata of one node holds."""


def write_nir(
    graph: Graph,
    path: str | os.PathLike[str],
    metadata: Mapping[str, Mapping[str, str | int | float | bool]] | None = None,
) -> None:
    """Write the network as a NIR file, with all shapes, readable by any NIR 1.0 reader.

    Neurons become ``IF`` (a ReLU one of threshold 1, r = 1). What NIR has no field for stands in
    the metadata of the node: ``reset`` ("subtract" or "zero"), ``lower_bound``, ``activation``
    ("relu" or "qrelu"), ``ceil_mode``, ``kind`` of a ``Scale`` of ones ("merge", "identity",
    "dropout"). NIR gives ``Conv2d`` and ``AvgPool2d`` no metadata: theirs is in the metadata of the
    whole graph, under ``dynapdeploy`` and the name of the node. ``read_nir`` gives the same graph,
    node by node, and so the same chip image. NIR has no concatenation: other readers find a sum of
    1x1 convolutions in its place (see :func:`dynapdeploy.graph.nir_joins.spell_joins`).

    Args:
        graph: the network; fold it first if it has BatchNorm.
        path: the file, replaced whole or not at all.
        metadata: more to note by node, for instance ``{"conv1": {"scale": 127.0, "bits": 8}}``.

    Raises:
        SourceError: a node has no counterpart in NIR (named), or shapes do not fit.
        OutputError: the file cannot be written.
    """
    import nir

    graph = spell_joins(graph)
    shapes = _nir_shapes(graph)
    extra = metadata or {}
    unknown = sorted(set(extra) - set(graph.nodes))
    if unknown:
        raise SourceError(f"{graph.source}: metadata for {unknown[0]}, which is no node")
    nodes: dict[str, Any] = {}
    elsewhere: dict[str, Notes] = {}
    for name, node in graph.nodes.items():
        before = [shapes[other] for other in graph.inputs[name]]
        try:
            if "/" in name or name in (".", ""):
                raise SourceError("a NIR file cannot hold this name")
            nodes[name] = _entry(node, before, shapes[name])
        except SourceError as fault:
            raise SourceError(f"{graph.source}: {name}: {fault}") from None
        notes: Notes = {**_notes(node), **extra.get(name, {})}
        if hasattr(nodes[name], "metadata"):
            nodes[name].metadata = notes
        elif notes:
            elsewhere[name] = notes
    edges = [(before, name) for name in graph.nodes for before in graph.inputs[name]]
    whole = nir.NIRGraph(nodes, edges, metadata={METADATA: elsewhere} if elsewhere else {})
    content = io.BytesIO()  # on a full disk the HDF5 library would take the process down
    try:
        nir.write(content, whole)
    except (OSError, ValueError, TypeError, RuntimeError) as fault:
        raise OutputError(f"cannot write {path} as NIR: {fault}") from fault
    write_bytes(path, content.getvalue())


def _nir_shapes(graph: Graph) -> dict[str, tuple[int, ...]]:
    """What NIR calls the shape of each node: (features,) behind a Flatten or Linear, else a map."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, shape in infer_shapes(graph).items():
        node = graph.nodes[name]
        row = isinstance(node, Flatten | Linear) or (
            not isinstance(node, Input | Conv2d | Pool2d)
            and any(len(shapes[other]) == 1 for other in graph.inputs[name])
        )
        shapes[name] = shape[:1] if row else shape
    return shapes


def _entry(node: Node, before: list[tuple[int, ...]], shape: tuple[int, ...]) -> Any:
    """The NIR node for ``node``, which is fed by maps of the shapes ``before``."""
    import nir

    if isinstance(node, Input):
        return nir.Input({"input": np.array(shape)})
    if isinstance(node, Output):
        return nir.Output({"output": np.array(shape)})
    if isinstance(node, Conv2d):
        return _convolution(node, before[0])
    if isinstance(node, Linear):
        if node.bias is None:
            return nir.Linear(node.weight)
        return nir.Affine(node.weight, node.bias)
    if isinstance(node, Pool2d):
        if node.kind == "max":
            raise SourceError("max pooling has no counterpart in NIR")
        pool = nir.SumPool2d if node.kind == "sum" else nir.AvgPool2d
        return pool(np.array(node.kernel), np.array(node.stride), np.array(node.padding))
    if isinstance(node, ReLU | IAF):
        threshold = node.threshold if isinstance(node, IAF) else 1.0
        return nir.IF(r=np.ones(shape), v_threshold=np.full(shape, threshold))
    if isinstance(node, Flatten):
        return nir.Flatten({"input": np.array(before[0])}, 0, -1)
    if isinstance(node, Merge | Identity | Dropout):
        return nir.Scale(np.ones(shape))
    raise SourceError(f"{type(node).__name__} has no counterpart in NIR; fold the network first")


def _convolution(node: Conv2d, before: tuple[int, ...]) -> Any:
    import nir

    if node.padding_mode != "zeros":
        raise SourceError(f"padding_mode {node.padding_mode!r} has no counterpart in NIR")
    return nir.Conv2d(
        input_shape=(*before, 1, 1)[1:3],
        weight=node.weight,
        stride=node.stride,
        padding=node.padding,
        dilation=node.dilation,
        groups=node.groups,
        bias=np.zeros(len(node.weight), np.float32) if node.bias is None else node.bias,
    )


def _notes(node: Node) -> Notes:
    if isinstance(node, IAF):
        bound: Notes = {} if node.lower_bound is None else {"lower_bound": float(node.lower_bound)}
        return {"reset": node.reset, **bound}
    if isinstance(node, ReLU):
        return {"activation": "qrelu" if node.quantized else "relu"}
    if isinstance(node, Pool2d):
        return {"ceil_mode": True} if node.ceil_mode else {}
    if isinstance(node, Merge | Identity | Dropout):
        return {"kind": type(node).__name__.lower()}
    return {}
