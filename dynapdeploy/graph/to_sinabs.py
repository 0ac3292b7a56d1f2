"""Write a network as a spiking network of sinabs, in memory or as files."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dynapdeploy.errors import OutputError
from dynapdeploy.files import write_bytes, write_text
from dynapdeploy.graph.graph import Graph
from dynapdeploy.graph.layer_plan import Step, plan
from dynapdeploy.graph.sinabs_text import sinabs_text

if TYPE_CHECKING:
    from torch import nn


def to_sinabs(graph: Graph, batch_size: int = 1) -> nn.Module:
    """The network with ``IAFSqueeze`` neurons, for maps ``[batch * time, c, h, w]`` of events.

    A chain becomes an ``nn.Sequential``, a network with branches a traced module. Every neuron
    layer has a threshold tensor of its own: sinabs' default one is shared by all layers. ReLUs
    become neurons of threshold 1 without lower bound, which sinabs' ``from_model`` would put at -1.

    Raises:
        SourceError: a node has no counterpart (named), or shapes do not fit.
    """
    from torch import fx, nn

    steps = plan(graph)
    layers = OrderedDict((s.name, _module(s, batch_size)) for s in steps if s.is_layer)
    if is_chain(steps):
        return nn.Sequential(layers).eval()
    calls = fx.Graph()
    values: dict[str, Any] = {}
    results = []
    for step in steps:
        feeding = [values[other] for other in step.feeding]
        if step.kind == "output":
            results.append(feeding[0])
        else:
            values[step.name] = _call(calls, step, feeding)
    calls.output(results[0] if len(results) == 1 else tuple(results))
    return fx.GraphModule(nn.ModuleDict(layers), calls).eval()


def write_sinabs(graph: Graph, path: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Write the spiking network as two files: ``NAME.py``, which builds it, and its weights.

    ``path`` names either of them or has no ending. ``NAME.py`` needs torch, sinabs and safetensors
    only, and reads ``NAME.safetensors`` beside it; ``build(batch_size)`` in it gives the network.

    Returns:
        The paths of the ``.py`` and of the ``.safetensors`` file.

    Raises:
        OutputError: a file cannot be written.
        SourceError: as for :func:`to_sinabs`.
    """
    from safetensors.numpy import save

    target = Path(path)
    base = target.with_suffix("") if target.suffix in (".py", ".safetensors") else target
    if not base.name:
        raise OutputError(f"cannot write {path}: a file name was expected")
    code, weights = base.with_name(f"{base.name}.py"), base.with_name(f"{base.name}.safetensors")
    steps = plan(graph)
    state = {
        f"{step.name}.{key}": np.ascontiguousarray(array, np.float32)
        for step in steps
        for key, array in step.tensors.items()
    }
    write_bytes(weights, save(state))
    write_text(code, sinabs_text(steps, is_chain(steps), weights.name, Path(graph.source).name))
    return code, weights


def is_chain(steps: Sequence[Step]) -> bool:
    """Whether each step feeds the next one and nothing else."""
    chained = all(after.feeding == (before.name,) for before, after in pairwise(steps))
    return chained and sum(step.kind == "output" for step in steps) == 1


def _call(calls, step: Step, feeding: list):
    import torch

    if step.kind == "input":
        return calls.placeholder("events")
    if step.kind == "cat":
        return calls.call_function(torch.cat, (feeding, 1))
    if step.kind == "add":
        total = feeding[0]
        for other in feeding[1:]:
            total = calls.call_function(torch.add, (total, other))
        return total
    return calls.call_module(step.name, (feeding[0],))


def _module(step: Step, batch_size: int) -> nn.Module:
    import sinabs.activation
    import sinabs.layers
    import torch

    package, name = step.kind.split(".")
    arguments = dict(step.arguments)
    if step.kind == "sl.IAFSqueeze":
        arguments["spike_threshold"] = torch.tensor(float(arguments["spike_threshold"]))
        arguments["reset_fn"] = getattr(sinabs.activation, arguments["reset_fn"])()
        arguments["batch_size"] = batch_size
    module = getattr(torch.nn if package == "nn" else sinabs.layers, name)(**arguments)
    tensors = {key: torch.tensor(np.asarray(a, np.float32)) for key, a in step.tensors.items()}
    if tensors:
        module.load_state_dict(tensors, strict=False)
    return module
