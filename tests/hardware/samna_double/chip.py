"""The chip behind the double: the emulator plays it, from the configuration alone.

What the public sources do not say is refused with ``NotImplementedError``.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from dynapdeploy.chip.image import ChipImage, CoreImage, Destination
from dynapdeploy.emulator import Emulator, Settings
from dynapdeploy.events import make_events
from samna_double.configuration import READOUT
from samna_double.validation import NEURON

LATENCY_US = 3


class Chip:
    """State, queue and output of one chip; time is that of the board's stop-watch."""

    def __init__(self, events, words: list[int] | None = None):
        self.events = events
        self.words = words or [size * 1024 for size in NEURON]
        self.slow_clock_hz: float | None = None
        self.weight_faults: list[tuple[int, tuple[int, int, int, int], int]] = []
        self.power_off()

    def power_off(self) -> None:
        self.configuration = None
        self.states: dict[int, np.ndarray] = {}
        self.queue: deque = deque()
        self.emulator: Emulator | None = None
        self.entry: tuple[int, ...] = ()
        self.fed = 0
        self.spikes_fired = 0

    def apply(self, configuration) -> None:
        """States are loaded at the first configuration after a reset only: whether a later one
        loads them again is unknown, and this is what costs a careless client most."""
        self._keep_states()
        first = self.configuration is None
        self.configuration = configuration.copy()
        if first:
            self.states = {}
        self.emulator, self.entry = None, ()
        self.cores = _topological(
            {
                core: layer
                for core, layer in enumerate(self.configuration.cnn_layers)
                if layer.dimensions.input_shape.feature_count
            }
        )

    def advance(self, now_us: int) -> list:
        """Work off what is due; the events that leave the chip, in order."""
        out: list = []
        groups: list[tuple[int, tuple[int, int, int], list[int]]] = []
        cleared: dict[int, set[int]] = {}
        while self.queue and (self.queue[0][0] is None or self.queue[0][0] <= now_us):
            due, arrival, event = self.queue.popleft()
            kind = type(event).__name__
            if kind in ("ReadNeuronValue", "WriteNeuronValue"):
                out += self._run(groups)
                groups = []
                if kind == "WriteNeuronValue":
                    self._write(event, cleared)
                else:
                    out.append(self._read(event))
                continue
            self._group(event, max(due, arrival), groups)
        return out + self._run(groups)

    def _group(self, event, stamp, groups) -> None:
        if type(event).__name__ == "Spike":
            place, layers = (event.x, event.y, event.feature), [event.layer]
            if groups and groups[-1][1] == place and event.layer not in groups[-1][2]:
                groups[-1][2].append(event.layer)
                return
        else:
            found = sensor_chain(self.configuration.dvs_layer, event)
            if found is None:
                return
            place = found
            layers = [d.layer for d in self.configuration.dvs_layer.destinations if d.enable]
        groups.append((stamp, place, layers))

    def _run(self, groups) -> list:
        if not groups:
            return []
        entries = {tuple(layers) for _, _, layers in groups}
        if len(entries) != 1 or (self.entry and self.entry not in entries):
            raise NotImplementedError(f"events to changing cores: {entries}")
        leaking = any(self.cores[core].leak_enable for core in self.cores)
        if self.emulator is None:
            self._build(entries.pop(), leaking)
        assert self.emulator is not None
        stamps = np.array([stamp for stamp, _, _ in groups])
        x, y, p = np.array([place for _, place, _ in groups]).T
        times = np.maximum.accumulate(stamps) if leaking else self.fed + np.arange(len(groups))
        self.fed += len(groups)
        self.emulator.feed(make_events(times, x, y, p))
        parts = []
        for position, core in enumerate(self.cores):
            found = self.emulator.monitored.get(core)
            if found is None or not len(found):
                continue
            at = np.searchsorted(times, found["t"], side="left")
            parts += [
                (int(i), position, n, core, int(e["p"]), int(e["y"]), int(e["x"]))
                for n, (i, e) in enumerate(zip(at, found, strict=True))
            ]
        spike = self.events.Spike
        return [
            spike(layer=core, feature=f, y=y, x=x, timestamp=int(stamps[i]) + LATENCY_US)
            for i, _, _, core, f, y, x in sorted(parts)
        ]

    def _build(self, entry, leaking) -> None:
        monitored = [c for c, layer in self.cores.items() if layer.monitor_enable]
        if leaking and self.slow_clock_hz is None:
            raise NotImplementedError("leak without a slow clock")
        self.entry = entry
        image = ChipImage(
            "unbounded",
            tuple(self._core_image(core, layer) for core, layer in self.cores.items()),
            entry,
        )
        settings = Settings(slow_clock_hz=self.slow_clock_hz if leaking else None)
        self.emulator = Emulator(image, monitor=monitored, settings=settings)
        self.fed = 0

    def _core_image(self, core, layer) -> CoreImage:
        if layer.input_congestion_balancer_enable or layer.leak_internal_slow_clk_enable:
            raise NotImplementedError("congestion balancer, internal slow clock")
        if layer.output_decimator_enable and layer.monitor_enable:
            raise NotImplementedError("whether monitored spikes are decimated")
        weights = np.array(layer.weights).swapaxes(2, 3)
        for faulty, place, bit in self.weight_faults:
            if faulty == core:
                weights[place] = np.int8(np.uint8(weights[place] & 255) ^ np.uint8(1 << bit))
        dims = layer.dimensions
        start = self.states.get(core)
        if start is None:
            start = np.array(layer.neurons_initial_value).swapaxes(1, 2)
        return CoreImage(
            core=core,
            name=f"core {core}",
            weights=weights,
            bias=np.array(layer.biases) if layer.leak_enable else None,
            input_shape=_shape(dims.input_shape),
            output_shape=_shape(dims.output_shape),
            stride=(dims.stride.y, dims.stride.x),
            padding=(dims.padding.y, dims.padding.x),
            threshold_high=layer.threshold_high,
            threshold_low=layer.threshold_low,
            return_to_zero=layer.return_to_zero,
            destinations=tuple(
                Destination(d.layer, d.pooling, d.feature_shift)
                for d in layer.destinations
                if d.enable and d.layer != READOUT
            ),
            decimator=layer.output_decimator_interval if layer.output_decimator_enable else None,
            initial_state=start,
        )

    def _keep_states(self) -> None:
        if self.emulator is not None:
            self.states |= self.emulator.states
            self.spikes_fired += sum(self.emulator.result().spikes.values())
            self.emulator = None

    def _write(self, event, cleared) -> None:
        """Only clearing a core's whole memory is known to mean something: the layout is not."""
        if event.neuron_state != 0:
            raise NotImplementedError("a state other than zero: the address layout is unknown")
        addresses = cleared.setdefault(event.layer, set())
        addresses.add(event.address)
        if len(addresses) == self.words[event.layer] and event.layer in self.cores:
            self._keep_states()
            shape = _shape(self.cores[event.layer].dimensions.output_shape)
            self.states[event.layer] = np.zeros(shape, int)

    def _read(self, event):
        features, height, width = _shape(self.cores[event.layer].dimensions.output_shape)
        if event.address != 0 and (features & (features - 1) or width > height):
            raise NotImplementedError("the address layout of this map is unknown")
        bits, x_bits = (math.ceil(math.log2(n)) for n in (features, width))
        c, x = event.address & (2**bits - 1), event.address >> bits & (2**x_bits - 1)
        y = event.address >> (bits + x_bits)
        states = self.emulator.states if self.emulator is not None else self.states
        state = states[event.layer][c, y, x] if event.layer in states else 0
        return self.events.NeuronValue(
            layer=event.layer, address=event.address, neuron_state=int(state)
        )


def sensor_chain(layer, event) -> tuple[int, int, int] | None:
    """The sensor layer's way with one event (H36, H37 as sinabs has it): x, y, channel."""
    if not (layer.on_channel if event.p else layer.off_channel):
        return None
    x, y = event.x // layer.pooling.x, event.y // layer.pooling.y
    if not (layer.origin.x <= x <= layer.cut.x and layer.origin.y <= y <= layer.cut.y):
        return None
    x, y = x - layer.origin.x, y - layer.origin.y
    if layer.mirror.x:
        x = layer.cut.x - layer.origin.x - x
    if layer.mirror.y:
        y = layer.cut.y - layer.origin.y - y
    if layer.mirror_diagonal:
        x, y = y, x
    return x, y, 0 if layer.merge else int(event.p)


def _shape(part) -> tuple[int, int, int]:
    return part.feature_count, part.size.y, part.size.x


def _topological(cores: dict) -> dict:
    left, done = dict(cores), {}
    while left:
        fed = {d.layer for layer in left.values() for d in layer.destinations if d.enable}
        free = [core for core in left if core not in fed]
        if not free:
            raise NotImplementedError("recurrent wiring")
        done[free[0]] = left.pop(free[0])
    return done
