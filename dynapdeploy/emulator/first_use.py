"""The first use on a machine compiles the kernels; from then on they are loaded from disk."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dynapdeploy.chip.image import ChipImage, CoreImage, Destination
from dynapdeploy.compiled import on_disk
from dynapdeploy.emulator import careful, kernel
from dynapdeploy.emulator.engine import emulate
from dynapdeploy.events import make_events

MESSAGE = "compiling the emulator, once on this machine (about 5 s)"


def is_compiled(*, saturations: bool = False) -> bool:
    """Whether the kernel is ready or on disk, so that the first run will not compile it.

    Args:
        saturations: ask for the kernel of runs that count saturations, jitter, or depart from the
            default arithmetic.
    """
    return on_disk(careful.run if saturations else kernel.run)


def warm_up(tell: Callable[[str], None] | None = None, *, saturations: bool = False) -> None:
    """Load the kernel, compiling it where need be.

    Args:
        tell: called with one line of text before a compilation, and only then.
        saturations: see :func:`is_compiled`.
    """
    if tell is not None and not is_compiled(saturations=saturations):
        tell(MESSAGE)
    core = CoreImage(
        core=0,
        name="warm-up",
        weights=np.ones((1, 1, 1, 1), np.int8),
        input_shape=(1, 1, 1),
        output_shape=(1, 1, 1),
        threshold_high=1,
        threshold_low=-1,
        destinations=(Destination(None),),
    )
    one = make_events([0], [0], [0], [0])
    emulate(ChipImage("unbounded", (core,), (0,)), one, saturations=saturations)
