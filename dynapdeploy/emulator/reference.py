"""The chip's arithmetic in plain Python: slow, and meant to be right at first sight.

Nothing here is shared with the engine, which must give the same numbers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np

from dynapdeploy.chip.image import DECIMATION, STATE_MAX, ChipImage, CoreImage
from dynapdeploy.emulator.emulation import Emulation, Settings
from dynapdeploy.emulator.jitter import PARALLEL_CORES, Draws, Jitter, reordered
from dynapdeploy.emulator.request import check_request
from dynapdeploy.events import EVENT, checked_events

Spike = tuple[int, int, int]
"""feature, y, x."""


def emulate_by_reference(
    image: ChipImage,
    events: np.ndarray,
    *,
    monitor: Sequence[int] = (),
    settings: Settings | None = None,
    jitter: Jitter | None = None,
) -> Emulation:
    """Run ``events`` through ``image``, one addition at a time.

    Args and errors are those of :func:`dynapdeploy.emulator.emulate`; saturations are always
    counted, and so are the spikes of each neuron.
    """
    settings = settings or Settings()
    check_request(image, monitor, settings, jitter)
    events = checked_events(events, image.input_shape)
    if image.sensor is not None:
        events = image.sensor.apply(events)
    if jitter is not None:
        events = reordered(events, jitter.window_us, np.random.default_rng(jitter.seed))
    run = _Run(image, monitor, settings, jitter)
    if settings.order == "depth-first":
        run.depth_first(events)
    else:
        run.breadth_first(events)
    return run.result()


class _Core:
    def __init__(self, image: CoreImage, settings: Settings, draws: Draws | None):
        self.image = image
        start = image.initial_state
        self.state = (np.zeros(image.output_shape, int) if start is None else start).tolist()
        self.counts = np.zeros(image.output_shape, np.int64)
        self.weights = image.weights.tolist()
        self.settings = settings
        self.draws = draws
        self.synops = self.spikes = self.low = self.high = self.dropped = 0

    def receive(self, channel: int, y: int, x: int) -> list[Spike]:
        """Take one event; the spikes it causes, in the order in which they leave."""
        fired = []
        features, height, width = self.image.output_shape
        for oy in range(height):
            ky = y + self.image.padding[0] - oy * self.image.stride[0]
            if not 0 <= ky < self.image.weights.shape[2]:
                continue
            for ox in range(width):
                kx = x + self.image.padding[1] - ox * self.image.stride[1]
                if not 0 <= kx < self.image.weights.shape[3]:
                    continue
                for feature in range(features):
                    self.synops += 1
                    self.add(feature, oy, ox, self.weights[feature][channel][ky][kx])
                    if self.fires(feature, oy, ox):
                        fired.append((feature, oy, ox))
        return self.in_leaving_order(fired)

    def leak(self) -> list[Spike]:
        """Take one tick of the slow clock."""
        fired: list[Spike] = []
        if self.image.bias is None:
            return fired
        features, height, width = self.image.output_shape
        for y in range(height):
            for x in range(width):
                for feature in range(features):
                    self.add(feature, y, x, int(self.image.bias[feature]))
                    if self.settings.leak_fires and self.fires(feature, y, x):
                        fired.append((feature, y, x))
        return self.in_leaving_order(fired)

    def add(self, feature: int, y: int, x: int, amount: int) -> None:
        before = self.state[feature][y][x]
        exact = before + amount
        low = self.image.threshold_low
        self.low += exact < low
        self.high += exact > STATE_MAX
        if self.settings.overflow == "wrap":
            after = (exact + 2**15) % 2**16 - 2**15
        else:
            after = min(exact, STATE_MAX)
        if after < low:
            after = low if self.settings.lower_bound == "clamp" else before
        self.state[feature][y][x] = after

    def fires(self, feature: int, y: int, x: int) -> bool:
        if self.state[feature][y][x] < self.image.threshold_high:
            return False
        if self.image.return_to_zero:
            self.state[feature][y][x] = 0
        else:
            self.state[feature][y][x] -= self.image.threshold_high
        self.spikes += 1
        self.counts[feature, y, x] += 1
        return True

    def in_leaving_order(self, fired: list[Spike]) -> list[Spike]:
        if self.draws is not None and self.image.core in PARALLEL_CORES:
            self.draws.shuffle(fired)
        return fired


class _Run:
    def __init__(
        self, image: ChipImage, monitor: Sequence[int], settings: Settings, jitter: Jitter | None
    ):
        self.image = image
        self.settings = settings
        self.jitter = jitter
        self.draws = None if jitter is None else Draws(jitter.seed)
        shuffling = self.draws if jitter is not None and jitter.neurons else None
        self.cores = {core.core: _Core(core, settings, shuffling) for core in image.cores}
        self.decimators = dict.fromkeys(self.cores, 0)
        self.monitored: dict[int, list] = {core: [] for core in monitor}
        self.output: list = []
        self.peak_queue = 0

    def causes(self, events: np.ndarray) -> Iterator[tuple[int, Spike | None]]:
        """Ticks (None) and input events with their times, in the order in which they come."""
        hz = self.settings.slow_clock_hz
        period = None if hz is None else Fraction(10**6) / Fraction(float(hz))
        tick = 1
        for event in events:
            t = int(event["t"])
            while period is not None and tick * period <= t:
                yield -((-tick * period.numerator) // period.denominator), None
                tick += 1
            yield t, (int(event["p"]), int(event["y"]), int(event["x"]))

    def send(self, core: int, t: int, fired: list[Spike]) -> Iterator[tuple[int, Spike]]:
        """What the spikes of a core become: events for other cores, or the chip's output."""
        source = self.cores[core].image
        for feature, y, x in fired:
            if core in self.monitored:
                self.monitored[core].append((t, x, y, feature))
            if source.decimator is not None:
                self.decimators[core] += 1
                if self.decimators[core] % DECIMATION[source.decimator] != 0:
                    continue
            for to in source.destinations:
                address = (feature + to.feature_shift, y // to.pooling, x // to.pooling)
                if to.core is None:
                    self.output.append((t, address[2], address[1], address[0]))
                elif all(a < size for a, size in zip(address, self._map(to.core), strict=True)):
                    yield to.core, address
                else:
                    self.cores[to.core].dropped += 1

    def _map(self, core: int) -> tuple[int, int, int]:
        return self.cores[core].image.input_shape

    def depth_first(self, events: np.ndarray) -> None:
        waiting = _Waiting(list(self.cores), self.draws if self._branches() else None)
        for t, event in self.causes(events):
            starting = tuple(self.cores) if event is None else self.image.entry
            if event is not None and self._branches():
                waiting.join((core, event) for core in starting)
                starting = ()
            for core in starting:
                cell = self.cores[core]
                fired = cell.leak() if event is None else cell.receive(*event)
                waiting.join(self.send(core, t, fired))
                self.peak_queue = max(self.peak_queue, len(waiting))
            while len(waiting):
                core, address = waiting.leave()
                waiting.join(self.send(core, t, self.cores[core].receive(*address)))
                self.peak_queue = max(self.peak_queue, len(waiting))

    def _branches(self) -> bool:
        return self.jitter is not None and self.jitter.branches

    def breadth_first(self, events: np.ndarray) -> None:
        causes = list(self.causes(events))
        inbox: dict[int, list[list[Spike]]] = {core: [[] for _ in causes] for core in self.cores}
        for core in self.image.entry:
            for number, (_, event) in enumerate(causes):
                if event is not None:
                    inbox[core][number].append(event)
        order: list = []
        for core, cell in self.cores.items():
            for number, (t, event) in enumerate(causes):
                self.output = []
                if event is None:
                    self._deliver(inbox, number, self.send(core, t, cell.leak()))
                for address in inbox[core][number]:
                    self._deliver(inbox, number, self.send(core, t, cell.receive(*address)))
                order.extend((number, spike) for spike in self.output)
        self.output = [spike for _, spike in sorted(order, key=lambda pair: pair[0])]

    def _deliver(self, inbox, number: int, sent: Iterator[tuple[int, Spike]]) -> None:
        for core, address in sent:
            inbox[core][number].append(address)

    def result(self) -> Emulation:
        cores = self.cores.items()
        return Emulation(
            events=np.array(self.output, EVENT),
            synops={core: cell.synops for core, cell in cores},
            spikes={core: cell.spikes for core, cell in cores},
            states={core: np.array(cell.state, np.int16) for core, cell in cores},
            counts={core: cell.counts for core, cell in cores},
            monitored={core: np.array(list_, EVENT) for core, list_ in self.monitored.items()},
            dropped={core: cell.dropped for core, cell in cores},
            saturated_low={core: cell.low for core, cell in cores},
            saturated_high={core: cell.high for core, cell in cores},
            peak_queue=self.peak_queue,
            settings=self.settings,
            jitter=self.jitter,
        )


class _Waiting:
    """Events that wait for their cores: one queue, or with ``draws`` one per core, drawn from."""

    def __init__(self, cores: list[int], draws: Draws | None):
        self.draws = draws
        self.queues: dict[int, deque] = {core: deque() for core in cores}
        self.common: deque = deque()

    def __len__(self) -> int:
        return len(self.common) + sum(len(queue) for queue in self.queues.values())

    def join(self, sent: Iterator[tuple[int, Spike]]) -> None:
        for core, address in sent:
            queue = self.common if self.draws is None else self.queues[core]
            queue.append((core, address))

    def leave(self) -> tuple[int, Spike]:
        if self.draws is None:
            return self.common.popleft()
        busy = [queue for queue in self.queues.values() if queue]
        return busy[self.draws.below(len(busy))].popleft()
