"""Events to a configured board and back, to the last one.

The board releases an input event when its stop-watch has come to the event's time. The end of the
answer is not guessed from a fixed pause: after the input a neuron's value is asked for, which
passes through the board behind all input, and when the answer is there the output must stay silent
for a while.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from dynapdeploy.chip.image import ChipImage
from dynapdeploy.errors import Mismatch
from dynapdeploy.hardware.calls import call
from dynapdeploy.hardware.faults import BoardFault
from dynapdeploy.hardware.packing import SPIKE, outputs, packed, plain, unpacked
from dynapdeploy.hardware.target import Response, Watch
from dynapdeploy.hardware.timing import Timing

PIECE = 4096
"""Events handed over at a time."""


class Conversation:
    """The buffers of one loaded board.

    Args:
        image: what is loaded.
        chip: samna's module of the chip.
        inward, outward: started buffers.
        watch: the stop-watch.
        cores: monitored ones.
    """

    def __init__(
        self,
        image: ChipImage,
        chip: Any,
        inward: Any,
        outward: Any,
        watch: Any,
        cores: Sequence[int],
        timing: Timing,
    ):
        self.image, self.chip, self.cores, self.timing = image, chip, tuple(cores), timing
        self._inward, self._outward, self._watch = inward, outward, watch

    def send(self, events: Sequence[Any]) -> None:
        """Hand events over to the board."""
        for start in range(0, len(events), PIECE):
            self._call("sending events", self._inward.write, list(events[start : start + PIECE]))

    def settle(self) -> None:
        """Wait until the board has worked off what was sent; what comes out is dropped.

        Raises:
            BoardFault: it does not come to rest.
        """
        self._finish(lambda _: None)

    def stream(
        self,
        events: np.ndarray,
        monitor: Sequence[int],
        stretch: float,
        watch: Watch | None,
        hold: float = 0.0,
    ) -> Response:
        """Send ``events`` in their time and take all that comes back.

        Args:
            monitor: cores whose spikes are returned beside the output.
            stretch: times are multiplied by it; 0: as fast as possible.
            hold: wait this long, in seconds, before the end is looked for.

        Raises:
            BoardFault: the board failed, fell silent, or does not come to rest.
        """
        if not (np.isfinite(stretch) and stretch >= 0):
            raise Mismatch(f"stretch must be a number from 0 on, got {stretch}")
        taken = _Taken(self, watch)
        self._take()
        self._call("resetting the stop-watch", self._watch.reset)
        self._call("starting the stop-watch", self._watch.start)
        try:
            begin = self.timing.now()
            lead_us = int(self.timing.lead * 1e6)
            first = int(events["t"][0]) if len(events) else 0
            due = np.rint((events["t"] - first) * stretch).astype(np.int64) + lead_us
            stamps = due if stretch else np.zeros_like(due)
            for start in range(0, len(events), PIECE):
                piece = slice(start, start + PIECE)
                self._wait_until(begin, due[start] * 1e-6 - self.timing.ahead, taken.add)
                self.send(packed(self.image, events[piece], stamps[piece], self.chip))
                taken.add(self._take())
            end = due[-1] * 1e-6 if len(events) and stretch else 0.0
            self._wait_until(begin, max(end, hold), taken.add)
            self._finish(taken.add)
        except BaseException:
            with suppress(BoardFault):
                self._call("stopping the stop-watch", self._watch.stop)
            raise
        self._call("stopping the stop-watch", self._watch.stop)
        return taken.response(monitor, lead_us, stretch, first)

    def _wait_until(self, begin: float, moment: float, add) -> None:
        while (left := begin + moment - self.timing.now()) > 0:
            add(self._take())
            self.timing.sleep(min(left, self.timing.poll))

    def _finish(self, add) -> None:
        start = last = self.timing.now()
        core = self.image.entry[0]
        marker = self.chip.event.ReadNeuronValue(layer=core, address=0)
        self._call("asking for a neuron's value", self._inward.write, [marker])
        answered = False
        while True:
            found = self._take()
            now = self.timing.now()
            if found:
                last = now
                answered |= any(isinstance(e, self.chip.event.NeuronValue) for e in found)
                add(found)
            elif answered and now - last >= self.timing.quiet:
                return
            if now - start > self.timing.tail:
                raise BoardFault(
                    f"the board sends events without end, still {self.timing.tail:g} s after the "
                    "input"
                    if answered
                    else f"the board fell silent: asked for a neuron's value after the input, no "
                    f"answer within {self.timing.tail:g} s (more events than the cores can work "
                    "off stall the chip)"
                )
            self.timing.sleep(self.timing.poll)

    def _take(self) -> list[Any]:
        return self._call("taking events", self._outward.get_events)

    def _call(self, what: str, function, *arguments: Any) -> Any:
        return call(what, self.timing.call, function, *arguments)


class _Taken:
    """What has come so far."""

    def __init__(self, conversation: Conversation, watch: Watch | None):
        self._talk, self._watch = conversation, watch
        self._parts: list[np.ndarray] = [np.empty(0, SPIKE)]
        self._readout: list[int] = []

    def add(self, events: Sequence[Any]) -> None:
        """Take these events; the watcher gets the output among them."""
        kinds = self._talk.chip.event
        spikes = [event for event in events if isinstance(event, kinds.Spike)]
        self._readout += [int(e.value) for e in events if isinstance(e, kinds.ReadoutValue)]
        if not spikes:
            return
        part = unpacked(self._talk.image, self._talk.cores, spikes)
        self._parts.append(part)
        if self._watch is not None:
            self._watch(outputs(self._talk.image, part))

    def response(
        self, monitor: Sequence[int], lead_us: int, stretch: float, first: int
    ) -> Response:
        """All of it, times on the clock of the recording, sorted where they came out of order."""
        spikes = np.concatenate(self._parts)
        late = int((np.diff(spikes["t"]) < 0).sum())
        if late:
            spikes = spikes[np.argsort(spikes["t"], kind="stable")]
        span = float(max(spikes["t"][-1] - lead_us, 0)) * 1e-6 if len(spikes) else 0.0
        since = np.maximum(spikes["t"] - lead_us, 0)
        spikes["t"] = first + np.rint(since / stretch if stretch else since).astype(np.int64)
        return Response(
            outputs(self._talk.image, spikes),
            {core: plain(spikes[spikes["core"] == core]) for core in monitor},
            np.array(self._readout, np.uint32),
            late,
            span,
        )
