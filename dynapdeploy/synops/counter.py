"""A counter of SynOps that is hung onto a torch module and taken off again.

It listens to the neurons (ReLU, quantized ReLU, IAF of sinabs) wherever they are nested, and
multiplies their spikes by the fan-out of the place they come from. Nothing is added to the module,
no forward pass is changed, and the figures keep their gradients.

Definitions, for one layer that receives spikes:

=================  ============================================================================
exact              connections that exist: what the chip adds
nominal            spikes behind the pooling times ``ky * kx * out / strides``: the tables of sinabs
                   and SynOpLoss
nominal, all       spikes before the pooling, also those that it drops, times the same: the counter
                   that SynOpLoss trains with
=================  ============================================================================

Per sample is the sum over time, the mean over the samples; never a sum over the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from dynapdeploy.errors import InputError, Mismatch, SourceError
from dynapdeploy.events import Shape
from dynapdeploy.graph.from_torch import read_torch
from dynapdeploy.graph.shapes import infer_shapes
from dynapdeploy.synops.paths import layer_fanout, paths

if TYPE_CHECKING:
    import torch
    from torch import nn

DEFINITIONS = ("exact", "nominal", "nominal-all")


@dataclass(frozen=True, eq=False)
class _Connection:
    source: str
    layer: str
    fanout: float
    weights: dict[str, Any]


class SynOpCounter:
    """Counts the SynOps of ``model`` while it runs, until :meth:`remove`; also a context manager.

    Any layout works in which the last axes of a layer's output are its map: ``[c, h, w]``,
    ``[n, c, h, w]``, ``[n * steps, ...]`` or ``[n, steps, ...]``.

    Args:
        model: ``nn.Module`` as the graph's torch reader takes it; nested modules are found.
        input_shape: ``(c, h, w)`` of one sample or time step.
        steps: time steps per sample.
        accumulate: add up over forward passes until :meth:`reset`, instead of keeping the last.

    Raises:
        SourceError: the model cannot be read, or neurons in it are a function call, or one module
            stands in several places.
        InputError: ``steps`` is not at least 1.
    """

    def __init__(
        self, model: nn.Module, input_shape: Shape, *, steps: int = 1, accumulate: bool = False
    ):
        if steps < 1:
            raise InputError(f"SynOp counter: steps must be at least 1, got {steps}")
        self.steps, self.accumulate = steps, accumulate
        graph = read_torch(model, input_shape=input_shape)
        shapes = infer_shapes(graph)
        self._input = graph.input
        self._connections = [
            _Connection(
                path.source,
                path.layer,
                layer_fanout(graph.nodes[path.layer]),  # type: ignore[arg-type]
                {
                    "exact": path.exact.ravel(),
                    "arrivals": path.arrivals.ravel(),
                    "spikes": np.full(path.exact.size, path.nominal),
                },
            )
            for path in paths(graph, shapes)
        ]
        self._sizes = {c.source: prod(shapes[c.source]) for c in self._connections}
        self._spikes: dict[str, torch.Tensor] = {}
        self._rows: dict[str, int] = {}
        self._handles: list[Any] = []
        modules = dict(model.named_modules())
        for source in self._sizes:
            if source != self._input and source not in modules:
                raise SourceError(
                    f"{source}: it is a function call, or its module stands in more than one "
                    "place; the counter needs a module of its own for each layer of neurons"
                )
        for source in self._sizes:
            if source == self._input:
                self._handles.append(model.register_forward_pre_hook(self._note_input))
            else:
                self._handles.append(modules[source].register_forward_hook(self._listener(source)))

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers that receive spikes, in order."""
        return tuple(dict.fromkeys(connection.layer for connection in self._connections))

    @property
    def fed_by_input(self) -> frozenset[str]:
        """Names of the layers that the input's spikes reach."""
        return frozenset(c.layer for c in self._connections if c.source == self._input)

    def synops(
        self, definition: str = "exact", *, per_sample: bool = True
    ) -> dict[str, torch.Tensor]:
        """SynOps by receiving layer, float64 scalars with gradient.

        Args:
            definition: ``"exact"``, ``"nominal"`` or ``"nominal-all"``.
            per_sample: mean over the samples; else the sum over all of them.

        Raises:
            InputError: an unknown definition.
            Mismatch: nothing has run since the last reset, or rows are no whole samples.
        """
        if definition not in DEFINITIONS:
            raise InputError(
                f"SynOps: {', '.join(DEFINITIONS)} are the definitions, got {definition!r}"
            )
        kind = {"exact": "exact", "nominal": "arrivals", "nominal-all": "spikes"}[definition]
        factor = {"nominal": lambda c: c.fanout}.get(definition, lambda c: 1.0)
        return self._by_layer(kind, factor, per_sample)

    def arriving(self, *, per_sample: bool = True) -> dict[str, torch.Tensor]:
        """Spikes that arrive at each layer, behind the pooling; arguments as :meth:`synops`."""
        return self._by_layer("arrivals", lambda c: 1.0, per_sample)

    def spikes(self, *, per_sample: bool = True) -> dict[str, torch.Tensor]:
        """Spikes of each layer of neurons before any pooling, by the name of its module.

        The input and layers that no weights follow are left out; arguments as :meth:`synops`.
        """
        divisor = self.samples if per_sample else 1
        return {
            source: spikes.sum() / divisor
            for source, spikes in self._spikes.items()
            if source != self._input
        }

    def total(self, definition: str = "exact", *, with_input: bool = True) -> torch.Tensor:
        """SynOps per sample of the whole net, a scalar with gradient.

        ``with_input=False`` leaves out the layers that the input alone reaches: no weight changes
        their SynOps.
        """
        values = [
            value
            for layer, value in self.synops(definition).items()
            if with_input or layer not in self.fed_by_input
        ]
        return sum(values[1:], values[0])

    @property
    def rows(self) -> int:
        """Maps counted: samples times steps."""
        return max(self._rows.values(), default=0)

    @property
    def samples(self) -> int:
        """Samples counted. Raises ``Mismatch`` where the rows are no whole number of them."""
        if not self.rows or self.rows % self.steps:
            raise Mismatch(
                f"SynOp counter: {self.rows} maps were counted, a multiple of {self.steps} steps "
                "was expected"
            )
        return self.rows // self.steps

    def fanouts(self) -> dict[str, float]:
        """Nominal fan-out of a spike that arrives, by receiving layer."""
        return {connection.layer: connection.fanout for connection in self._connections}

    def reset(self) -> None:
        """Forget what was counted."""
        self._spikes.clear()
        self._rows.clear()

    def remove(self) -> None:
        """Take the counter off; the module is as before. What was counted can still be read."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def __enter__(self) -> SynOpCounter:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def _by_layer(
        self, kind: str, factor: Callable[[_Connection], float], per_sample: bool
    ) -> dict[str, torch.Tensor]:
        divisor = self.samples if per_sample else 1
        found: dict[str, torch.Tensor] = {}
        for connection in self._connections:
            spikes = self._spikes[connection.source]
            weights = spikes.new_tensor(connection.weights[kind])
            value = (spikes * weights).sum() * (factor(connection) / divisor)
            found[connection.layer] = found.get(connection.layer, 0.0) + value
        return found

    def _note_input(self, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        self._note(self._input, inputs[0])

    def _listener(self, source: str) -> Callable[..., None]:
        def listen(module: nn.Module, inputs: Any, output: torch.Tensor) -> None:
            self._note(source, output)

        return listen

    def _note(self, source: str, spikes: torch.Tensor) -> None:
        size = self._sizes[source]
        if spikes.numel() % size:
            raise Mismatch(
                f"SynOp counter: {source} gave {tuple(spikes.shape)}, maps of {size} values were "
                "expected; the input has another shape than the counter was made for"
            )
        maps = spikes.reshape(-1, size)
        summed = maps.sum(0).double()
        if self.accumulate and source in self._spikes:
            summed = self._spikes[source] + summed
            self._rows[source] += len(maps)
        else:
            self._rows[source] = len(maps)
        self._spikes[source] = summed
