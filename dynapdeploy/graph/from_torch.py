"""Read a network from a torch module."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dynapdeploy.errors import SourceError
from dynapdeploy.events import Shape
from dynapdeploy.graph.edit import fresh_name, prune
from dynapdeploy.graph.graph import Graph
from dynapdeploy.graph.nodes import (
    IAF,
    Concat,
    Dropout,
    Flatten,
    Identity,
    Input,
    Merge,
    Node,
    Output,
    ReLU,
    Unsupported,
)
from dynapdeploy.graph.shapes import checked_shape, shape_after
from dynapdeploy.graph.signals import NO_TENSOR, Signal

if TYPE_CHECKING:
    from torch import fx, nn


def read_torch(
    module: nn.Module, input_shape: Sequence[int] | None = None, source: str = "network"
) -> Graph:
    """The network that ``module`` computes outside training, as a :class:`Graph`.

    ``nn.Sequential``, nested ones, networks of sinabs and any module that torch.fx can trace are
    read; ``module`` itself is not changed and not run. What a chip cannot do is kept (max pooling)
    or becomes an :class:`Unsupported` node with its reason, so that a check can tell all of it.
    Nodes are named after the path of their module, calls of functions after the function. Weights
    that the network computes from its parameters alone are computed once; a map times, plus or
    minus fixed numbers becomes a BatchNorm. Hooks are not looked at.

    Args:
        module: the network; its first argument is the map ``[n, c, h, w]``.
        input_shape: channels, height, width; needed where a layer depends on it
            (``AdaptiveAvgPool2d``, ``mean`` over the map). The graph keeps it.
        source: what messages call the network.

    Raises:
        SourceError: it is no module, cannot be traced, takes several inputs, or a layer's weights
            are not finite or do not fit the shape of its input.
    """
    import torch
    from torch import nn

    from dynapdeploy.graph.tracing import is_layer, trace, untouched

    if not isinstance(module, nn.Module):
        raise SourceError(f"{source}: a torch module was expected, got {type(module).__name__}")
    shape = None if input_shape is None else checked_shape(input_shape, source)
    root = _unwrapped(module)
    if isinstance(root, torch.jit.ScriptModule):
        raise SourceError(
            f"{source}: TorchScript ({type(module).__name__}) cannot be traced; "
            "give the nn.Module that it was made from"
        )
    if is_layer(root):
        root = nn.Sequential(root)
    with untouched(root):
        return _Reading(root, shape, source).graph_of(trace(root, source))


_WRITING = (operator.iadd, operator.isub, operator.imul, operator.itruediv)
"""Functions that write over their first argument."""
WRAPPERS = {
    ("sinabs", "Network"): "spiking_model",
    ("torch", "OptimizedModule"): "_orig_mod",
    ("torch", "DataParallel"): "module",
    ("torch", "DistributedDataParallel"): "module",
}
"""Modules that run another one, by package and name, and where they keep it."""


def _unwrapped(module: nn.Module) -> nn.Module:
    kind = type(module)
    inner = WRAPPERS.get((kind.__module__.partition(".")[0], kind.__name__))
    found = None if inner is None else getattr(module, inner, None)
    return module if found is None else _unwrapped(found)


class _Reading:
    """The walk over the calls of one network."""

    def __init__(self, root: nn.Module, shape: Shape | None, source: str):
        self.root = root
        self.source = source
        self.nodes: dict[str, Node] = {"input": Input(shape)}
        self.inputs: dict[str, tuple[str, ...]] = {}
        self.shapes: dict[str, Shape | None] = {"input": shape}
        self.values: dict[fx.Node, Any] = {}
        self.called: set[str] = set()
        self.place: dict[fx.Node, int] = {}

    def graph_of(self, calls: fx.Graph) -> Graph:
        self.place = {call: number for number, call in enumerate(calls.nodes)}
        for call in calls.nodes:
            read = getattr(self, f"_{call.op}")
            try:
                read(call)
            except SourceError as fault:
                raise SourceError(f"{self.source}: {self._title(call)}: {fault}") from None
        return prune(Graph(self.nodes, self.inputs, self.source))

    def _title(self, call: fx.Node) -> str:
        return str(call.target) if call.op == "call_module" else str(call.name)

    def _placeholder(self, call: fx.Node) -> None:
        if str(call.target).startswith("**") or (self.values and str(call.target)[0] == "*"):
            self.values[call] = NO_TENSOR
        elif not self.values:
            self.values[call] = Signal("input", self.shapes["input"])
        elif call.args:
            self.values[call] = call.args[0] if call.args[0] is None else NO_TENSOR
        else:
            raise SourceError("the network takes several inputs, one was expected")

    def _get_attr(self, call: fx.Node) -> None:
        import torch

        value: Any = self.root
        for part in str(call.target).split("."):
            value = getattr(value, part)
        self.values[call] = value.detach().clone() if isinstance(value, torch.Tensor) else value

    def _call_module(self, call: fx.Node) -> None:
        from dynapdeploy.graph.torch_modules import read_module

        path = str(call.target)
        signals = self._signals(call)
        if not signals:
            raise SourceError("it is called with nothing that the network computes")
        node = read_module(self.root.get_submodule(path), signals[0].shape)
        if node is None:
            raise SourceError("it was not expected to be called as a layer")
        if isinstance(node, IAF) and path in self.called:
            node = Unsupported("IAF", "called twice with one state; give each place its own layer")
        self.called.add(path)
        self._add(call, path, node, signals)

    def _call_function(self, call: fx.Node) -> None:
        from dynapdeploy.graph.torch_functions import read_function

        signals = self._signals(call)
        args, kwargs = self._arguments(call)
        if not signals:
            self.values[call] = _fixed(call, args, kwargs)
        elif call.target is getattr:
            self.values[call] = args[0].sizes if args[1] == "shape" else NO_TENSOR
        elif call.target is operator.getitem and self._is_unsupported(args[0]):
            self.values[call] = args[0]
        else:
            self._add(call, call.name, read_function(call.target, args, kwargs), signals)

    def _call_method(self, call: fx.Node) -> None:
        if call.target == "size" and self._signals(call):
            (signal, *axes), _ = self._arguments(call)
            self.values[call] = signal.sizes[axes[0]] if axes else signal.sizes
        elif call.target in ("dim", "numel", "type_as", "get_device") and self._signals(call):
            self.values[call] = NO_TENSOR
        else:
            self._call_function(call)

    def _is_unsupported(self, value: Any) -> bool:
        return isinstance(value, Signal) and isinstance(self.nodes[value.name], Unsupported)

    def _output(self, call: fx.Node) -> None:
        signals = self._signals(call)
        if not signals:
            raise SourceError("the network gives out nothing that it computes from its input")
        for signal in signals:
            name = fresh_name("output", self.nodes)
            self.nodes[name] = Output()
            self.inputs[name] = (signal.name,)

    def _arguments(self, call: fx.Node) -> tuple[tuple, dict]:
        from torch import fx

        args = fx.node.map_arg(call.args, lambda node: self.values[node])
        kwargs = fx.node.map_arg(call.kwargs, lambda node: self.values[node])
        return args, kwargs

    def _signals(self, call: fx.Node) -> list:
        from torch import fx

        found: list = []
        fx.node.map_arg((call.args, call.kwargs), lambda node: found.append(self.values[node]))
        return [value for value in found if isinstance(value, Signal)]

    def _add(self, call: fx.Node, wanted: str, node: Node, signals: list) -> None:
        feeding = [signal.name for signal in signals]
        if isinstance(node, Unsupported) and node.kind == "floor" and len(feeding) == 1:
            before = self.nodes[feeding[0]]
            node = ReLU(quantized=True) if isinstance(before, ReLU) else node
        if len(feeding) > 1 and not isinstance(node, Merge | Concat | Unsupported):
            node = Unsupported(type(node).__name__, f"{len(feeding)} inputs, one was expected")
        name = fresh_name(wanted, self.nodes)
        shape = self._shape(node, signals)
        self.nodes[name] = node
        self.inputs[name] = tuple(feeding)
        self.shapes[name] = shape
        if self._in_place(call):
            self._overwrite(call, signals[0], Signal(name, shape))
        self.values[call] = Signal(name, shape)

    def _in_place(self, call: fx.Node) -> bool:
        """Whether the call writes its result over its first argument."""
        if call.op == "call_module":
            return bool(getattr(self.root.get_submodule(str(call.target)), "inplace", False))
        args, kwargs = self._arguments(call)
        if not args or not isinstance(args[0], Signal):
            return False
        name = str(getattr(call.target, "__name__", call.target))
        written = (name.endswith("_") and not name.endswith("__")) or call.target in _WRITING
        return written or kwargs.get("inplace") is True or (name == "relu" and True in args[1:])

    def _overwrite(self, call: fx.Node, old: Signal, new: Signal) -> None:
        """From here on, what stood for ``old`` stands for ``new``."""
        for earlier, value in self.values.items():
            if not isinstance(value, Signal) or self._tensor(value.name) != self._tensor(old.name):
                continue
            if value.name == old.name:
                self.values[earlier] = new
            elif any(self.place[user] > self.place[call] for user in earlier.users):
                raise SourceError(
                    f"it changes in place what {earlier.name} stands for too, and that is used "
                    "again; give the result a name of its own"
                )

    def _tensor(self, name: str) -> str:
        """The node that made the tensor which ``name`` gives out, changed in its shape at most."""
        while isinstance(self.nodes[name], Flatten | Identity | Dropout):
            name = self.inputs[name][0]
        return name

    def _shape(self, node: Node, signals: list) -> Shape | None:
        if any(signal.shape is None for signal in signals):
            return None
        if isinstance(node, Unsupported) and node.shape is None:
            return None
        return shape_after(node, [signal.shape for signal in signals])


def _fixed(call: fx.Node, args: tuple, kwargs: dict) -> Any:
    """What a call gives that has nothing to do with the input of the network."""
    import torch

    if call.target is operator.getitem and isinstance(args[0], tuple):
        return args[0][args[1]]
    unknown = _holds(args, NO_TENSOR) or _holds(tuple(kwargs.values()), NO_TENSOR)
    if unknown:
        return NO_TENSOR
    try:
        with torch.no_grad():
            if callable(call.target):
                return call.target(*args, **kwargs)
            return getattr(args[0], str(call.target))(*args[1:], **kwargs)
    except Exception as fault:  # the user's own arithmetic on weights may raise anything
        raise SourceError(f"{type(fault).__name__}: {fault}") from fault


def _holds(value: Any, wanted: object) -> bool:
    if isinstance(value, tuple | list):
        return any(_holds(inner, wanted) for inner in value)
    return value is wanted
