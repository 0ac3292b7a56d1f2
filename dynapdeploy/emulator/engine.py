"""The fast engine: an emulated chip that takes its input in any number of pieces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from functools import partial
from typing import Unpack

import numpy as np

from dynapdeploy.chip.image import ChipImage
from dynapdeploy.emulator.columns import BIAS, PEAK, STATE
from dynapdeploy.emulator.emulation import Emulation, Settings
from dynapdeploy.emulator.jitter import Jitter, reordered
from dynapdeploy.emulator.layout import lay_out
from dynapdeploy.emulator.machine import Machine
from dynapdeploy.emulator.options import options_for
from dynapdeploy.emulator.outgoing import by_target
from dynapdeploy.emulator.request import Request, check_request
from dynapdeploy.emulator.ticks import items_of, ticks_until
from dynapdeploy.errors import DataError
from dynapdeploy.events import EVENT, checked_events

PIECE = 2**18
"""Events given to the kernel at a time, so that memory stays bounded however long the input is."""


class Emulator:
    """A chip image with its states, fed piece by piece.

    Feeding a recording in pieces gives, bit for bit, what feeding it whole gives (with a jitter
    window events do not change places across pieces). Memory does not grow with what has been fed.

    Args:
        image: the chip image.
        monitor: physical ids of the cores whose spikes are to be returned too.
        settings: see :class:`~dynapdeploy.emulator.emulation.Settings`.
        jitter: see :class:`~dynapdeploy.emulator.jitter.Jitter`.
        saturations: count clamped updates; a run that counts them or jitters takes two to four
            times as long.
        peak_queue: watch the length of the queue, which keeps input events from overlapping.
        count_spikes: count the spikes of each neuron, at far less cost than monitoring.

    Raises:
        InputError: a monitored core is not in the image, or jitter is asked of breadth-first order.
        ImageError: a map whose addresses do not fit 16 bits.
    """

    def __init__(
        self,
        image: ChipImage,
        *,
        monitor: Sequence[int] = (),
        settings: Settings | None = None,
        jitter: Jitter | None = None,
        saturations: bool = False,
        peak_queue: bool = False,
        count_spikes: bool = False,
    ):
        self.image = image
        self.settings = settings or Settings()
        self.jitter = jitter
        check_request(image, monitor, self.settings, jitter)
        self._depth_first = self.settings.order == "depth-first"
        self._counting = saturations
        self._watching = peak_queue
        layout = lay_out(image, monitor, queued=self._depth_first)
        options = options_for(self.settings, jitter, saturations)
        self._new_machine = partial(Machine, layout, options, count_spikes, peak_queue)
        self._machine = self._new_machine()
        ids = [core.core for core in image.cores]
        self._entry = np.array([ids.index(core) for core in image.entry])
        self._leaking = np.flatnonzero(layout.cores[:, BIAS] >= 0)
        self.reset()

    def reset(self) -> None:
        """Go back to the initial states, time 0, all counters 0, and the jitter's seed."""
        self._machine.reset()
        self._time = 0
        self._ticks = 0
        self._output = np.empty(0, EVENT)
        self.monitored: dict[int, np.ndarray] = {
            core: np.empty(0, EVENT) for core in self._machine.layout.monitor
        }
        if self.jitter is not None:
            self._random = np.random.default_rng(self.jitter.seed)

    def another(self) -> Emulator:
        """A second chip of the same image, at the start, that shares the tables of this one."""
        twin = copy(self)
        twin._machine = self._new_machine()
        twin.reset()
        return twin

    def feed(self, events: np.ndarray) -> np.ndarray:
        """Take the next events; return the output events they cause.

        ``monitored`` holds the spikes of the monitored cores for this piece.

        Args:
            events: structured array with fields ``x, y, t, p``, ``t`` in microseconds.

        Raises:
            DataError: see :func:`dynapdeploy.events.checked_events`; or the piece begins before
                the end of the one before.
        """
        events = checked_events(events, self.image.input_shape)
        if self.image.sensor is not None:
            events = self.image.sensor.apply(events)
        if len(events) and events["t"][0] < self._time:
            raise DataError(
                f"events: the piece begins at t={events['t'][0]}, before t={self._time} "
                "where the last one ended"
            )
        if self.jitter is not None:
            events = reordered(events, self.jitter.window_us, self._random)
        monitor = self._machine.layout.monitor
        parts = [self._feed(events[i : i + PIECE]) for i in range(0, len(events), PIECE)]
        if len(parts) != 1:
            none = [np.empty(0, EVENT)] * (1 + len(monitor))
            parts = [[np.concatenate(pieces) for pieces in zip(none, *parts, strict=True)]]
        self._output, *monitored = parts[0]
        self.monitored = dict(zip(monitor, monitored, strict=True))
        return self._output

    def _feed(self, events: np.ndarray) -> list[np.ndarray]:
        """Output events, and the spikes of each monitored core."""
        options = self._machine.options
        settings = self.settings
        if not len(self._leaking):
            settings = Settings()
        items, times = items_of(events, settings, self._ticks, stepwise=options is not None)
        self._time = int(events["t"][-1])
        if settings.slow_clock_hz is not None:
            self._ticks = int(ticks_until(events["t"][-1:], settings.slow_clock_hz)[0])
        if self._depth_first:
            causes, addresses = self._machine.work(items, self._entry, self._leaking)
        else:
            causes, addresses = self._breadth_first(items)
        targets = 1 + len(self._machine.layout.monitor)
        return by_target(times, causes, addresses, len(self.image.cores), targets)

    def _breadth_first(self, items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        count = len(self.image.cores)
        ticks = np.flatnonzero(items < 0)
        inputs = np.flatnonzero(items >= 0)
        waiting: list[list[tuple[np.ndarray, np.ndarray]]] = [[] for _ in range(count)]
        for leaking in self._leaking:
            waiting[leaking].append((ticks, items[ticks]))
        for entry in self._entry:
            waiting[entry].append((inputs, items[inputs]))
        left = [_NOTHING]
        for core in range(count):
            causes, own = _merged(waiting[core])
            waiting[core] = []
            at, addresses = self._machine.work(own, np.array([core]), np.array([core]))
            causes = causes[at]
            target = addresses >> 48
            for to in range(core + 1, count):
                sent = np.flatnonzero(target == to)
                if len(sent):
                    waiting[to].append((causes[sent], addresses[sent] & (2**48 - 1)))
            sent = np.flatnonzero(target >= count)
            left.append((causes[sent], addresses[sent]))
        return _merged(left)

    @property
    def states(self) -> dict[int, np.ndarray]:
        """Membrane states as they stand, int16 ``[f, h, w]`` per core; copies."""
        return self._per_neuron(self._machine.state)

    def result(self) -> Emulation:
        """The run: events and monitored spikes of the last piece, all else since the reset."""
        machine = self._machine
        return Emulation(
            events=self._output,
            synops=self._per_core(machine.synops),
            spikes=self._per_core(machine.spikes),
            counts=self._per_neuron(machine.counts) if len(machine.counts) else {},
            states=self.states,
            monitored=self.monitored,
            dropped=self._per_core(machine.dropped),
            saturated_low=self._per_core(machine.low) if self._counting else {},
            saturated_high=self._per_core(machine.high) if self._counting else {},
            peak_queue=int(machine.progress[PEAK]) * self._depth_first if self._watching else None,
            settings=self.settings,
            jitter=self.jitter,
        )

    def _per_neuron(self, values: np.ndarray) -> dict[int, np.ndarray]:
        maps = {}
        for row, core in zip(self._machine.layout.cores, self.image.cores, strict=True):
            features, height, width = core.output_shape
            flat = values[row[STATE] : row[STATE] + features * height * width]
            maps[core.core] = flat.reshape(height, width, features).transpose(2, 0, 1).copy()
        return maps

    def _per_core(self, counts: np.ndarray) -> Mapping[int, int]:
        ids = (core.core for core in self.image.cores)
        return dict(zip(ids, counts.tolist(), strict=True))


_NOTHING = (np.empty(0, np.int64), np.empty(0, np.int64))


def emulate(image: ChipImage, events: np.ndarray, **request: Unpack[Request]) -> Emulation:
    """Run one recording through ``image``, from its initial states.

    Args and errors: see :class:`Emulator` and :meth:`Emulator.feed`.
    """
    emulator = Emulator(image, **request)
    emulator.feed(events)
    return emulator.result()


def _merged(parts: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Several lists of cause and address, sorted by cause, as one; equals in the order given."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return _NOTHING
    causes, addresses = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.argsort(causes, kind="stable")
    return causes[order], addresses[order]
