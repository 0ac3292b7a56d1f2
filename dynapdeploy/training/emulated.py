"""What the chip image of a net in training does with recordings: spike counts of every neuron."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import nn

from dynapdeploy.chip.image import ChipImage
from dynapdeploy.chip.input_coding import InputCoding
from dynapdeploy.emulator import emulate_each
from dynapdeploy.events import Shape
from dynapdeploy.training.weight_grid import compiled


@dataclass(frozen=True, eq=False)
class SpikeCounts:
    """Counts over whole recordings.

    Attributes:
        layers: float32 ``[n, f, h, w]`` by layer name, spikes of each neuron before pooling.
        output: float32 ``[n, classes]``, spikes that left the chip.
        synops: float64 ``[n]``, additions in all cores.
        spikes: by layer name, the spikes themselves for each recording.
    """

    layers: dict[str, np.ndarray]
    output: np.ndarray
    synops: np.ndarray
    spikes: dict[str, list[np.ndarray]]


def chip_image(
    model: nn.Module, input_shape: Shape, coding: InputCoding | None = None
) -> ChipImage:
    """The image of ``model`` as it stands, quantized as every conversion does.

    Raises:
        CheckFailed: no chip of the family runs such a net.
    """
    return compiled(model, input_shape).image(coding)


def spike_counts(
    image: ChipImage,
    recordings: Sequence[np.ndarray],
    *,
    layers: bool = True,
    workers: int | None = None,
) -> SpikeCounts:
    """Run each recording from the initial states and count.

    Args:
        recordings: events as they enter the entry cores.
        layers: count and keep each neuron's spikes, not only the output's.
        workers: threads; None for one per processor. They have no say in the result.
    """
    count = len(recordings)
    found = {
        core.name: np.zeros((count, *core.output_shape), np.float32)
        for core in image.cores
        if layers
    }
    output = np.zeros((count, image.output_features), np.float32)
    synops = np.zeros(count)
    spikes: dict[str, list[np.ndarray]] = {name: [] for name in found}
    monitor = [core.core for core in image.cores if layers]
    runs = emulate_each(image, recordings, workers=workers, count_spikes=layers, monitor=monitor)
    for index, run in enumerate(runs):
        synops[index] = sum(run.synops.values())
        output[index] = np.bincount(run.events["p"], minlength=image.output_features)
        for core in image.cores if layers else ():
            found[core.name][index] = run.counts[core.core]
            spikes[core.name].append(run.monitored[core.core])
    return SpikeCounts(found, output, synops, spikes)
