"""Many recordings side by side, in threads that do not hold the interpreter's lock."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from dynapdeploy.chip.image import ChipImage
from dynapdeploy.emulator.emulation import Emulation, Settings
from dynapdeploy.emulator.engine import Emulator
from dynapdeploy.emulator.jitter import Jitter
from dynapdeploy.errors import InputError


def emulate_many(
    image: ChipImage,
    recordings: Iterable[np.ndarray],
    *,
    workers: int | None = None,
    monitor: Sequence[int] = (),
    settings: Settings | None = None,
    jitter: Jitter | None = None,
    saturations: bool = False,
) -> list[Emulation]:
    """Run every recording from the initial states; results in the order of ``recordings``.

    Each result is what :func:`dynapdeploy.emulator.emulate` gives for that recording (with jitter:
    by the same seed for all). Recordings are drawn from the iterable a few ahead of their use.

    Args:
        workers: threads; None for one per processor that this process may use.

    Raises:
        InputError: ``workers`` is not an integer of at least 1.
        DeployError: see :class:`~dynapdeploy.emulator.Emulator`; the first one met.
    """
    if workers is None:
        workers = _processors()
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise InputError(f"emulate_many: workers must be an integer of at least 1, got {workers!r}")

    def emulator() -> Emulator:
        return Emulator(
            image, monitor=monitor, settings=settings, jitter=jitter, saturations=saturations
        )

    def run(idle: Emulator, events: np.ndarray) -> Emulation:
        idle.reset()
        idle.feed(events)
        return idle.result()

    if workers == 1:
        only = emulator()
        return [run(only, events) for events in recordings]
    chips = deque(emulator() for _ in range(workers))

    def take(events: np.ndarray) -> Emulation:
        chip = chips.popleft()
        try:
            return run(chip, events)
        finally:
            chips.append(chip)

    results: list[Emulation] = []
    ahead: deque[Future[Emulation]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for events in recordings:
                ahead.append(pool.submit(take, events))
                if len(ahead) >= 4 * workers:
                    results.append(ahead.popleft().result())
            results.extend(future.result() for future in ahead)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return results


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
