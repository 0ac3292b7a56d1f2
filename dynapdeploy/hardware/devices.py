"""Boards attached to this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dynapdeploy.chip.profile import Profile, load_profile, profile_names
from dynapdeploy.errors import DataError, EnvironmentLacks
from dynapdeploy.hardware.calls import call
from dynapdeploy.hardware.faults import BoardFault
from dynapdeploy.hardware.timing import Timing


@dataclass(frozen=True)
class BoardInfo:
    """One board.

    Attributes:
        device: profile and number, as ``--device`` takes it; None for a kind without a profile.
        kind: samna's name of the device type.
        serial, firmware: as the board says.
        bus, address: where it hangs on the USB.
        free: nobody has it open.
    """

    device: str | None
    kind: str
    serial: str
    firmware: str
    bus: int
    address: int
    free: bool


def boards(samna: Any, timing: Timing | None = None) -> tuple[BoardInfo, ...]:
    """All boards that samna sees, numbered within their kind by bus and address."""
    return tuple(info for info, _ in _found(samna, timing or Timing()))


def find(samna: Any, device: str, timing: Timing) -> tuple[BoardInfo, Any]:
    """The board that ``device`` (``NAME`` or ``NAME:N``) means, and samna's entry for it.

    Raises:
        EnvironmentLacks: it is not attached; those that are, are named.
        BoardFault: another program has it open.
    """
    name, number = split_device(device)
    all_of_them = _found(samna, timing)
    profile = load_profile(name)
    kind = profile.board.device_type if profile.board else None
    of_kind = [(info, entry) for info, entry in all_of_them if info.kind == kind]
    if number < len(of_kind):
        info, entry = of_kind[number]
        if not info.free:
            raise BoardFault(f"{device} (serial {info.serial}) is in use by another program")
        return info, entry
    there = ", ".join(info.device or info.kind for info, _ in all_of_them) or "none"
    raise EnvironmentLacks(f"no board: {name}:{number} is not attached (attached: {there}).")


def split_device(device: str) -> tuple[str, int]:
    """Profile name and number of ``NAME`` or ``NAME:N``. Raises ``DataError`` for a bad number."""
    name, colon, number = device.partition(":")
    if colon and not number.isdecimal():
        raise DataError(f"device {device!r}: a number was expected after the colon, as in {name}:0")
    return name, int(number or 0)


def _found(samna: Any, timing: Timing) -> list[tuple[BoardInfo, Any]]:
    module = samna.device
    every = list(call("listing the boards", timing.call, module.get_all_devices))
    free = list(call("listing the boards", timing.call, module.get_unopened_devices))
    places = {_place(entry) for entry in free}
    kinds = _profiles()
    counted: dict[str, int] = {}
    found = []
    for entry in sorted(every, key=_place):
        kind = str(entry.device_type_name)
        profile = kinds.get(kind)
        number = counted.get(kind, 0)
        counted[kind] = number + 1
        bus, address = _place(entry)
        info = BoardInfo(
            device=f"{profile.name}:{number}" if profile else None,
            kind=kind,
            serial=str(entry.serial_number),
            firmware=str(entry.logic_version),
            bus=bus,
            address=address,
            free=(bus, address) in places,
        )
        found.append((info, entry))
    return found


def _place(entry: Any) -> tuple[int, int]:
    return int(entry.usb_bus_number), int(entry.usb_device_address)


def _profiles() -> dict[str, Profile]:
    profiles = [load_profile(name) for name in profile_names()]
    return {p.board.device_type: p for p in profiles if p.board is not None}
