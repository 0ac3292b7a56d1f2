"""Whether what is asked of a run makes sense."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from dynapdeploy.chip.image import ChipImage
from dynapdeploy.emulator.emulation import Settings
from dynapdeploy.emulator.jitter import Jitter
from dynapdeploy.errors import ImageError, InputError

LARGEST_MAP = 2**15


class Request(TypedDict, total=False):
    """What may be asked of a run beside the image (see :class:`~dynapdeploy.emulator.Emulator`)."""

    monitor: Sequence[int]
    settings: Settings | None
    jitter: Jitter | None
    saturations: bool
    peak_queue: bool
    count_spikes: bool


def check_request(
    image: ChipImage, monitor: Sequence[int], settings: Settings, jitter: Jitter | None
) -> None:
    """Refuse a run that has no meaning.

    Raises:
        InputError: a monitored core is not in the image, or jitter is asked of the breadth-first
            order.
        ImageError: not an image, or a map too large for 16-bit addresses.
    """
    if not isinstance(image, ChipImage):
        raise ImageError(f"emulate: a ChipImage was expected, got {type(image).__name__}")
    known = [core.core for core in image.cores]
    if not isinstance(monitor, Sequence):
        raise InputError(f"monitor: a list of core ids was expected, got {monitor!r}")
    for core in monitor:
        if core not in known:
            raise InputError(f"monitor: core {core} is not in the image (cores {known})")
    if len(set(monitor)) != len(tuple(monitor)):
        raise InputError(f"monitor: a core is named twice, {tuple(monitor)}")
    if not isinstance(settings, Settings):
        raise InputError(f"emulate: settings must be Settings, got {type(settings).__name__}")
    if jitter is not None and not isinstance(jitter, Jitter):
        raise InputError(f"emulate: jitter must be a Jitter, got {type(jitter).__name__}")
    if jitter is not None and settings.order != "depth-first":
        raise InputError(
            "jitter perturbs the depth-first order, the order asked for is breadth-first"
        )
    if image.output_features > LARGEST_MAP:
        raise ImageError(
            f"image: the output has {image.output_features} features, at most {LARGEST_MAP} "
            "are possible"
        )
