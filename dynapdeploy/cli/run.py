"""What the verbs that run the emulator have in common."""

from __future__ import annotations

from dynapdeploy.cli.output import note
from dynapdeploy.processors import processors


def worker_count(workers: int | None) -> int:
    """Threads to use: as asked, else one per processor core that this process may use."""
    return workers or processors()


def announce_compilation() -> None:
    """Load the emulator, and say so if it has to be compiled first."""
    from dynapdeploy.emulator import warm_up

    warm_up(note)


def jitter_seeds(count: int, window_us: int) -> list:
    """``count`` perturbations of the event order, seeded 1, 2, ..."""
    from dynapdeploy.emulator import Jitter

    return [Jitter(seed=seed, window_us=window_us) for seed in range(1, count + 1)]
