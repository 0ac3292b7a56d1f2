"""What a run of a chip image gives back, and what may be asked of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from dynapdeploy.emulator.jitter import Jitter
from dynapdeploy.errors import InputError

Order = Literal["depth-first", "breadth-first"]
LowerBound = Literal["clamp", "discard"]
Overflow = Literal["saturate", "wrap"]


@dataclass(frozen=True)
class Settings:
    """What no public source settles about the chip, as named choices. Every result carries them.

    Attributes:
        order: ``"depth-first"``: all that an input event causes is worked off, first in first out,
            before the next input event enters. ``"breadth-first"``: each core works off the whole
            recording before its successors start; a core fed by several cores takes their spikes in
            the order of the input events that caused them, and among equals the input events come
            first, then the spikes in the order of ``image.cores``.
        slow_clock_hz: ticks per second of the slow clock that adds the biases; None for no clock.
            Tick k = 1, 2, ... comes at k / slow_clock_hz seconds from time 0, before every event
            with that time or a later one. After the last event there are no more ticks.
        leak_fires: whether a tick is followed by the comparison with the threshold, so that every
            neuron of a core with biases that stands at or above it then fires once (unknown for the
            chip); otherwise it waits for its next event. All cores leak before the spikes of the
            tick move on.
        lower_bound: what becomes of an addition that would lead below ``threshold_low``:
            ``"clamp"`` lands on it, ``"discard"`` leaves the state as it was.
        overflow: ``"saturate"``: the state stops at 32767 (and at -32768); ``"wrap"``: the sum is
            taken modulo 2**16 before it is compared with either threshold.

    Raises:
        InputError: a choice is unknown, or the slow clock is not a frequency above 0.
    """

    order: Order = "depth-first"
    slow_clock_hz: float | None = None
    leak_fires: bool = False
    lower_bound: LowerBound = "clamp"
    overflow: Overflow = "saturate"

    def __post_init__(self) -> None:
        _choice("order", self.order, ("depth-first", "breadth-first"))
        _choice("lower_bound", self.lower_bound, ("clamp", "discard"))
        _choice("overflow", self.overflow, ("saturate", "wrap"))
        _choice("leak_fires", self.leak_fires, (True, False))
        hz = self.slow_clock_hz
        if hz is None:
            return
        if isinstance(hz, bool) or not isinstance(hz, int | float | np.integer | np.floating):
            raise InputError(f"settings: slow_clock_hz must be a number of hertz, got {hz!r}")
        if not (math.isfinite(hz) and 0 < hz <= 1e6):
            raise InputError(f"settings: slow_clock_hz must lie above 0 and up to 1e6, got {hz!r}")


def _choice(name: str, value, known: tuple) -> None:
    if not any(value is option or value == option for option in known):
        raise InputError(
            f"settings: {name} must be one of {', '.join(map(repr, known))}, got {value!r}"
        )


@dataclass(frozen=True, eq=False)
class Emulation:
    """One run of a chip image.

    Attributes:
        events: output events in order, array of :data:`dynapdeploy.events.EVENT`; ``p`` is the
            feature, ``t`` the time of the input event that caused them (of the tick, rounded up to
            whole microseconds, where a leak did).
        synops: additions done in each core: one per event and neuron reached, zero weights and
            clamped updates included, leak not. Keys are physical core ids, here and below.
        spikes: spikes fired in each core, before any decimator.
        states: int16 ``[f, h, w]``, the membrane states at the end.
        counts: int64 ``[f, h, w]``, spikes of each neuron, before any decimator; empty where they
            were not asked for.
        monitored: un-pooled and undecimated spikes of the cores asked for.
        dropped: spikes sent to each core whose address lay outside its input map.
        saturated_low: additions, leak included, whose exact sum lay below the lower threshold, per
            core; empty where they were not asked for.
        saturated_high: additions whose exact sum lay above 32767, likewise.
        peak_queue: the largest number of spikes that waited at one time (where jitter lets branches
            run freely, with the input events that wait beside them); 0 for breadth-first order,
            which has no common queue, and None where it was not asked for.
        settings: the choices made where no public source settles what the chip does.
        jitter: the perturbation of what the chip leaves open, None for none.
    """

    events: np.ndarray
    synops: Mapping[int, int]
    spikes: Mapping[int, int]
    states: Mapping[int, np.ndarray]
    counts: Mapping[int, np.ndarray] = field(default_factory=dict)
    monitored: Mapping[int, np.ndarray] = field(default_factory=dict)
    dropped: Mapping[int, int] = field(default_factory=dict)
    saturated_low: Mapping[int, int] = field(default_factory=dict)
    saturated_high: Mapping[int, int] = field(default_factory=dict)
    peak_queue: int | None = None
    settings: Settings = field(default_factory=Settings)
    jitter: Jitter | None = None
