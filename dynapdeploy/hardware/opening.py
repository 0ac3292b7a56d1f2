"""From ``--device`` to a target."""

from __future__ import annotations

from types import ModuleType

from dynapdeploy.chip.image import ChipImage
from dynapdeploy.chip.profile import Profile, load_profile
from dynapdeploy.errors import EnvironmentLacks, Mismatch
from dynapdeploy.hardware.board_target import BoardTarget
from dynapdeploy.hardware.configuration import Readout
from dynapdeploy.hardware.devices import find, split_device
from dynapdeploy.hardware.emulated import EmulatorTarget
from dynapdeploy.hardware.faults import BoardFault
from dynapdeploy.hardware.samna import HOW_TO_INSTALL, samna_status
from dynapdeploy.hardware.timing import Timing
from dynapdeploy.hardware.vendor import load_samna

TIMING = Timing()


def open_target(
    image: ChipImage,
    device: str,
    *,
    slow_clock_hz: float | None = None,
    readout: Readout | None = None,
) -> tuple[BoardTarget | EmulatorTarget, str]:
    """The board that ``device`` names, or the emulator and the reason why there is no board.

    Returns:
        The target, not yet entered, and the reason (empty for a board).

    Raises:
        ProfileError: the device is unknown.
        Mismatch: it cannot be flashed, or the image was made for another chip.
        BoardFault: the board is there but cannot be used.
    """
    profile = flashable(image, device)
    status = samna_status()
    if status.state != "real":
        return EmulatorTarget(slow_clock_hz), f"{status.message}."
    samna = samna_for(profile)
    try:
        find(samna, device, TIMING)
    except BoardFault:
        raise
    except EnvironmentLacks as fault:
        return EmulatorTarget(slow_clock_hz), str(fault).removeprefix("no board: ")
    return BoardTarget(samna, device, TIMING, slow_clock_hz=slow_clock_hz, readout=readout), ""


def require_board(
    image: ChipImage,
    device: str,
    *,
    slow_clock_hz: float | None = None,
    readout: Readout | None = None,
) -> BoardTarget:
    """The board that ``device`` names. Raises ``EnvironmentLacks`` where there is none."""
    target, reason = open_target(image, device, slow_clock_hz=slow_clock_hz, readout=readout)
    if isinstance(target, EmulatorTarget):
        hint = "" if samna_status().state == "real" else f" {HOW_TO_INSTALL}"
        raise EnvironmentLacks(f"no board: {reason}{hint}")
    return target


def flashable(image: ChipImage, device: str) -> Profile:
    """The profile of ``device``, if the image can go there. Raises ``Mismatch`` if not."""
    name, _ = split_device(device)
    profile = load_profile(name)
    if profile.board is None:
        raise Mismatch(f"{name} cannot be flashed: {profile.title} (check only)")
    made_for = load_profile(image.device).board
    if made_for is None or made_for.samna_module != profile.board.samna_module:
        raise Mismatch(
            f"the image was made for {image.device}, not for {name}; "
            f"convert it with --device {name}"
        )
    return profile


def samna_for(profile: Profile) -> ModuleType:
    """samna with the module of this chip. Raises ``EnvironmentLacks`` where it is not usable."""
    return load_samna(None if profile.board is None else profile.board.samna_module)
