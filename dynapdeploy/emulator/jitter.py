"""Order jitter: a seeded perturbation of what the asynchronous chip leaves open."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dynapdeploy.errors import InputError

PARALLEL_CORES = (0, 1)
"""Physical cores that work on several neurons at a time (Speck datasheet, 2.4)."""

_MASK = 2**64 - 1


@dataclass(frozen=True)
class Jitter:
    """What is perturbed, and by which seed. Nothing else varies from the default order.

    Attributes:
        seed: of all random draws; equal seeds give equal runs.
        window_us: events of the input change places with events up to this many microseconds away.
            Each gets a random delay of 0 to ``window_us`` that counts for the order only: the
            addresses, so reordered, take the sorted times. Within one piece of a stream.
        branches: cores with events waiting run at the same time, so the next one to work off an
            event is drawn at random among them; an input event waits for all entry cores at once.
            What
            waits for one core stays in its order: a chain of cores gives the same result as without
            jitter.
        neurons: the spikes that one event causes in a parallel core (0 and 1) leave in random
            order. All other cores keep y, x, feature.

    Raises:
        InputError: ``seed`` or ``window_us`` is not an integer of at least 0.
    """

    seed: int = 0
    window_us: int = 0
    branches: bool = True
    neurons: bool = True

    def __post_init__(self) -> None:
        for name, limit in (("seed", 2**63), ("window_us", 2**40)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | np.integer):
                raise InputError(f"jitter: {name} must be an integer, got {value!r}")
            if not 0 <= value < limit:
                raise InputError(f"jitter: {name} must lie in 0..{limit - 1}, got {value}")


class Draws:
    """SplitMix64 (Steele, Lea and Flood 2014), the random numbers of the order jitter."""

    def __init__(self, seed: int):
        self.state = seed & _MASK

    def below(self, count: int) -> int:
        """A number from 0 to ``count - 1``; ``count`` is below 2**32."""
        self.state = (self.state + 0x9E3779B97F4A7C15) & _MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        z ^= z >> 31
        return ((z >> 32) * count) >> 32

    def shuffle(self, values: list) -> None:
        """Put ``values`` into random order (Fisher and Yates)."""
        for last in range(len(values) - 1, 0, -1):
            other = self.below(last + 1)
            values[last], values[other] = values[other], values[last]


def reordered(events: np.ndarray, window_us: int, random: np.random.Generator) -> np.ndarray:
    """``events`` with addresses moved by up to ``window_us`` microseconds; times stay sorted."""
    if window_us == 0 or len(events) == 0:
        return events
    delay = random.integers(0, window_us, len(events), endpoint=True)
    moved = events[np.argsort(events["t"] + delay, kind="stable")]
    moved["t"] = events["t"]
    return moved
