"""torch functions that only lay a map out in another way, as nodes."""

from __future__ import annotations

import math

from dynapdeploy.graph.nodes import Concat, Flatten, Identity, Node, Unsupported
from dynapdeploy.graph.signals import NO_TENSOR, Signal


def read_flatten(input, start_dim=0, end_dim=-1) -> Node:
    """All but the batch in one row; batch and time in one row do nothing."""
    if start_dim in (1, -3) and end_dim in (-1, 3):
        return Flatten()
    if (start_dim, end_dim) == (0, 1):
        return Identity()
    return Unsupported(
        "flatten", f"dimensions {start_dim} to {end_dim}; all but the batch go together"
    )


def read_view(input, *size, shape=()) -> Node:
    """``view`` and ``reshape``: a row of all features, or the shape that the map has anyway."""
    sizes = tuple(shape) or size
    sizes = tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], tuple | list) else sizes
    if len(sizes) == 2 and _is_row(sizes, input.shape):
        return Flatten()
    if len(sizes) == 4 and input.shape is not None and _fits(sizes, input.shape):
        return Identity()
    text = ", ".join("?" if size is NO_TENSOR else str(size) for size in sizes)
    return Unsupported("view", f"to ({text}); only flattening to (batch, -1) keeps the order")


def _is_row(sizes: tuple, shape) -> bool:
    batch, features = sizes
    if features == -1:
        return batch != -1
    if not isinstance(features, int) or (batch is not NO_TENSOR and batch != -1):
        return False
    return shape is None or features == math.prod(shape)


def _fits(sizes: tuple, shape) -> bool:
    batch, *rest = sizes
    if (batch is not NO_TENSOR and batch != -1) or not all(isinstance(n, int) for n in rest):
        return False
    return all(n == size or (n == -1 != batch) for n, size in zip(rest, shape, strict=True))


def read_unflatten(input, dim, sizes) -> Node:
    """Batch into batch and time, or a row of features into as many maps of one pixel."""
    return unflattening(dim, sizes, input.shape)


def unflattening(dim: int, sizes, shape) -> Node:
    """The node of ``nn.Unflatten(dim, sizes)`` on a map of ``shape``."""
    wanted = tuple(sizes)
    if dim == 0:
        return Identity()
    ones = dim in (1, -1) and len(wanted) == 3 and wanted[1:] == (1, 1)
    if ones and (shape is None or wanted[0] in (-1, shape[0])):
        return Identity()
    whole = len(wanted) == 3 and all(isinstance(n, int) and n > 0 for n in wanted)
    return Unsupported(
        "Unflatten",
        f"dimension {dim} into {wanted}; no core lays out a row of features as a map",
        wanted if whole else None,
    )


def read_getitem(input, index) -> Node:
    """Indexing that picks nothing out and only adds axes of length 1."""
    parts = index if isinstance(index, tuple) else (index,)
    if all(part is None or part is Ellipsis or part == slice(None) for part in parts):
        return Identity()
    return Unsupported("getitem", "a part of a map; a core takes all channels and pixels")


def read_cat(tensors, dim=0) -> Node:
    """Several maps one behind the other along the channels."""
    if dim not in (1, -3):
        return Unsupported("cat", f"along dimension {dim}; only channels (1) can be concatenated")
    if not all(isinstance(tensor, Signal) for tensor in tensors):
        return Unsupported("cat", "of something that the network does not compute")
    return Concat()


def read_to(input, *args, **kwargs) -> Node:
    """Another device or another kind of floating-point number."""
    import torch

    for kind in (*args, *kwargs.values()):
        if isinstance(kind, torch.dtype) and not kind.is_floating_point:
            return Unsupported("to", f"{kind} rounds; only floating-point numbers stay as they are")
    return Identity()
