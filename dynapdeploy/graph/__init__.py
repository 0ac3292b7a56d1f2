"""The network as plain data: nodes, graph, readers, writers and folding.

Readers and writers bring torch, nir and sinabs with them only when they are called.
"""

from dynapdeploy.graph.evaluate import activations, evaluate
from dynapdeploy.graph.fold import fold, unsupported
from dynapdeploy.graph.from_nir import read_nir
from dynapdeploy.graph.from_torch import read_torch
from dynapdeploy.graph.graph import Graph, chain
from dynapdeploy.graph.shapes import infer_shapes, with_input_shape
from dynapdeploy.graph.to_nir import write_nir
from dynapdeploy.graph.to_sinabs import to_sinabs, write_sinabs

__all__ = [
    "Graph",
    "activations",
    "chain",
    "evaluate",
    "fold",
    "infer_shapes",
    "read_nir",
    "read_torch",
    "to_sinabs",
    "unsupported",
    "with_input_shape",
    "write_nir",
    "write_sinabs",
]
