"""Power of the chip's supply rails, measured by the board while a recording plays in a loop.

At most 100 samples per second: one inference cannot be resolved, so that recordings are played
again and again and the samples are averaged. Their timestamps are not used: they come in bursts,
and old firmware sends 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from dynapdeploy.chip.image import ChipImage
from dynapdeploy.errors import DataError
from dynapdeploy.hardware.board_target import BoardTarget
from dynapdeploy.hardware.calls import call
from dynapdeploy.hardware.emulated import EmulatorTarget
from dynapdeploy.hardware.faults import BoardFault

RAILS = ("io", "ram", "logic", "pixel_digital", "pixel_analog")
"""Names of the rails by the number of their channel (Speck datasheet, table 7)."""
RATE_HZ = 100.0
OFFSET_W = 50e-6
"""Each rail's reading may be off by this much (datasheet, table 7)."""
SINK = "BasicSinkNode_unifirm_modules_events_measurement"
COUNTED_LOOPS = 5
"""Loops that the emulator plays to count; the later ones are taken to be like the last."""


@dataclass(frozen=True)
class Rail:
    """One rail: mean in watts, its standard error, number of samples."""

    mean_w: float
    standard_error_w: float
    samples: int


@dataclass(frozen=True)
class PowerReading:
    """Some seconds of measurement, mode measured.

    Attributes:
        rails: by name.
        seconds: how long was measured.
        loops: how often the recording was played; 0 for an idle chip.
    """

    rails: Mapping[str, Rail]
    seconds: float
    loops: int = 0

    @property
    def total_w(self) -> float:
        """Mean of all rails together."""
        return sum(rail.mean_w for rail in self.rails.values())

    @property
    def total_error_w(self) -> float:
        """Standard error of the total, rails taken as independent."""
        return float(np.sqrt(sum(rail.standard_error_w**2 for rail in self.rails.values())))


@dataclass(frozen=True)
class Activity:
    """What the emulator counts while a recording plays in a loop: per second of the measurement."""

    synops_per_s: float
    spikes_per_s: float


def measure(
    target: BoardTarget, seconds: float, play: Callable[[], object] | None = None
) -> PowerReading:
    """Power over at least ``seconds``, idle or while ``play`` is called again and again.

    Args:
        target: an open board, with an image loaded.

    Raises:
        BoardFault: the board failed, or no sample came.
    """
    timing = target.timing
    limit = timing.call
    monitor = call("asking for the power monitor", limit, target.handle.get_power_monitor)
    graph = call("making a graph", limit, target.samna.graph.EventFilterGraph)
    sink = call("making a buffer", limit, getattr(target.samna, SINK))
    source = call("asking for the power monitor", limit, monitor.get_source_node)
    call("connecting the power monitor", limit, graph.sequential, [source, sink])
    call("starting a graph", limit, graph.start)
    try:
        call("taking samples", limit, sink.get_events)
        call("starting the power monitor", limit, monitor.start_auto_power_measurement, RATE_HZ)
        begin = timing.now()
        loops = 0
        while timing.now() - begin < seconds:
            if play is None:
                timing.sleep(min(timing.poll, seconds))
            else:
                play()
                loops += 1
        elapsed = timing.now() - begin
        samples = call("taking samples", limit, sink.get_events)
    finally:
        call("stopping the power monitor", limit, monitor.stop_auto_power_measurement)
        call("stopping a graph", limit, graph.stop)
    return PowerReading(_rails(samples), elapsed, loops)


def measure_loop(
    target: BoardTarget, image: ChipImage, events: np.ndarray, seconds: float
) -> tuple[PowerReading, Activity]:
    """Power while ``events`` play in a loop, and what the emulator counts for these loops.

    States are reset before the first loop only.
    """
    if not len(events):
        raise DataError("power: the recording holds no events")
    target.reset()
    reading = measure(target, seconds, partial(target.stream, events))
    return reading, _counted(image, events, reading)


def _counted(image: ChipImage, events: np.ndarray, reading: PowerReading) -> Activity:
    synops, spikes = [0], [0]
    with EmulatorTarget() as emulator:
        emulator.load(image)
        for _ in range(min(reading.loops, COUNTED_LOOPS)):
            response = emulator.stream(events)
            synops.append(sum((response.synops or {}).values()))
            spikes.append(sum((response.spikes or {}).values()))
    more = reading.loops - (len(synops) - 1)
    totals = [counts[-1] + more * (counts[-1] - counts[-2]) for counts in (synops, spikes)]
    return Activity(totals[0] / reading.seconds, totals[1] / reading.seconds)


def _rails(samples: list[Any]) -> dict[str, Rail]:
    values: dict[str, list[float]] = {name: [] for name in RAILS}
    for sample in samples:
        channel = int(sample.channel)
        if not 0 <= channel < len(RAILS):
            raise BoardFault(f"the power monitor sent channel {channel}, 0 to 4 are known")
        values[RAILS[channel]].append(float(sample.value))
    rails = {}
    for name, found in values.items():
        if len(found) < 2:
            raise BoardFault(f"the power monitor sent {len(found)} samples of rail {name}")
        error = float(np.std(found, ddof=1) / np.sqrt(len(found)))
        rails[name] = Rail(float(np.mean(found)), error, len(found))
    return rails
