"""The emulator as a target, sibling of the board."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from dynapdeploy.chip.image import ChipImage
from dynapdeploy.errors import Mismatch
from dynapdeploy.events import checked_events
from dynapdeploy.hardware.target import Response, Watch

if TYPE_CHECKING:
    from dynapdeploy.emulator import Emulator


class EmulatorTarget:
    """Runs images in the emulator. See :class:`dynapdeploy.hardware.target.Target`."""

    kind: Literal["emulator"] = "emulator"
    name = "the emulator"
    keeps_time = True

    def __init__(self, slow_clock_hz: float | None = None) -> None:
        self._emulator: Emulator | None = None
        self._end = 0
        self._slow_clock_hz = slow_clock_hz

    def __enter__(self) -> EmulatorTarget:
        return self

    def __exit__(self, kind, value, traceback) -> None:
        self._emulator = None

    def load(self, image: ChipImage, monitor: Sequence[int] = ()) -> None:
        """See ``Target.load``."""
        from dynapdeploy.emulator import Emulator, Settings

        settings = Settings(slow_clock_hz=self._slow_clock_hz)
        self._end = 0
        self._emulator = Emulator(image, monitor=tuple(monitor), settings=settings)

    def reset(self) -> None:
        """See ``Target.reset``."""
        self._loaded().reset()
        self._end = 0

    def stream(
        self, events: np.ndarray, *, stretch: float = 1.0, watch: Watch | None = None
    ) -> Response:
        """See ``Target.stream``; time goes on where the last recording ended."""
        emulator = self._loaded()
        events = checked_events(events)
        later = events.copy()
        later["t"] += self._end
        out = emulator.feed(later)
        for part in (out, *emulator.monitored.values()):
            part["t"] -= self._end
        if watch is not None:
            watch(out)
        run, span = emulator.result(), 0.0
        if len(events):
            self._end = int(later["t"][-1])
            span = float(events["t"][-1] - events["t"][0]) * 1e-6
        return Response(out, run.monitored, duration_s=span, spikes=run.spikes, synops=run.synops)

    def _loaded(self) -> Emulator:
        if self._emulator is None:
            raise Mismatch("no image was loaded")
        return self._emulator
