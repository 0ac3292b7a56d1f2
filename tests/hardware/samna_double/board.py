"""A dev kit: FPGA with stop-watch, power monitor and slow clock around one chip."""

from __future__ import annotations

import os
import time

import numpy as np

from samna_double.chip import Chip
from samna_double.configuration import SpeckConfiguration
from samna_double.faults import Faults
from samna_double.graph import ChipSink, ChipSource, PowerSource
from samna_double.validation import validate_configuration

TRACE = os.environ.get("DOUBLE_TRACE")
RAILS_UW = (61.7, 51.7, 367.0, 78.9, 610.9)
"""Idle power by rail of a Speck2f, as the vendor's notebook prints it (H85)."""


class DeviceInfo:
    def __init__(self, device_type_name: str, number: int):
        self.serial_number = f"SN{number:04}"
        self.usb_bus_number = 1
        self.usb_device_address = 10 + number
        self.logic_version = "1.2.3"
        self.device_type_name = device_type_name


class Board:
    """The handle that ``open_device`` returns, and all that hangs on it."""

    def __init__(self, info, module, faults=None, now=time.monotonic, words=None):
        self.info, self.module, self.now = info, module, now
        self.faults = faults or Faults()
        self.chip = Chip(module.event, words)
        self.opened = False
        self.log: list[str] = []
        self.watch_start: float | None = None
        self.power_start: float | None = None
        self.joules = (0.0, 0.0)
        self.held: list = []
        self.sent = 0
        self._reset()

    def _reset(self) -> None:
        self.chip.power_off()
        self.model = Model(self)
        self.held = []

    def meet(self, call: str) -> str:
        self.log.append(call)
        if TRACE:
            with open(TRACE, "a") as stream:
                stream.write(f"{call}\n")
        if call != "close_device" and call != "open_device" and not self.opened:
            raise RuntimeError(f"{call}: the device is closed")
        return self.faults.meet(call)

    def get_model(self):
        self.meet("get_model")
        return self.model

    def get_stop_watch(self):
        return StopWatch(self)

    def get_io_module(self):
        return IoModule(self)

    def get_power_monitor(self):
        return PowerMonitor(self)

    def reset_board_soft(self, wait: bool) -> None:
        self.meet("reset_board_soft")
        if not isinstance(wait, bool):
            raise TypeError("reset_board_soft takes a truth value")
        self._reset()

    def time_us(self) -> int:
        return 0 if self.watch_start is None else int((self.now() - self.watch_start) * 1e6)

    def receive(self, events) -> None:
        self.meet("write")
        if self.chip.configuration is None:
            raise RuntimeError("the chip is not configured")
        now = self.time_us()
        for event in events:
            due = event.timestamp if "timestamp" in event.FIELDS else None
            if due is not None and self.watch_start is None:
                due = 0
            self.chip.queue.append((due, now, event))

    def send(self) -> list:
        self.meet("get_events")
        out = self.chip.advance(self.time_us()) if self.chip.configuration else []
        return self._spoiled(out)

    def _spoiled(self, out: list) -> list:
        faults = self.faults
        start, self.sent = self.sent, self.sent + len(out)
        if faults.vanish_after is not None and self.sent > faults.vanish_after:
            faults.gone = True
            raise RuntimeError("device disconnected")
        if faults.silent_after is not None:
            out = out[: max(0, faults.silent_after - start)]
        if faults.corrupt_every:
            for n, event in enumerate(out, start):
                if n % faults.corrupt_every == 0 and type(event).__name__ == "Spike":
                    event.x = 255
        if faults.late_by and out:
            self.held.append([faults.late_by, out.pop(0)])
        for entry in list(self.held):
            entry[0] -= 1
            if entry[0] <= 0:
                out.append(entry[1])
                self.held.remove(entry)
        if faults.endless:
            out = [*out, self.module.event.RegisterValue(address=1, data=2)]
            cores = [c for c, layer in self.chip.cores.items() if layer.monitor_enable]
            out = [*out, self.module.event.Spike(layer=cores[-1], timestamp=self.time_us())]
        return out

    def measured(self) -> list:
        """Rails of an idle chip, and on the logic rail what the spikes so far have cost."""
        self.meet("measured")
        if self.power_start is None or self.faults.no_power:
            return []
        elapsed = self.now() - self.power_start
        count = int(elapsed * self.power_hz)
        out = []
        noise = np.random.default_rng(self.power_sent)
        run = self.chip.emulator.result() if self.chip.emulator is not None else None
        synops = sum(run.synops.values()) if run else 0
        spikes = sum(run.spikes.values()) if run else 0
        fresh = count - self.power_sent
        rates = [(now - then) for now, then in zip((synops, spikes), self.counted, strict=True)]
        self.counted = (synops, spikes)
        period = max(elapsed - self.power_last, 1e-9)
        self.power_last = elapsed
        active = sum(j * max(r, 0) for j, r in zip(self.joules, rates, strict=True)) / period
        for n in range(fresh):
            for channel, idle in enumerate(RAILS_UW):
                value = idle * 1e-6 + noise.normal(0, 1e-6) + (active if channel == 2 else 0)
                stamp = 0 if self.faults.stale_power_stamps else int((self.power_sent + n) * 1e4)
                out.append(Measurement(channel, value, stamp))
        self.power_sent = count
        return out


class Measurement:
    def __init__(self, channel: int, value: float, timestamp: int):
        self.channel, self.value, self.timestamp = channel, value, timestamp


class Model:
    def __init__(self, board: Board):
        self.board = board

    def apply_configuration(self, configuration) -> None:
        self.board.meet("apply_configuration")
        if type(configuration) is not SpeckConfiguration:
            raise TypeError(f"SpeckConfiguration wanted, got {type(configuration).__name__}")
        valid, message = validate_configuration(configuration)
        if not valid:
            raise RuntimeError(message)
        if self.board.faults.flip_on_apply:
            configuration = configuration.copy()
            core = next(
                c for c in configuration.cnn_layers if c.dimensions.input_shape.feature_count
            )
            weights = core.weights
            weights[0][0][0][0] ^= 1
            core.weights = weights
        self.board.chip.apply(configuration)

    def get_configuration(self):
        self.board.meet("get_configuration")
        return self.board.chip.configuration.copy()

    def get_sink_node(self):
        return ChipSink(self.board)

    def get_source_node(self):
        return ChipSource(self.board)


class StopWatch:
    def __init__(self, board: Board):
        self.board = board

    def start(self) -> None:
        self.board.meet("stop_watch")
        self.board.watch_start = self.board.now()

    def stop(self) -> None:
        self.board.meet("stop_watch")
        self.board.watch_start = None

    def reset(self) -> None:
        self.board.meet("stop_watch")
        if self.board.watch_start is not None:
            self.board.watch_start = self.board.now()

    def set_enable_value(self, value: bool) -> None:
        (self.start if value else self.stop)()


class IoModule:
    def __init__(self, board: Board):
        self.board = board
        self.enabled = False

    def set_slow_clk(self, value: bool) -> None:
        self.board.meet("io_module")
        if not isinstance(value, bool):
            raise TypeError("set_slow_clk takes a truth value")
        if not value:
            self.board.chip.slow_clock_hz = None

    def set_slow_clk_rate(self, hz) -> None:
        self.board.meet("io_module")
        self.board.chip.slow_clock_hz = float(hz)


class PowerMonitor:
    def __init__(self, board: Board):
        self.board = board

    def get_source_node(self):
        self.board.meet("power_monitor")
        return PowerSource(self.board)

    def start_auto_power_measurement(self, hz) -> None:
        self.board.meet("power_monitor")
        if not 0 < hz <= 100:
            raise RuntimeError("rate beyond 100 Hz")
        board = self.board
        board.power_start, board.power_hz = board.now(), float(hz)
        board.power_sent, board.power_last = 0, 0.0
        board.counted = (0, 0)

    def stop_auto_power_measurement(self) -> None:
        self.board.meet("power_monitor")
        self.board.power_start = None
