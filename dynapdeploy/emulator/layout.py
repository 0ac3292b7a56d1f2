"""A chip image as flat tables for the engine.

States lie ``[y][x][feature]``. Weights lie ``[channel][ky][phase][kx descending][feature]``, where
``phase = kx mod stride_x``: an event at x reaches only kernel columns of one phase, and its
neurons of one output row, with their weights, are then one contiguous run each.

An event is one int64: target in bits 48 to 61, channel from 32, y from 16, x from 0. Targets are
positions in ``image.cores``; the number of cores stands for the chip's output, and what lies above
it for a monitored core. A negative item of the input stands for so many ticks of the slow clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dynapdeploy.chip.image import DECIMATION, ChipImage, CoreImage
from dynapdeploy.emulator import columns as at
from dynapdeploy.emulator.jitter import PARALLEL_CORES

NOWHERE = -(2**62)
"""Part of an address that lies outside the target's map."""


@dataclass(frozen=True, eq=False)
class Layout:
    """Tables of one image for one way of running it; read-only, shared by all runs.

    Attributes:
        cores: int64 ``[core, column]``, see :mod:`dynapdeploy.emulator.columns`.
        x_table: int64 ``[x of all cores, 3]``: first state of the row reached, length of the run,
            first weight.
        y_table: int64 ``[y of all cores, 3]``: first output row reached, rows, first kernel row.
        links: int64 ``[link, 4]``; a link leads from a core to a destination or a monitor.
        along_row: int64, per link and neuron of a row: target, feature and x of the address.
        along_y: int64, per link and row: y of the address.
        weights: int8, all cores.
        bias: int16, all cores.
        start: int16, the initial states of all cores.
        monitor: ids of the monitored cores.
    """

    cores: np.ndarray
    x_table: np.ndarray
    y_table: np.ndarray
    links: np.ndarray
    along_row: np.ndarray
    along_y: np.ndarray
    weights: np.ndarray
    bias: np.ndarray
    start: np.ndarray
    monitor: tuple[int, ...]


def lay_out(image: ChipImage, monitor: Sequence[int] = (), *, queued: bool = True) -> Layout:
    """Tables for ``image``; without ``queued`` all spikes are handed out instead of worked off."""
    position = {core.core: i for i, core in enumerate(image.cores)}
    tables = _Tables()
    for core in image.cores:
        row, reach = tables.core(core)
        links_in = links_out = 0
        row[at.FIRST_LINK] = len(tables.links)
        if core.core in monitor:
            target = len(position) + 1 + list(monitor).index(core.core)
            tables.link(core, target, 1, 0, None, False)
            links_out += 1
        row[at.STEADY_LINK] = len(tables.links)
        for to in core.destinations:
            target = len(position) if to.core is None else position[to.core]
            room = None if to.core is None else image[to.core].input_shape
            into_queue = queued and to.core is not None
            tables.link(core, target, to.pooling, to.feature_shift, room, into_queue)
            links_in += into_queue
            links_out += not into_queue
        row[at.LAST_LINK] = len(tables.links)
        neurons = row[at.HEIGHT] * row[at.ROW]
        row[at.QUEUE_ROOM], row[at.OUTPUT_ROOM] = reach * links_in, reach * links_out
        row[at.LEAK_QUEUE_ROOM], row[at.LEAK_OUTPUT_ROOM] = neurons * links_in, neurons * links_out
        tables.cores.append(row)
    return tables.layout(tuple(monitor))


class _Tables:
    def __init__(self) -> None:
        self.cores: list[np.ndarray] = []
        self.x_table: list[np.ndarray] = []
        self.y_table: list[np.ndarray] = []
        self.links: list[list[int]] = []
        self.along_row: list[np.ndarray] = []
        self.along_y: list[np.ndarray] = []
        self.weights: list[np.ndarray] = []
        self.bias: list[np.ndarray] = []
        self.start: list[np.ndarray] = []

    def core(self, core: CoreImage) -> tuple[np.ndarray, int]:
        features, height, width = core.output_shape
        kernel_x = core.weights.shape[3]
        row = np.zeros(at.COLUMNS, np.int64)
        row[at.STATE] = _length(self.start)
        row[at.ROW], row[at.HEIGHT], row[at.FEATURES] = width * features, height, features
        row[at.WEIGHTS] = _length(self.weights)
        row[at.CHANNEL] = core.weights.shape[2] * kernel_x * features
        row[at.KERNEL_STEP] = core.stride[0] * kernel_x * features
        row[at.LOW], row[at.HIGH] = core.threshold_low, core.threshold_high
        row[at.KEEP] = 0 if core.return_to_zero else -1
        row[at.X_TABLE], row[at.Y_TABLE] = _length(self.x_table), _length(self.y_table)
        row[at.DECIMATE] = 1 if core.decimator is None else DECIMATION[core.decimator]
        row[at.BIAS] = -1 if core.bias is None else _length(self.bias)
        row[at.PARALLEL] = core.core in PARALLEL_CORES
        start = np.zeros(core.output_shape, np.int16)
        self.start.append(
            (start if core.initial_state is None else core.initial_state).transpose(1, 2, 0)
        )
        self.weights.append(_weight_runs(core))
        self.x_table.append(_along_x(core))
        self.y_table.append(_along_y(core))
        reach = int(self.x_table[-1][:, at.RUN].max() * self.y_table[-1][:, at.ROWS].max())
        if core.bias is not None:
            self.bias.append(core.bias)
        return row, reach

    def link(
        self, core: CoreImage, target: int, pooling: int, shift: int, room, into_queue: bool
    ) -> None:
        features, height, width = core.output_shape
        channels, rows, columns = room or (2**62, 2**62, 2**62)
        self.links.append(
            [
                _length(self.along_row),
                _length(self.along_y),
                int(into_queue),
                target if room else 0,
            ]
        )
        x = np.arange(width)[:, None] // pooling
        feature = np.arange(features)[None, :] + shift
        inside = (x < columns) & (feature < channels)
        self.along_row.append(
            np.where(inside, (target << 48) | (feature << 32) | x, NOWHERE).ravel()
        )
        y = np.arange(height) // pooling
        self.along_y.append(np.where(y < rows, y << 16, NOWHERE))

    def layout(self, monitor: tuple[int, ...]) -> Layout:
        return Layout(
            np.array(self.cores, np.int64),
            np.concatenate(self.x_table),
            np.concatenate(self.y_table),
            np.array(self.links, np.int64).reshape(-1, 4),
            _joined(self.along_row, np.int64),
            _joined(self.along_y, np.int64),
            _joined(self.weights, np.int8, at.LANES),
            _joined(self.bias, np.int16),
            _joined(self.start, np.int16, at.LANES),
            monitor,
        )


def _along_x(core: CoreImage) -> np.ndarray:
    """Per input x: offset of the first state reached in a row, length of the run, first weight."""
    features, _, width = core.output_shape
    kernel, stride = core.weights.shape[3], core.stride[1]
    padded = np.arange(core.input_shape[2]) + core.padding[1]
    phase = padded % stride
    columns = np.maximum(0, -(-(kernel - phase) // stride))
    before = np.array(
        [sum(-(-(kernel - q) // stride) for q in range(min(p, kernel))) for p in phase]
    )
    last = padded // stride
    first = last - columns + 1
    low, high = np.maximum(first, 0), np.minimum(last, width - 1)
    count = np.maximum(0, high - low + 1)
    table = np.stack([low, count, before + low - first], 1) * features
    return np.where(count[:, None] > 0, table, 0).astype(np.int64)


def _along_y(core: CoreImage) -> np.ndarray:
    """Per input y: first output row reached, number of rows, offset of the first kernel row."""
    features, height, _ = core.output_shape
    kernel, stride = core.weights.shape[2], core.stride[0]
    padded = np.arange(core.input_shape[1]) + core.padding[0]
    low = np.maximum(0, -(-(padded - kernel + 1) // stride))
    high = np.minimum(height - 1, padded // stride)
    count = np.maximum(0, high - low + 1)
    kernel_row = (padded - low * stride) * core.weights.shape[3] * features
    return np.where(count[:, None] > 0, np.stack([low, count, kernel_row], 1), 0).astype(np.int64)


def _weight_runs(core: CoreImage) -> np.ndarray:
    """Weights int8 ``[channel, ky, phase and kx descending, feature]``."""
    kernel, stride = core.weights.shape[3], core.stride[1]
    columns = [
        kx for phase in range(min(stride, kernel)) for kx in reversed(range(phase, kernel, stride))
    ]
    return core.weights.transpose(1, 2, 3, 0)[:, :, columns, :]


def _length(parts: list[np.ndarray]) -> int:
    return sum(part.size if part.ndim != 2 else len(part) for part in parts)


def _joined(parts: list[np.ndarray], dtype, padding: int = 0) -> np.ndarray:
    flat = [np.ascontiguousarray(part).ravel() for part in parts]
    return np.concatenate([*flat, np.zeros(padding, dtype)]).astype(dtype, copy=False)
