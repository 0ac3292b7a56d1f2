"""A board as a target, sibling of the emulator. Written from samna's public contract, untested on
silicon."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from dynapdeploy.chip.image import ChipImage
from dynapdeploy.chip.profile import Profile, load_profile
from dynapdeploy.errors import Mismatch
from dynapdeploy.events import checked_events
from dynapdeploy.hardware.calls import call
from dynapdeploy.hardware.configuration import Readout, configuration, difference, validate
from dynapdeploy.hardware.conversation import Conversation
from dynapdeploy.hardware.devices import BoardInfo, find, split_device
from dynapdeploy.hardware.faults import BoardFault
from dynapdeploy.hardware.packing import clearing
from dynapdeploy.hardware.target import Response, Watch
from dynapdeploy.hardware.timing import Timing

BUFFERS = {
    "speck2e": (
        "BasicSourceNode_speck2e_event_speck2e_input_event",
        "BasicSinkNode_speck2e_event_output_event",
    ),
    "speck2f": (
        "BasicSourceNode_speck2f_event_input_event",
        "BasicSinkNode_speck2f_event_output_event",
    ),
}
"""samna's names of the host's buffers, irregular as they are."""


class BoardTarget:
    """Runs images on a board. See :class:`dynapdeploy.hardware.target.Target`.

    Args:
        samna: the module, from :func:`dynapdeploy.hardware.vendor.load_samna`.
        device: ``NAME`` or ``NAME:N``.
        timing: how long things may take.
        slow_clock_hz: of the board's slow clock; None for off. Images with biases or a readout
            need it.
        readout: use the readout layer.
    """

    kind: Literal["board"] = "board"
    keeps_time = False

    def __init__(
        self,
        samna: Any,
        device: str,
        timing: Timing | None = None,
        *,
        slow_clock_hz: float | None = None,
        readout: Readout | None = None,
    ):
        self.name = device
        self.profile: Profile = load_profile(split_device(device)[0])
        if self.profile.board is None:
            raise Mismatch(f"{device} cannot be flashed: {self.profile.title} (check only)")
        self.timing = timing or Timing()
        self.info: BoardInfo | None = None
        self.handle: Any = None
        self.samna = samna
        self.chip = getattr(samna, self.profile.board.samna_module)
        self._slow_clock_hz = slow_clock_hz
        self._readout = readout
        self._undo: list[tuple[str, Callable[[], Any]]] = []
        self._conversation: Conversation | None = None
        self._loaded: tuple[ChipImage, tuple[int, ...]] | None = None

    def __enter__(self) -> BoardTarget:
        info, entry = find(self.samna, self.name, self.timing)
        self.info = info
        self.name = f"{self.name} (serial {info.serial}, firmware {info.firmware})"
        self.handle = self._call("opening the board", self.samna.device.open_device, entry)
        if self.handle is None:
            raise BoardFault(f"{self.name} cannot be opened; is it in use by another program?")
        return self

    def __exit__(self, kind, value, traceback) -> None:
        fault = self._take_down()
        try:
            if self.handle is not None:
                self._call("closing the board", self.samna.device.close_device, self.handle)
        except BoardFault as found:
            fault = fault or found
        self.handle = None
        if fault is not None and value is None:
            raise fault

    def load(self, image: ChipImage, monitor: Sequence[int] = ()) -> None:
        """See ``Target.load``: validate, apply, read back and compare, clear the states."""
        self._refuse(image)
        target = self._call(
            "building the configuration",
            lambda: configuration(image, self.chip, monitor=monitor, readout=self._readout),
        )
        validate(self.chip, target)
        self._take_down()
        self._loaded = None
        if _starts_elsewhere(image):
            self._call("resetting the board", self.handle.reset_board_soft, True)
        self._apply(target)
        self._verify(target)
        self._set_slow_clock()
        self.timing.sleep(self.timing.settle)
        outputs = {c.core for c in image.cores for d in c.destinations if d.core is None}
        cores = tuple(sorted({*monitor, *(outputs if self._readout is None else ())}))
        self._connect(image, cores)
        self._loaded = image, tuple(monitor)
        if not _starts_elsewhere(image):
            self._clear(image)

    def reset(self) -> None:
        """See ``Target.reset``: zero is written into every word of neuron memory that is used.

        An image with other initial states is loaded again after a reset of the board.
        """
        image, monitor = self._image()
        if _starts_elsewhere(image):
            self.load(image, monitor)
        else:
            self._clear(image)

    def stream(
        self, events: np.ndarray, *, stretch: float = 1.0, watch: Watch | None = None
    ) -> Response:
        """See ``Target.stream``."""
        image, monitor = self._image()
        events = checked_events(events, image.input_shape)
        assert self._conversation is not None
        return self._conversation.stream(events, monitor, stretch, watch)

    def listen(self, seconds: float, watch: Watch | None = None) -> Response:
        """Take what comes for some time, as from the camera, and send nothing."""
        image, monitor = self._image()
        assert self._conversation is not None
        nothing = checked_events(np.empty(0, [(f, np.int64) for f in "txyp"]), image.input_shape)
        return self._conversation.stream(nothing, monitor, 1.0, watch, seconds)

    def _refuse(self, image: ChipImage) -> None:
        made_for, board = load_profile(image.device).board, self.profile.board
        if made_for is None or board is None or made_for.samna_module != board.samna_module:
            raise Mismatch(
                f"the image was made for {image.device}, not for {self.profile.name}; "
                f"convert it with --device {self.profile.name}"
            )
        leaking = [core.name for core in image.cores if core.bias is not None and core.bias.any()]
        if (leaking or self._readout) and self._slow_clock_hz is None:
            what = f"the leak of {leaking[0]}" if leaking else "the readout layer"
            raise Mismatch(f"{what} needs the slow clock; name its rate (--slow-clock)")

    def _apply(self, target: Any) -> None:
        model = self._call("asking for the chip", self.handle.get_model)
        for attempt in (1, 2):
            try:
                call(
                    "writing the configuration",
                    self.timing.apply,
                    model.apply_configuration,
                    target,
                )
                return
            except BoardFault as fault:
                if attempt == 2:
                    raise BoardFault(
                        f"{self.name}: {fault}; so it was before a reset of the board. Unplug the "
                        "board and plug it in again."
                    ) from fault
                self._call("resetting the board", self.handle.reset_board_soft, True)
                model = self._call("asking for the chip", self.handle.get_model)

    def _verify(self, target: Any) -> None:
        model = self._call("asking for the chip", self.handle.get_model)
        found = self._call("reading the configuration back", model.get_configuration)
        wrong = difference(json.loads(target.to_json()), json.loads(found.to_json()))
        if wrong:
            raise BoardFault(f"{self.name} does not hold what was written: {wrong}")

    def _set_slow_clock(self) -> None:
        module = self._call("asking for the clock", self.handle.get_io_module)
        if self._slow_clock_hz is not None:
            self._call("setting the slow clock", module.set_slow_clk_rate, self._slow_clock_hz)
        self._call("switching the slow clock", module.set_slow_clk, self._slow_clock_hz is not None)

    def _connect(self, image: ChipImage, cores: tuple[int, ...]) -> None:
        source_name, sink_name = BUFFERS[self.profile.board.samna_module]  # type: ignore[union-attr]
        model = self._call("asking for the chip", self.handle.get_model)
        inward = self._call("making a buffer", getattr(self.samna, source_name))
        outward = self._call("making a buffer", getattr(self.samna, sink_name))
        self._start_graph([inward, self._call("asking for the chip", model.get_sink_node)])
        self._start_graph([self._call("asking for the chip", model.get_source_node), outward])
        watch = self._call("asking for the stop-watch", self.handle.get_stop_watch)
        self._conversation = Conversation(
            image, self.chip, inward, outward, watch, cores, self.timing
        )

    def _start_graph(self, nodes: list[Any]) -> None:
        graph = self._call("making a graph", self.samna.graph.EventFilterGraph)
        self._call("connecting the board", graph.sequential, nodes)
        self._call("starting a graph", graph.start)
        self._undo.append(("stopping a graph", graph.stop))

    def _clear(self, image: ChipImage) -> None:
        assert self._conversation is not None
        kind = self.chip.event.WriteNeuronValue
        for core in image.cores:
            words = self.profile.cores[core.core].neuron
            self._conversation.send(clearing(kind, core.core, words))
        self._conversation.settle()

    def _image(self) -> tuple[ChipImage, tuple[int, ...]]:
        if self._loaded is None:
            raise Mismatch(f"{self.name}: no image was loaded")
        return self._loaded

    def _take_down(self) -> BoardFault | None:
        first = None
        self._conversation = None
        while self._undo:
            what, function = self._undo.pop()
            try:
                self._call(what, function)
            except BoardFault as fault:
                first = first or fault
        return first

    def _call(self, what: str, function: Callable[..., Any], *arguments: Any) -> Any:
        return call(what, self.timing.call, function, *arguments)


def _starts_elsewhere(image: ChipImage) -> bool:
    return any(c.initial_state is not None and c.initial_state.any() for c in image.cores)
