"""Where networks come from: a module in memory, or what the user names on the command line.

A source is one of: the name of a known model, the folder of a training run, a ``.nir`` file,
``file.py:factory`` or ``package.module:factory``. Only the last two run code, the user's own.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dynapdeploy.chip.input_coding import InputCoding, PixelCoding
from dynapdeploy.errors import SourceError
from dynapdeploy.events import Shape
from dynapdeploy.graph.graph import Graph

if TYPE_CHECKING:
    from torch import nn

    from dynapdeploy.training.models import Model


@dataclass(frozen=True, eq=False)
class Source:
    """A network read from somewhere, and what is known about its input.

    Attributes:
        graph: the network.
        coding: how samples become its input events.
        trained: False for a known model without weights of its own.
        data: data set it was trained on (``kind:path``), None if unknown.
        classes: names of its classes, empty if unknown.
        module: the torch module it was read from, None if it was none.
        untuned: the network of a training run before it was tuned on the emulator; its weights are
            those that the float and the QReLU net make sense of. None where there was no tuning.
    """

    graph: Graph
    coding: InputCoding = field(default_factory=InputCoding)
    trained: bool = True
    data: str | None = None
    classes: tuple[str, ...] = ()
    module: nn.Module | None = None
    untuned: Graph | None = None


def read_source(
    source: Any,
    input_shape: Sequence[int] | None = None,
    weights: str | os.PathLike[str] | None = None,
    coding: InputCoding | None = None,
) -> Source:
    """Read a network.

    Args:
        source: an ``nn.Module``, a :class:`Graph`, or text as described in this module.
        input_shape: channels, height, width, where the source does not say it.
        weights: state dict for a factory or a known model (safetensors, or a torch file).
        coding: overrides the input coding that the source brings.

    Raises:
        SourceError: it cannot be found, read or understood, or ``input_shape`` does not fit.
    """
    if isinstance(source, Source):
        found = source
    elif isinstance(source, Graph):
        found = Source(_with_shape(source, input_shape))
    elif isinstance(source, str | os.PathLike):
        found = _named(os.fspath(source), input_shape, weights)
    else:
        found = Source(_from_module(source, input_shape, "network"), module=source)
    return found if coding is None else replace(found, coding=coding)


def with_coding(
    source: Source, merge_polarity: bool | None, events_per_unit: float | None
) -> Source:
    """The same source with parts of its input coding chosen by the user; None leaves one as is."""
    coding = source.coding
    if merge_polarity is not None:
        coding = replace(coding, merge_polarity=merge_polarity)
    if events_per_unit is not None:
        pixels = coding.pixels or PixelCoding(events_per_unit)
        coding = replace(coding, pixels=replace(pixels, events_per_unit=events_per_unit))
    return replace(source, coding=coding)


def _named(name: str, input_shape: Sequence[int] | None, weights) -> Source:
    if not name:
        raise SourceError("the name of the source is empty")
    path, colon, factory = name.rpartition(":")
    if colon and factory.isidentifier() and path:
        return _from_factory(path, factory, input_shape, weights)
    if not Path(name).exists() and not name.endswith(".nir"):
        return _known_model(name, input_shape, weights)
    if weights is not None:
        raise SourceError(f"--weights goes with a model or a factory, {name} brings its own")
    if Path(name).is_dir():
        return _from_run(name, input_shape)
    if name.endswith(".nir"):
        from dynapdeploy.graph.from_nir import read_nir

        return Source(_with_shape(read_nir(name), input_shape))
    raise SourceError(f"{name}: a .nir file, a training folder or file.py:factory was expected")


def _known_model(name: str, input_shape: Sequence[int] | None, weights) -> Source:
    from dynapdeploy.training.models import MODELS

    if name not in MODELS:
        near = difflib.get_close_matches(name, list(MODELS), n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise SourceError(
            f"no network found at {name!r}.{hint} Expected a training folder, a .nir file, "
            f"file.py:factory, or one of the models {', '.join(MODELS)}"
        )
    model = MODELS[name]
    shape = _shape(input_shape) or model.input_shape
    module = _fresh(model, shape)
    if weights is not None:
        _load_weights(module, weights)
    graph = _from_module(module, shape, name)
    return Source(graph, model.coding, trained=weights is not None, module=module)


def _fresh(model: Model, shape: Shape) -> nn.Sequential:
    """The model with weights that are the same at every call."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(0)
        return model.build(shape, model.classes)


def _from_run(folder: str, input_shape: Sequence[int] | None) -> Source:
    from dynapdeploy.training.run import load_run

    run = load_run(folder)
    if input_shape is not None and tuple(input_shape) != tuple(run.input_shape):
        raise SourceError(
            f"{folder}: trained on input {run.input_shape}, --input-shape says {tuple(input_shape)}"
        )
    graph = _from_module(run.module, run.input_shape, folder)
    before = load_run(folder, tuned=False)
    return Source(
        graph,
        run.coding,
        data=run.data,
        classes=run.classes,
        module=run.module,
        untuned=_from_module(before.module, run.input_shape, folder),
    )


def _from_factory(path: str, factory: str, input_shape: Sequence[int] | None, weights) -> Source:
    name = f"{path}:{factory}"
    function = getattr(_module_at(path, name), factory, None)
    if not callable(function):
        raise SourceError(f"{name}: there is no function {factory} in {path}")
    try:
        module = function()
    except (Exception, SystemExit) as fault:
        raise SourceError(f"{name}: the factory failed, {type(fault).__name__}: {fault}") from fault
    if weights is not None:
        _load_weights(module, weights)
    shape = input_shape or getattr(module, "input_shape", None)
    coding = getattr(module, "input_coding", None)
    coding = coding if isinstance(coding, InputCoding) else InputCoding()
    return Source(_from_module(module, shape, name), coding, module=module)


def _module_at(path: str, name: str):
    try:
        if not path.endswith(".py"):
            sys.path.insert(0, os.getcwd())
            try:
                return importlib.import_module(path)
            finally:
                sys.path.remove(os.getcwd())
        if not Path(path).is_file():
            raise SourceError(f"{name}: there is no file {path}")
        spec = importlib.util.spec_from_file_location(Path(path).stem, path)
        if spec is None or spec.loader is None:
            raise SourceError(f"{name}: {path} is not a Python file")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    except SourceError:
        raise
    except (Exception, SystemExit) as fault:
        raise SourceError(
            f"{name}: importing it failed, {type(fault).__name__}: {fault}"
        ) from fault


def _load_weights(module: nn.Module, path: str | os.PathLike[str]) -> None:
    """Load a state dict into ``module``; a pickle that holds code is refused unexecuted."""
    import pickle

    import torch
    from safetensors.torch import load_file

    if not Path(path).is_file():
        raise SourceError(f"weights {path}: there is no such file")
    try:
        if str(path).endswith(".safetensors"):
            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as fault:
        raise SourceError(
            f"weights {path}: not a state dict of tensors; anything that would run code is refused"
        ) from fault
    except Exception as fault:  # torch's reader of damaged files raises errors of any kind
        raise SourceError(
            f"weights {path}: damaged or not a file of weights ({type(fault).__name__}: {fault})"
        ) from fault
    if not isinstance(state, dict) or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise SourceError(f"weights {path}: a state dict of tensors was expected")
    try:
        module.load_state_dict(state)
    except RuntimeError as fault:
        lines = [line.strip() for line in str(fault).splitlines()[1:]]
        raise SourceError(f"weights {path} do not fit the network: {' '.join(lines)}") from fault


def _from_module(module, input_shape: Sequence[int] | None, name: str) -> Graph:
    from dynapdeploy.graph.from_torch import read_torch

    return read_torch(module, input_shape=_shape(input_shape), source=name)


def _with_shape(graph: Graph, input_shape: Sequence[int] | None) -> Graph:
    from dynapdeploy.graph.shapes import with_input_shape

    return graph if input_shape is None else with_input_shape(graph, input_shape)


def _shape(values: Sequence[int] | None) -> Shape | None:
    from dynapdeploy.graph.shapes import checked_shape

    return None if values is None else checked_shape(values)
