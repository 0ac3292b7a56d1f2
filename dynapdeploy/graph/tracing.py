"""torch.fx tracing of a module, with an error that names the place where it fails."""

from __future__ import annotations

import operator
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import fx, nn

from dynapdeploy.errors import DeployError, SourceError
from dynapdeploy.graph.torch_modules import read_module


class WrittenProxy(fx.Proxy):
    """Notes ``h += k`` and its like as what they are: torch.fx takes them for ``h = h + k``, and
    loses that every other name of ``h`` changes too."""

    def __iadd__(self, other):
        return self._written(operator.iadd, other)

    def __isub__(self, other):
        return self._written(operator.isub, other)

    def __imul__(self, other):
        return self._written(operator.imul, other)

    def __itruediv__(self, other):
        return self._written(operator.itruediv, other)

    def _written(self, function, other):
        return self.tracer.create_proxy("call_function", function, (self, other), {})


class LayerTracer(fx.Tracer):
    """Stops at every module that is one node of the graph and looks into all others."""

    def __init__(self) -> None:
        super().__init__()
        self.entered: list[str] = []
        self.layers: set[nn.Module] = set()

    def trace(self, root, concrete_args=None) -> fx.Graph:
        """Find the layers before tracing begins: during it, weights are proxies too."""
        self.layers = {module for module in root.modules() if is_layer(module)}
        return super().trace(root, concrete_args)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        """What stands for a value while the network is traced."""
        return WrittenProxy(node, self)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return m in self.layers

    def call_module(self, m, forward, args, kwargs):
        """Note which module is being looked into; the name stays if its forward fails."""
        self.entered.append(self.path_of_module(m))
        result = super().call_module(m, forward, args, kwargs)
        self.entered.pop()
        return result


def is_layer(module: nn.Module) -> bool:
    """Whether ``module`` is one node of the graph, readable or not."""
    try:
        return read_module(module, None) is not None
    except SourceError:
        return True


def trace(module: nn.Module, source: str) -> fx.Graph:
    """The calls that ``module`` makes, in order; see :func:`untouched`.

    Raises:
        SourceError: the forward of a module cannot be traced (it branches on values, leaves torch,
            or fails); names the module, the line and what was raised.
    """
    tracer = LayerTracer()
    try:
        return tracer.trace(module)
    except DeployError:
        raise
    except (Exception, SystemExit) as fault:  # forward is the user's code and may raise anything
        inside = tracer.entered[-1] if tracer.entered else ""
        where = f"module {inside}" if inside else "the network's own forward"
        kind = type(module.get_submodule(inside) if inside else module).__name__
        raise SourceError(
            f"{source}: {where} ({kind}) cannot be traced{_line(fault)}: {_reason(fault)}"
        ) from fault


@contextmanager
def untouched(module: nn.Module) -> Iterator[None]:
    """Inside, ``module`` does not train; what tracing leaves in its attributes is taken out.

    A forward that keeps something (``self.last = x``) keeps no tensor while it is traced.
    """
    before = {part: dict(vars(part)) for part in module.modules()}
    for part in before:
        vars(part)["training"] = False
    try:
        yield
    finally:
        for part, attributes in before.items():
            vars(part).clear()
            vars(part).update(attributes)


def _reason(fault: BaseException) -> str:
    first = (str(fault) or type(fault).__name__).splitlines()[0]
    if "not installed as a submodule" in first:
        return "it calls a layer that it does not own; keep layers in nn.ModuleList, not in a list"
    return first


def _line(fault: BaseException) -> str:
    own = (Path(torch.__file__).parent, Path(__file__).parent)
    for frame in reversed(traceback.extract_tb(fault.__traceback__)):
        path = Path(frame.filename)
        generated = frame.filename.startswith("<")
        if not generated and not any(path.is_relative_to(folder) for folder in own):
            return f" at {path.name}:{frame.lineno} ({frame.line})"
    return ""
