"""A chip image as flat tables for the engine.

States lie ``[y][x][feature]``. Weights lie ``[channel][ky][phase][kx descending][feature]``, where
``phase = kx mod stride_x``: an event at x reaches only kernel columns of one phase, and its
neurons of one output row, with their weights, are then one contiguous run each.

An event outside the kernels is one int64: target in bits 48 to 61, channel from 32, y from 16, x
from 0. Targets are positions in ``image.cores``; the number of cores stands for the chip's output,
and what lies above it for a monitored core. A negative item of the input stands for so many ticks
of the slow clock.

An event that waits for a core is two int64. ``where``: the core from bit 54, from 48 which
of the input's items under way is the cause, the first output row reached from 32, its first neuron
from 0. ``what``: the number of rows from 52, of neurons per row
from 32, the first weight from 0. Both are sums of a part that channel and x give and one that y
gives, so whatever lies between a neuron and the next core, pooling, shift, stride or padding, its
spike costs four look-ups and two additions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dynapdeploy.chip.image import DECIMATION, STATE_MAX, ChipImage, CoreImage, Destination
from dynapdeploy.emulator import columns as at
from dynapdeploy.emulator.jitter import PARALLEL_CORES
from dynapdeploy.errors import ImageError
from dynapdeploy.events import Shape

MOST_CORES = 2 ** (63 - at.CORE_BITS)

NOWHERE = -(2**62)
"""Part of an address that lies outside the target's map."""


@dataclass(frozen=True, eq=False)
class Layout:
    """Tables of one image for one way of running it; read-only, shared by all runs.

    Attributes:
        cores: int64 ``[core, column]``, see :mod:`dynapdeploy.emulator.columns`.
        links: int64 ``[link, 4]``; a link leads from a core to a destination or a monitor.
        along_row: int64 ``[n, 2]``, for each core the parts that x and channel of an event give,
            for each link those that x and feature of a neuron give; below 0 outside the target.
        along_y: int64 ``[n, 2]``, likewise the parts of y.
        weights: int8, all cores.
        bias: int16, all cores.
        start: int16, the initial states of all cores.
        monitor: ids of the monitored cores.
        free_order: whether the order of the cores' work has no say in what comes out, since each
            core and the output are fed by one link only.
    """

    cores: np.ndarray
    links: np.ndarray
    along_row: np.ndarray
    along_y: np.ndarray
    weights: np.ndarray
    bias: np.ndarray
    start: np.ndarray
    monitor: tuple[int, ...]
    free_order: bool


def lay_out(image: ChipImage, monitor: Sequence[int] = (), *, queued: bool = True) -> Layout:
    """Tables for ``image``; without ``queued`` all spikes are handed out instead of worked off.

    Raises:
        ImageError: a core of which one event reaches more neurons than ``what`` can say.
    """
    position = {core.core: i for i, core in enumerate(image.cores)}
    tables = _Tables()
    inputs = {core.core: tables.core(i, core) for i, core in enumerate(image.cores)}
    for core, row in zip(image.cores, tables.cores, strict=True):
        features, height, width = core.output_shape
        links_in = links_out = 0
        row[at.FIRST_LINK] = len(tables.links)
        if core.core in monitor:
            target = len(position) + 1 + list(monitor).index(core.core)
            tables.link(core, Destination(None), _addresses(target, core.output_shape))
            links_out += 1
        row[at.STEADY_LINK] = len(tables.links)
        for to in core.destinations:
            if to.core is None:
                shape = (features + to.feature_shift, height, width)
                tables.link(core, to, _addresses(len(position), shape))
            elif queued:
                tables.link(core, to, inputs[to.core], position[to.core], into_queue=True)
            else:
                parts = _addresses(position[to.core], image[to.core].input_shape)
                tables.link(core, to, parts, position[to.core])
            links_in += queued and to.core is not None
            links_out += not queued or to.core is None
        row[at.LAST_LINK] = len(tables.links)
        neurons = row[at.HEIGHT] * row[at.ROW]
        row[at.QUEUE_ROOM], row[at.OUTPUT_ROOM] = (
            row[at.REACH] * links_in,
            row[at.REACH] * links_out,
        )
        row[at.LEAK_QUEUE_ROOM], row[at.LEAK_OUTPUT_ROOM] = neurons * links_in, neurons * links_out
    fed = [*image.entry, *(to.core for core in image.cores for to in core.destinations)]
    return tables.layout(tuple(monitor), free_order=len(set(fed)) == len(fed))


Parts = tuple[np.ndarray, np.ndarray]
"""int64 ``[x, channel, 2]`` and ``[y, 2]``, whose sums are the two numbers of an event."""


class _Tables:
    def __init__(self) -> None:
        self.cores: list[np.ndarray] = []
        self.links: list[list[int]] = []
        self.along_row: list[np.ndarray] = []
        self.along_y: list[np.ndarray] = []
        self.weights: list[np.ndarray] = []
        self.bias: list[np.ndarray] = []
        self.start: list[np.ndarray] = []

    def core(self, number: int, core: CoreImage) -> Parts:
        features, height, width = core.output_shape
        row = np.zeros(at.COLUMNS, np.int64)
        row[at.STATE] = _length(self.start)
        row[at.ROW], row[at.HEIGHT], row[at.FEATURES] = width * features, height, features
        row[at.KERNEL_STEP] = core.stride[0] * core.weights.shape[3] * features
        row[at.LOW], row[at.HIGH] = core.threshold_low, core.threshold_high
        row[at.DROP] = STATE_MAX if core.return_to_zero else core.threshold_high
        row[at.CHANNELS] = core.weights.shape[1]
        row[at.DECIMATE] = 1 if core.decimator is None else DECIMATION[core.decimator]
        row[at.BIAS] = -1 if core.bias is None else _length(self.bias)
        row[at.PARALLEL] = core.core in PARALLEL_CORES
        along_x, along_y = _along_x(core), _along_y(core)
        row[at.REACH] = along_x[:, 1].max() * along_y[:, 1].max()
        parts = _jobs(number, core, along_x, along_y, _length(self.weights))
        row[at.INPUT_ALONG_ROW], row[at.INPUT_ALONG_Y] = self._add(parts)
        start = np.zeros(core.output_shape, np.int16)
        self.start.append(
            (start if core.initial_state is None else core.initial_state).transpose(1, 2, 0)
        )
        self.weights.append(_weight_runs(core))
        if core.bias is not None:
            self.bias.append(core.bias)
        self.cores.append(row)
        return parts

    def link(
        self,
        core: CoreImage,
        to: Destination,
        target: Parts,
        drops: int = 0,
        *,
        into_queue: bool = False,
    ) -> None:
        """A link into the map of ``target``, with the pooling and shift of ``to``."""
        features, height, width = core.output_shape
        x = np.arange(width)[:, None] // to.pooling
        feature = np.arange(features)[None, :] + to.feature_shift
        y = np.arange(height) // to.pooling
        places = self._add((_taken(target[0], x, feature), _taken(target[1], y)))
        self.links.append([*places, int(into_queue), drops])

    def _add(self, parts: Parts) -> tuple[int, int]:
        places = _length(self.along_row) // 2, _length(self.along_y) // 2
        self.along_row.append(parts[0])
        self.along_y.append(parts[1])
        return places

    def layout(self, monitor: tuple[int, ...], *, free_order: bool) -> Layout:
        return Layout(
            np.array(self.cores, np.int64),
            np.array(self.links, np.int64).reshape(-1, 4),
            _joined(self.along_row, np.int64).reshape(-1, 2),
            _joined(self.along_y, np.int64).reshape(-1, 2),
            _joined(self.weights, np.int8, at.LANES),
            _joined(self.bias, np.int16),
            _joined(self.start, np.int16, at.LANES),
            monitor,
            free_order,
        )


def _taken(table: np.ndarray, *places: np.ndarray) -> np.ndarray:
    """``table[places]``, ``NOWHERE`` where a place lies outside."""
    sizes = table.shape[:-1]
    inside = np.logical_and.reduce(
        np.broadcast_arrays(*(place < size for place, size in zip(places, sizes, strict=True)))
    )
    clipped = (np.minimum(place, size - 1) for place, size in zip(places, sizes, strict=True))
    return np.where(inside[..., None], table[tuple(clipped)], (NOWHERE, 0))


def _addresses(target: int, shape: Shape) -> Parts:
    """Parts of an event outside the kernels; the second number is not used."""
    channels, height, width = shape
    along_row, along_y = np.zeros((width, channels, 2), np.int64), np.zeros((height, 2), np.int64)
    along_row[..., 0] = target << 48 | np.arange(channels) << 32 | np.arange(width)[:, None]
    along_y[:, 0] = np.arange(height) << 16
    return along_row, along_y


def _jobs(
    number: int, core: CoreImage, along_x: np.ndarray, along_y: np.ndarray, first_weight: int
) -> Parts:
    """Parts of an event that waits for ``core``."""
    channels, height, width = core.input_shape
    if number >= MOST_CORES:
        raise ImageError(f"image: the emulator takes up to {MOST_CORES} cores")
    first, count, weight = along_x.T[:, :, None]
    first_row, rows, kernel_row = along_y.T
    most_rows, most = 2 ** (63 - at.ROWS_BITS), 2 ** (at.ROWS_BITS - at.COUNT_BITS)
    if rows.max() >= most_rows or count.max() >= most:
        raise ImageError(
            f"core {core.core} ({core.name}): an event reaches {rows.max()} rows of "
            f"{count.max():,} neurons; the emulator takes up to {most_rows - 1} of {most - 1:,}"
        )
    by_channel = core.weights[:, 0].size * np.arange(channels)
    by_row, by_y = np.zeros((width, channels, 2), np.int64), np.zeros((height, 2), np.int64)
    by_row[..., 0] = (number << at.CORE_BITS) + first
    by_row[..., 1] = (count << at.COUNT_BITS) + first_weight + weight + by_channel
    by_y[:, 0] = first_row << at.ROW_BITS
    by_y[:, 1] = (rows << at.ROWS_BITS) + kernel_row
    return by_row, by_y


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
    return sum(part.size for part in parts)


def _joined(parts: list[np.ndarray], dtype, padding: int = 0) -> np.ndarray:
    flat = [np.ascontiguousarray(part).ravel() for part in parts]
    return np.concatenate([*flat, np.zeros(padding, dtype)]).astype(dtype, copy=False)
