"""What only the careful kernel can do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dynapdeploy.emulator.emulation import Settings
from dynapdeploy.emulator.jitter import Jitter

# columns of Options.flags()
WRAP, DISCARD, LEAK_FIRES, BRANCHES, SHUFFLE = range(5)


@dataclass(frozen=True)
class Options:
    """Departures from the plain run.

    Attributes:
        count: saturations are counted.
        wrap, discard, leak_fires: see :class:`~dynapdeploy.emulator.emulation.Settings`.
        branches, neurons, seed: see :class:`~dynapdeploy.emulator.jitter.Jitter`.
    """

    count: bool
    wrap: bool
    discard: bool
    leak_fires: bool
    branches: bool
    neurons: bool
    seed: int

    def flags(self) -> np.ndarray:
        """The switches of the kernel, int64 ``[5]``."""
        return np.array(
            [self.wrap, self.discard, self.leak_fires, self.branches, self.neurons], np.int64
        )


def options_for(settings: Settings, jitter: Jitter | None, saturations: bool) -> Options | None:
    """The options of a run, None where the plain kernel will do."""
    options = Options(
        count=saturations,
        wrap=settings.overflow == "wrap",
        discard=settings.lower_bound == "discard",
        leak_fires=settings.leak_fires and settings.slow_clock_hz is not None,
        branches=jitter is not None and jitter.branches,
        neurons=jitter is not None and jitter.neurons,
        seed=0 if jitter is None else int(jitter.seed),
    )
    plain = Options(False, False, False, False, False, False, options.seed)
    return None if options == plain else options
