"""A network as calls of torch and sinabs layers: what a writer builds, or writes down as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dynapdeploy.errors import SourceError
from dynapdeploy.graph.edit import fresh_name
from dynapdeploy.graph.graph import Graph
from dynapdeploy.graph.nodes import (
    IAF,
    BatchNorm2d,
    Concat,
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
from dynapdeploy.graph.shapes import infer_shapes


@dataclass(frozen=True, eq=False)
class Step:
    """One layer, or one join of several maps.

    Attributes:
        name: of the layer, fit to be a key of a torch container.
        kind: class to build, for instance ``nn.Conv2d``; ``input``, ``output``, ``add``, ``cat``.
        arguments: of its constructor: numbers, tuples and texts.
        feeding: names of the steps before.
        tensors: its state, by name.
    """

    name: str
    kind: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    feeding: tuple[str, ...] = ()
    tensors: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def is_layer(self) -> bool:
        """Whether a module stands for it."""
        return "." in self.kind


def plan(graph: Graph) -> tuple[Step, ...]:
    """The layers of ``graph`` in the order of their execution.

    ReLU becomes an IAF neuron of threshold 1 without lower bound. torch keeps features in
    ``[n, f]`` and maps in ``[n, c, h, w]``: where one meets the other, a Flatten or Unflatten is
    added, and an output of one pixel is flattened.

    Raises:
        SourceError: a node has no counterpart in torch or sinabs, or shapes do not fit.
    """
    shapes = infer_shapes(graph)
    steps: list[Step] = []
    named: dict[str, str] = {}
    flat: dict[str, bool] = {}
    taken = _reserved()

    def add(wanted: str, kind: str, arguments, feeding, tensors, is_flat: bool) -> str:
        name = fresh_name(_key(wanted), taken)
        taken.add(name)
        flat[name] = is_flat
        steps.append(Step(name, kind, arguments, tuple(feeding), tensors))
        return name

    def flattened(name: str, wanted: str) -> str:
        return name if flat[name] else add(f"{wanted}.flat", "nn.Flatten", {}, [name], {}, True)

    def as_map(name: str, wanted: str, channels: int) -> str:
        if not flat[name]:
            return name
        size = {"dim": 1, "unflattened_size": (channels, 1, 1)}
        return add(f"{wanted}.map", "nn.Unflatten", size, [name], {}, False)

    for name, node in graph.nodes.items():
        feeding = [named[other] for other in graph.inputs[name]]
        before = [shapes[other][0] for other in graph.inputs[name]]
        to_flat = isinstance(node, Linear)
        to_flat |= isinstance(node, Output) and shapes[name][1:] == (1, 1)
        to_flat |= isinstance(node, Merge | Concat) and any(flat[other] for other in feeding)
        if to_flat:
            feeding = [flattened(other, name) for other in feeding]
        elif isinstance(node, Conv2d | Pool2d | BatchNorm2d):
            feeding = [as_map(feeding[0], name, before[0])]
        try:
            kind, arguments, tensors = _layer(node)
        except SourceError as fault:
            raise SourceError(f"{graph.source}: {name}: {fault}") from None
        is_flat = isinstance(node, Flatten) or any(flat[other] for other in feeding)
        named[name] = add(name, kind, arguments, feeding, tensors, is_flat)
    return tuple(steps)


def _key(name: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in name) or "_"


def _reserved() -> set[str]:
    from torch import fx, nn

    return {*dir(nn.Sequential()), *dir(nn.ModuleDict()), *dir(fx.GraphModule)}


def _layer(node: Node) -> tuple[str, dict[str, Any], dict[str, np.ndarray]]:
    if isinstance(node, Conv2d | Linear | BatchNorm2d):
        return _weighted(node)
    if isinstance(node, Pool2d):
        return _pool(node)
    if isinstance(node, ReLU):
        return _neuron(IAF())
    if isinstance(node, IAF):
        return _neuron(node)
    if isinstance(node, Unsupported):
        raise SourceError(f"{node.kind} has no counterpart: {node.reason}")
    return KINDS[type(node)], {}, {}


KINDS: dict[type, str] = {
    Input: "input",
    Output: "output",
    Merge: "add",
    Concat: "cat",
    Flatten: "nn.Flatten",
    Dropout: "nn.Dropout",
    Identity: "nn.Identity",
}
"""Nodes without numbers."""


def _weighted(
    node: Conv2d | Linear | BatchNorm2d,
) -> tuple[str, dict[str, Any], dict[str, np.ndarray]]:
    if isinstance(node, BatchNorm2d):
        state = {
            "weight": node.gamma,
            "bias": node.beta,
            "running_mean": node.mean,
            "running_var": node.variance,
        }
        return "nn.BatchNorm2d", {"num_features": len(node.mean), "eps": node.eps}, state
    tensors = {"weight": node.weight} | ({} if node.bias is None else {"bias": node.bias})
    outputs, inputs = node.weight.shape[:2]
    bias = node.bias is not None
    if isinstance(node, Linear):
        sizes = {"in_features": inputs, "out_features": outputs, "bias": bias}
        return "nn.Linear", sizes, tensors
    arguments = {
        "in_channels": inputs * node.groups,
        "out_channels": outputs,
        "kernel_size": tuple(int(k) for k in node.weight.shape[2:]),
        "stride": node.stride,
        "padding": node.padding,
        "dilation": node.dilation,
        "groups": node.groups,
        "bias": bias,
        "padding_mode": node.padding_mode,
    }
    return "nn.Conv2d", arguments, tensors


def _pool(node: Pool2d) -> tuple[str, dict[str, Any], dict[str, np.ndarray]]:
    arguments = {"kernel_size": node.kernel, "stride": node.stride, "ceil_mode": node.ceil_mode}
    if node.kind != "sum":
        kind = "nn.MaxPool2d" if node.kind == "max" else "nn.AvgPool2d"
        return kind, {**arguments, "padding": node.padding}, {}
    if node.padding != (0, 0):
        raise SourceError(f"sum pooling with padding {node.padding}; sinabs pools without")
    return "sl.SumPool2d", arguments, {}


def _neuron(node: IAF) -> tuple[str, dict[str, Any], dict[str, np.ndarray]]:
    reset = "MembraneReset" if node.reset == "zero" else "MembraneSubtract"
    arguments = {
        "spike_threshold": node.threshold,
        "min_v_mem": node.lower_bound,
        "reset_fn": reset,
    }
    return "sl.IAFSqueeze", arguments, {}
