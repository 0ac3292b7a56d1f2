"""Nodes of a NIR file as nodes of a graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dynapdeploy.errors import SourceError
from dynapdeploy.events import Shape
from dynapdeploy.graph.arrays import checked_bias, checked_weights
from dynapdeploy.graph.nir_file import text
from dynapdeploy.graph.nodes import (
    IAF,
    BatchNorm2d,
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
    Unsupported,
)
from dynapdeploy.graph.pooling import average_pooling, pair, pooling

Fields = Mapping[str, Any]


def read_node(fields: Fields, metadata: Fields) -> Node:
    """The node that one entry of a NIR file is.

    Args:
        fields: what the file holds for it, ``type`` included.
        metadata: what :func:`dynapdeploy.graph.to_nir.write_nir` noted about it, else empty.

    Raises:
        SourceError: a field is missing, unknown or makes no sense; the node is not named.
    """
    kind = text(fields.get("type"), "type")
    if kind not in READERS:
        return Unsupported(kind, REASONS.get(kind, "no core of the chip computes it"))
    reader, known = READERS[kind]
    unknown = sorted(set(fields) - {*known, "type", "metadata", "input_type", "output_type"})
    if unknown:
        raise SourceError(f"{kind} has a field {unknown[0]!r} whose meaning is not known")
    missing = sorted(set(known) - set(fields) - OPTIONAL)
    if missing:
        raise SourceError(f"{kind} lacks its field {missing[0]!r}")
    return reader(fields, metadata)


def map_shape(value: Any) -> Shape | None:
    """A shape as NIR writes it, (channels, height, width) or (features,); None if there is none.

    Raises:
        SourceError: it is something else.
    """
    if value is None:
        return None
    sizes = np.atleast_1d(np.asarray(value))
    whole = sizes.dtype.kind in "iu" and sizes.ndim == 1 and len(sizes) in (1, 3)
    if not whole or sizes.min() < 1:
        raise SourceError(
            f"its shape must be channels, height, width or a number of features, got {value}"
        )
    channels, height, width = (*sizes.tolist(), 1, 1)[:3]
    return channels, height, width


def _input(fields: Fields, metadata: Fields) -> Node:
    return Input(map_shape(fields.get("shape")))


def _output(fields: Fields, metadata: Fields) -> Node:
    return Output()


def _conv(fields: Fields, metadata: Fields) -> Node:
    weight = checked_weights(fields["weight"], "weight", 4)
    dilation = pair(fields["dilation"], "dilation", 1)
    padding = fields["padding"]
    if isinstance(padding, str):
        reach = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True)]
        if padding not in ("same", "valid"):
            raise SourceError(f"padding must be 'same', 'valid' or numbers, got {padding!r}")
        if padding == "same" and any(r % 2 for r in reach):
            return Unsupported("Conv2d", "padding 'same' of an even kernel pads one side more")
        padding = (0, 0) if padding == "valid" else (reach[0] // 2, reach[1] // 2)
    return Conv2d(
        weight,
        checked_bias(fields.get("bias"), len(weight)),
        pair(fields["stride"], "stride", 1),
        pair(padding, "padding", 0),
        dilation,
        pair(fields["groups"], "groups", 1)[0],
    )


def _affine(fields: Fields, metadata: Fields) -> Node:
    weight = checked_weights(fields["weight"], "weight", 2)
    return Linear(weight, checked_bias(fields.get("bias"), len(weight)))


def _sum_pool(fields: Fields, metadata: Fields) -> Node:
    return _pool(
        pooling("sum", fields["kernel_size"], fields["stride"], fields["padding"]), metadata
    )


def _average_pool(fields: Fields, metadata: Fields) -> Node:
    node = average_pooling(fields["kernel_size"], fields["stride"], fields["padding"])
    return _pool(node, metadata)


def _pool(node: Pool2d | Unsupported, metadata: Fields) -> Node:
    if isinstance(node, Unsupported) or not metadata.get("ceil_mode", False):
        return node
    return Pool2d(node.kind, node.kernel, node.stride, node.padding, True)


def _flatten(fields: Fields, metadata: Fields) -> Node:
    start, end = (pair(fields[key], key, -8)[0] for key in ("start_dim", "end_dim"))
    if start in (0, -3) and end in (-1, 2):
        return Flatten()
    return Unsupported(
        "Flatten", f"dimensions {start} to {end}; channels, height, width go together"
    )


def _if(fields: Fields, metadata: Fields) -> Node:
    resistance = _uniform(fields["r"], "r")
    threshold = _uniform(fields["v_threshold"], "v_threshold")
    after = _uniform(fields.get("v_reset", 0.0), "v_reset")
    if resistance is None or threshold is None or after is None:
        several = "r" if resistance is None else "v_threshold" if threshold is None else "v_reset"
        return Unsupported("IF", f"{several} differs between neurons of one layer; a core has one")
    if resistance <= 0 or threshold <= 0:
        return Unsupported("IF", f"threshold {threshold:g} and r {resistance:g} must be above 0")
    if metadata.get("activation") in ("relu", "qrelu"):
        return ReLU(quantized=metadata["activation"] == "qrelu")
    reset = metadata.get("reset", "zero" if "v_reset" in fields else "subtract")
    if reset not in ("zero", "subtract"):
        raise SourceError(f"reset must be 'zero' or 'subtract', got {reset!r}")
    if after != 0:
        return Unsupported("IF", f"v_reset={after:g}; the chip resets to 0 only")
    lower = metadata.get("lower_bound")
    bound = None if lower is None else _uniform(lower, "lower_bound")
    return IAF(threshold / resistance, None if bound is None else bound / resistance, reset)


def _scale(fields: Fields, metadata: Fields) -> Node:
    inert: dict[str, Node] = {"merge": Merge(), "identity": Identity(), "dropout": Dropout()}
    noted = metadata.get("kind")
    if isinstance(noted, str) and noted in inert:
        return inert[noted]
    scale = np.asarray(fields["scale"])
    if scale.ndim not in (0, 1, 3):
        raise SourceError(f"scale must be one number, one per channel or a map, got {scale.shape}")
    flat = checked_weights(scale.reshape(-1), "scale", 1)
    if (flat == 1).all():
        return Identity()
    per_channel = flat.reshape(len(scale) if scale.ndim else 1, -1)
    if scale.ndim == 0 or (per_channel != per_channel[:, :1]).any():
        return Unsupported("Scale", "it differs within a channel or names none; scale the weights")
    gamma = per_channel[:, 0].copy()
    return BatchNorm2d(gamma * 0, gamma * 0 + 1, gamma, gamma * 0, 0.0)


def _uniform(values: Any, what: str) -> float | None:
    array = np.asarray(values)
    if array.dtype.kind not in "fiu" or array.size == 0 or not np.isfinite(array).all():
        raise SourceError(f"{what} must be finite numbers")
    return float(array.flat[0]) if (array == array.flat[0]).all() else None


OPTIONAL = {"bias", "input_shape", "v_reset", "shape"}
"""Fields that may be absent."""

_CONV = ("input_shape", "weight", "stride", "padding", "dilation", "groups", "bias")
_POOL = ("kernel_size", "stride", "padding")

READERS: dict[str, tuple[Callable[[Fields, Fields], Node], tuple[str, ...]]] = {
    "Input": (_input, ("shape",)),
    "Output": (_output, ("shape",)),
    "Conv2d": (_conv, _CONV),
    "Affine": (_affine, ("weight", "bias")),
    "Linear": (_affine, ("weight",)),
    "SumPool2d": (_sum_pool, _POOL),
    "AvgPool2d": (_average_pool, _POOL),
    "Flatten": (_flatten, ("start_dim", "end_dim")),
    "IF": (_if, ("r", "v_threshold", "v_reset")),
    "Scale": (_scale, ("scale",)),
}
"""How to read a type of node, and the fields that it has."""

_LEAK = "leak: the membrane decays (tau, v_leak), the chip's does not"

REASONS = {
    "LIF": _LEAK,
    "LI": _LEAK,
    "CubaLI": f"{_LEAK}; and a synaptic current",
    "CubaLIF": f"{_LEAK}; and a synaptic current",
    "I": "an integrator that never fires",
    "Delay": "delays; events travel at once on the chip",
    "Conv1d": "one-dimensional; the chip convolves maps",
}
"""Why the chip cannot run a type of node that NIR knows."""
