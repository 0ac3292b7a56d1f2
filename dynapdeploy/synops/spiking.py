"""A network as a spiking one in time steps, as the literature tests it: sinabs' IAFSqueeze layers.

In each step every neuron adds up all its input at once and may fire several times. The chip has no
steps: see the emulator for what it does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dynapdeploy.errors import DataError
from dynapdeploy.graph.graph import Graph
from dynapdeploy.graph.shapes import infer_shapes
from dynapdeploy.graph.to_sinabs import to_sinabs
from dynapdeploy.synops.counter import SynOpCounter
from dynapdeploy.synops.table import SynOpRow, synop_rows

if TYPE_CHECKING:
    from torch import nn

PARTS = 10
"""Points of the curve of accuracy over time."""


@dataclass(frozen=True, eq=False)
class SpikingRun:
    """What a spiking network in time steps does with some samples.

    Attributes:
        samples: number of samples.
        accuracy: share decided rightly; silence and ties count as wrong. None without labels.
        accuracy_over_time: the same after each tenth of a sample's time steps.
        silent: samples without any output spike.
        rows: SynOps by receiving layer, over all samples.
    """

    samples: int
    accuracy: float | None
    accuracy_over_time: tuple[float, ...]
    silent: int
    rows: tuple[SynOpRow, ...]

    @property
    def synops_per_sample(self) -> float:
        """Exact, the first layer's from the input included."""
        return sum(row.synops_exact_per_sample for row in self.rows)

    @property
    def synops_per_sample_nominal(self) -> float:
        """As SynOpLoss counts them."""
        return sum(row.synops_per_sample for row in self.rows)


def spiking_network(graph: Graph) -> nn.Module:
    """``graph`` with IAFSqueeze layers of batch size 1; pass it to :func:`run_spiking`."""
    return to_sinabs(graph, batch_size=1)


def run_spiking(
    network: nn.Module,
    graph: Graph,
    samples: Iterable[tuple[np.ndarray, int | None]],
    step_ms: float = 1.0,
    *,
    with_input: bool = True,
) -> SpikingRun:
    """Run samples one after the other, with the states reset in between.

    Args:
        network: from :func:`spiking_network`, its weights changed or not.
        graph: what it was made of.
        samples: input of each time step ``[steps, c, h, w]``, and the label.
        step_ms: duration of a step in milliseconds, for the SynOps per second.
        with_input: keep the rows of layers that the input reaches.

    Raises:
        DataError: there is no sample.
    """
    import sinabs
    import torch

    shapes = infer_shapes(graph)
    right: list[np.ndarray] = []
    silent = count = 0
    with (
        torch.no_grad(),
        SynOpCounter(network, shapes[graph.input], accumulate=True) as counter,
    ):
        for steps, label in samples:
            sinabs.reset_states(network)
            output = network(torch.from_numpy(np.ascontiguousarray(steps, np.float32)))
            spikes = output.flatten(1).numpy().cumsum(0)
            count += 1
            silent += int(not spikes[-1].any())
            if label is not None:
                right.append(_decided(spikes) == label)
    if not count:
        raise DataError("spiking network: there is no sample to run")
    rows = synop_rows(counter, step_ms, count)
    if not with_input:
        rows = tuple(row for row in rows if row.layer not in counter.fed_by_input)
    curve = np.mean(right, axis=0) if right else np.empty(0)
    return SpikingRun(
        count,
        float(curve[-1]) if len(curve) else None,
        tuple(float(value) for value in curve),
        silent,
        rows,
    )


def _decided(spikes: np.ndarray) -> np.ndarray:
    """Class after each tenth of the steps, -1 for none; ``spikes`` ``[steps, classes]`` so far."""
    ends = np.ceil(np.arange(1, PARTS + 1) / PARTS * len(spikes)).astype(int) - 1
    counts = spikes[ends]
    most = counts.max(axis=1)
    clear = (most > 0) & ((counts == most[:, None]).sum(axis=1) == 1)
    return np.where(clear, counts.argmax(axis=1), -1)
