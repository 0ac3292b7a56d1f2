"""How many neurons each spike of a chip image reaches, so that SynOps can be told apart in time.

The emulator counts additions as it does them; here the same number follows from where the spikes
came from: a spike of sender ``s`` at ``(f, y, x)`` causes ``reach[s -> r][f, y, x]`` additions in
receiver ``r``. Both counts agree exactly.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dynapdeploy.chip.image import DECIMATION, ChipImage, CoreImage, Destination
from dynapdeploy.compiled import cached
from dynapdeploy.synops.fanout import fanout_map

INPUT = -1
"""Stands for the input events where a sender's core id is expected."""


def reach_maps(image: ChipImage) -> dict[tuple[int, int], np.ndarray]:
    """Additions in a receiving core per spike of a sender, by (sender, receiver).

    The sender :data:`INPUT` is the input. Each map is int64 ``[f, h, w]`` of the sender, before
    any pooling.
    """
    own = {core.core: _fanout(core) for core in image.cores}
    maps = {(INPUT, entry): own[entry] for entry in image.entry}
    for core in image.cores:
        for destination in core.destinations:
            if destination.core is None:
                continue
            key = (core.core, destination.core)
            found = _seen_by_sender(own[destination.core], core, destination)
            maps[key] = maps[key] + found if key in maps else found
    return maps


def arrivals(
    image: ChipImage,
    maps: Mapping[tuple[int, int], np.ndarray],
    events: np.ndarray,
    monitored: Mapping[int, np.ndarray],
) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """When the additions of each core were caused: times and numbers, by core, sorted by time.

    Args:
        maps: of :func:`reach_maps`.
        events: input events ``[n]`` of the run.
        monitored: the spikes of every core, as :class:`~dynapdeploy.emulator.Emulation` has them.
            ``t`` is that of the input event that caused them: the chip's own delay is not known.

    Returns:
        int64 ``[k]`` times in µs and int64 ``[k]`` additions, for each core.
    """
    parts: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {core.core: [] for core in image.cores}
    passed = {core.core: _passed(core, monitored[core.core]) for core in image.cores}
    entered = events if image.sensor is None else image.sensor.apply(events)
    for (sender, receiver), reach in maps.items():
        spikes = entered if sender == INPUT else passed[sender]
        parts[receiver].append(_caused(spikes, reach))
    return {core: _in_order(pieces) for core, pieces in parts.items()}


@cached()
def _caused(spikes, reach):
    times, additions = np.empty(len(spikes), np.int64), np.empty(len(spikes), np.int64)
    for i in range(len(spikes)):
        spike = spikes[i]
        times[i], additions[i] = spike.t, reach[spike.p, spike.y, spike.x]
    return times, additions


def _in_order(pieces: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    if len(pieces) == 1:
        return pieces[0]
    times, additions = (
        np.concatenate([np.empty(0, np.int64), *column])
        for column in ([piece[i] for piece in pieces] for i in (0, 1))
    )
    order = np.argsort(times, kind="stable")
    return times[order], additions[order]


def _passed(core: CoreImage, spikes: np.ndarray) -> np.ndarray:
    if core.decimator is None:
        return spikes
    every = DECIMATION[core.decimator]
    return spikes[every - 1 :: every]


def _fanout(core: CoreImage) -> np.ndarray:
    return fanout_map(core.input_shape, core.weights.shape, core.stride, core.padding)  # type: ignore[arg-type]


def _seen_by_sender(fanout: np.ndarray, core: CoreImage, destination: Destination) -> np.ndarray:
    features, height, width = core.output_shape
    pooling, shift = destination.pooling, destination.feature_shift
    reach = np.zeros(core.output_shape, np.int64)
    wide = fanout[shift : shift + features].repeat(pooling, 1).repeat(pooling, 2)
    wide = wide[:, :height, :width]
    reach[: wide.shape[0], : wide.shape[1], : wide.shape[2]] = wide
    return reach
