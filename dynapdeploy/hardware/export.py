"""samna's own forms of an image: its configuration as JSON, and the content of flash memory."""

from __future__ import annotations

import os
from collections.abc import Sequence

from dynapdeploy.chip.image import ChipImage
from dynapdeploy.files import write_bytes, write_text
from dynapdeploy.hardware.calls import call
from dynapdeploy.hardware.configuration import Readout, configuration, flash_binary, validate
from dynapdeploy.hardware.opening import TIMING, flashable, samna_for

Path = str | os.PathLike[str]


def save_configuration(
    image: ChipImage,
    device: str,
    config: Path | None,
    binary: Path | None,
    monitor: Sequence[int] = (),
    readout: Readout | None = None,
) -> None:
    """Write the configuration of ``image``; samna is needed for it, a board is not.

    Args:
        config: file for the JSON text, None for none.
        binary: file for the content of flash memory, None for none.

    Raises:
        EnvironmentLacks: samna is not usable.
        Mismatch: samna refuses the configuration, with its message.
        OutputError: a file cannot be written.
    """
    profile = flashable(image, device)
    samna = samna_for(profile)
    chip = getattr(samna, profile.board.samna_module)  # type: ignore[union-attr]
    limit = TIMING.call
    target = call(
        "building the configuration",
        limit,
        lambda: configuration(image, chip, monitor=monitor, readout=readout),
    )
    validate(chip, target)
    if config is not None:
        write_text(config, call("making JSON", limit, target.to_json))
    if binary is not None:
        pins = readout is not None and readout.pins
        write_bytes(binary, call("making a binary", limit, flash_binary, chip, target, pins))
