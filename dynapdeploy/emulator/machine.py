"""Memory of one emulated chip, and the calls of the kernel that work on it."""

from __future__ import annotations

import numpy as np

from dynapdeploy.emulator import careful, kernel
from dynapdeploy.emulator.columns import (
    BATCH,
    DONE,
    ENTRY,
    HEAD,
    HEIGHT,
    ITEM,
    LANES,
    LEAK_OUTPUT_ROOM,
    OUT,
    OUTPUT_FULL,
    OUTPUT_ROOM,
    PROGRESS,
    QUEUE_ROOM,
    ROW,
    TOGETHER,
    WAITING,
)
from dynapdeploy.emulator.layout import Layout
from dynapdeploy.emulator.options import Options

LEAST_QUEUE = 2**10
LEAST_OUTPUT = 2**16


class Machine:
    """States, queue and counters of one chip.

    Attributes:
        state: int16, the membrane states of all cores as laid out.
        synops, spikes, dropped, low, high: int64 ``[core]``.
        counts: int64, spikes of each neuron as the states are laid out; empty if not asked for.
        progress: int64, what a call of the kernel leaves for the next.
    """

    def __init__(self, layout: Layout, options: Options | None, count_spikes: bool, peak: bool):
        self.layout = layout
        self.options = options
        self.together = TOGETHER if layout.free_order and not peak else 1
        self.counted = len(layout.start) if count_spikes else 0
        count = len(layout.cores)
        cores = layout.cores
        queues = count if options is not None and options.branches else 1
        queue_room = (
            2 ** int(2 * (BATCH * cores[:, QUEUE_ROOM].max() + TOGETHER * count)).bit_length()
        )
        self.queue = np.empty((queues, max(LEAST_QUEUE, queue_room), 2), np.int64)
        output_room = int(
            max(BATCH * cores[:, OUTPUT_ROOM].max(), cores[:, LEAK_OUTPUT_ROOM].max())
        )
        self.out_item = np.empty(max(LEAST_OUTPUT, output_room), np.int64)
        self.out_event = np.empty_like(self.out_item)
        groups = BATCH * int((cores[:, HEIGHT] * (cores[:, ROW] // LANES + 2)).max()) + 1
        self.firing = np.zeros(groups, np.uint32)
        self.origin = np.zeros(groups, np.int64)
        self.reset()

    def reset(self) -> None:
        """Put everything back to the start."""
        count = len(self.layout.cores)
        self.state = self.layout.start.copy()
        self.progress = np.zeros(PROGRESS, np.int64)
        self.synops, self.spikes, self.dropped, self.low, self.high, self.decimated = np.zeros(
            (6, count), np.int64
        )
        self.counts = np.zeros(self.counted, np.int64)
        self.heads, self.lengths = np.zeros((2, len(self.queue)), np.int64)
        seed = 0 if self.options is None else self.options.seed
        self.draws = np.array([seed], np.uint64)

    def work(
        self, items: np.ndarray, entry: np.ndarray, leaking: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Work off ``items``; return what left: positions of the causing items, and addresses.

        The arrays may be changed by the next call.

        Args:
            items: int64 ``[n]``, see :mod:`dynapdeploy.emulator.layout`.
            entry: positions of the cores that take the events among them.
            leaking: positions of the cores that take the ticks.
        """
        self.progress[ITEM] = -1
        self.progress[ENTRY] = len(entry)
        left: list[tuple[np.ndarray, np.ndarray]] = []
        while True:
            status = self._call(items, entry, leaking)
            out = self.progress[OUT]
            if status == DONE and not left:
                self.progress[OUT] = 0
                return self.out_item[:out], self.out_event[:out]
            if status in (DONE, OUTPUT_FULL):
                left.append((self.out_item[:out].copy(), self.out_event[:out].copy()))
                self.progress[OUT] = 0
            else:
                self._grow_queue()
            if status == DONE:
                return tuple(np.concatenate(part) for part in zip(*left, strict=True))  # type: ignore

    def _call(self, items: np.ndarray, entry: np.ndarray, leaking: np.ndarray) -> int:
        tables = self.layout
        common = (
            items, entry, leaking, tables.cores, tables.links, tables.along_row, tables.along_y,
            tables.weights, tables.bias, self.state, self.progress,
        )  # fmt: skip
        counters = (
            self.out_item, self.out_event, self.synops, self.spikes, self.dropped, self.decimated,
            self.counts,
        )  # fmt: skip
        if self.options is None:
            return kernel.run(
                *common, self.queue[0], *counters, self.firing, self.origin, self.together
            )
        return careful.run(
            *common, self.queue, *counters, self.firing, self.origin, self.heads, self.lengths,
            self.low, self.high, self.draws, self.options.flags(),
        )  # fmt: skip

    def _grow_queue(self) -> None:
        size = self.queue.shape[1]
        grown = np.empty((len(self.queue), 2 * size, 2), np.int64)
        if self.options is None:
            heads, lengths = self.progress[HEAD : HEAD + 1], self.progress[WAITING : WAITING + 1]
        else:
            heads, lengths = self.heads, self.lengths
        for queue, (head, length) in enumerate(zip(heads, lengths, strict=True)):
            places = (head + np.arange(length)) % size
            grown[queue, :length] = self.queue[queue, places]
        heads[:] = 0
        self.queue = grown
