"""A strict double of samna, written from its public contract; the emulator plays the chip.

``Double(...)`` makes the modules and the boards; ``installed(double)`` puts them where an import
finds them. What no public source says is refused (``NotImplementedError``) or marked as this
double's own rule.
"""

from __future__ import annotations

import sys
import time
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec

from samna_double import configuration as parts
from samna_double.board import Board, DeviceInfo, Measurement
from samna_double.events import INPUTS, event_classes
from samna_double.faults import Faults
from samna_double.fields import Integer, Struct
from samna_double.graph import EventFilterGraph, SinkBuffer, SourceBuffer
from samna_double.validation import configuration_to_flash_binary, validate_configuration

__all__ = ["Board", "Double", "Faults", "Measurement", "installed"]

SOURCES = {
    "speck2e": "BasicSourceNode_speck2e_event_speck2e_input_event",
    "speck2f": "BasicSourceNode_speck2f_event_input_event",
}
SINKS = {
    "speck2e": "BasicSinkNode_speck2e_event_output_event",
    "speck2f": "BasicSinkNode_speck2f_event_output_event",
}
CLASSES = {chip: event_classes() for chip in SOURCES}
CHIP_OF = {
    "Speck2eTestBoard": "speck2e",
    "Speck2eDevKit": "speck2e",
    "Speck2fModuleDevKit": "speck2f",
    "Speck2fDevKit": "speck2f",
}


class Double(types.ModuleType):
    """The module ``samna`` with the boards attached: names of device types, one per board."""

    def __init__(
        self,
        boards: Sequence[str] = ("Speck2fDevKit",),
        faults: Sequence[Faults] = (),
        now=time.monotonic,
        neuron_words: list[int] | None = None,
    ):
        super().__init__("samna")
        self.__spec__ = ModuleSpec("samna", None, origin=__file__)
        self.__path__: list[str] = []
        self.__version__ = "0.48.6"
        self.modules = {"samna": self}
        for chip in SOURCES:
            self._add_chip(chip)
        self._add("graph", EventFilterGraph=EventFilterGraph)
        self.Vec2_unsigned_char = type(
            "Vec2_unsigned_char",
            (Struct,),
            {"FIELDS": {"x": Integer(0, 255), "y": Integer(0, 255)}},
        )
        self.BasicSinkNode_unifirm_modules_events_measurement = type(
            "BasicSinkNode_unifirm_modules_events_measurement", (SinkBuffer,), {}
        )
        padded = [*faults, *[Faults() for _ in range(len(boards) - len(faults))]]
        self.boards = [
            Board(
                DeviceInfo(name, n),
                getattr(self, CHIP_OF.get(name, "speck2f")),
                fault,
                now,
                neuron_words,
            )
            for n, (name, fault) in enumerate(zip(boards, padded, strict=True))
        ]
        self._add(
            "device",
            DeviceInfo=DeviceInfo,
            get_all_devices=self._all,
            get_unopened_devices=self._unopened,
            open_device=self._open,
            close_device=self._close,
        )

    def _add(self, name: str, **content) -> types.ModuleType:
        module = types.ModuleType(f"samna.{name}")
        for key, value in content.items():
            setattr(module, key, value)
        self.modules[f"samna.{name}"] = module
        parent, _, child = name.rpartition(".")
        setattr(self.modules[f"samna.{parent}"] if parent else self, child, module)
        return module

    def _add_chip(self, chip: str) -> None:
        self._add(
            chip,
            validate_configuration=validate_configuration,
            configuration_to_flash_binary=configuration_to_flash_binary,
        )
        self._add(
            f"{chip}.configuration",
            **{
                name: getattr(parts, name)
                for name in ("SpeckConfiguration", "CnnLayerConfig", "CnnLayerDimensions")
            },
        )
        classes = CLASSES[chip]
        self._add(f"{chip}.event", **vars(classes))
        kinds = tuple(getattr(classes, name) for name in INPUTS)
        setattr(self, SOURCES[chip], type(SOURCES[chip], (SourceBuffer,), {"KINDS": kinds}))
        setattr(self, SINKS[chip], type(SINKS[chip], (SinkBuffer,), {}))

    def _all(self) -> list[DeviceInfo]:
        return [board.info for board in self.boards if not board.faults.gone]

    def _unopened(self) -> list[DeviceInfo]:
        return [
            board.info
            for board in self.boards
            if not (board.faults.gone or board.faults.in_use or board.opened)
        ]

    def _open(self, info):
        if isinstance(info, str):
            raise NotImplementedError("opening by name")
        board = next(board for board in self.boards if board.info is info)
        if board.meet("open_device") == "none" or board.faults.in_use:
            return None
        board.opened = True
        return board

    def _close(self, board) -> None:
        board.meet("close_device")
        board.opened = False
        board._reset()


@contextmanager
def installed(double: Double) -> Iterator[Double]:
    """``double`` in ``sys.modules``; afterwards all is as before."""
    before = {name: module for name, module in sys.modules.items() if _ours(name)}
    for name in before:
        del sys.modules[name]
    sys.modules.update(double.modules)
    sys.modules["samnagui"] = types.ModuleType("samnagui")
    try:
        yield double
    finally:
        for name in [name for name in sys.modules if _ours(name)]:
            del sys.modules[name]
        sys.modules.update(before)


def _ours(name: str) -> bool:
    return name.partition(".")[0] in ("samna", "samnagui") or name.startswith(
        "sinabs.backend.dynapcnn"
    )
