"""Which board an image goes to, and why there is none."""

from __future__ import annotations

from dynapdeploy.chip.image import ChipImage
from dynapdeploy.chip.profile import load_profile
from dynapdeploy.errors import DataError, Mismatch
from dynapdeploy.hardware.samna import samna_status


def why_no_board(image: ChipImage, device: str) -> str:
    """Why there is no board for ``image``, one sentence.

    Args:
        device: profile name, with ``:N`` for the Nth board of that kind.

    Raises:
        ProfileError: the device is unknown.
        Mismatch: the image was made for another chip, or the profile is check-only.
    """
    name, colon, number = device.partition(":")
    if colon and not number.isdecimal():
        raise DataError(f"device {device!r}: a number was expected after the colon, as in {name}:0")
    profile = load_profile(name)
    if profile.board is None:
        raise Mismatch(f"{name} cannot be flashed: {profile.title} (check only)")
    made_for = load_profile(image.device)
    if made_for.board is None or made_for.board.samna_module != profile.board.samna_module:
        raise Mismatch(
            f"the image was made for {image.device}, not for {name}; "
            f"convert it with --device {name}"
        )
    status = samna_status()
    if status.state == "real":
        return f"{status.message}, but this version does not drive boards yet."
    return f"{status.message}."
