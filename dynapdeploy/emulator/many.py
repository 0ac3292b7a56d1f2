"""Many recordings side by side, in threads that do not hold the interpreter's lock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from dynapdeploy.chip.image import ChipImage
from dynapdeploy.emulator.emulation import Emulation, Settings
from dynapdeploy.emulator.engine import Emulator
from dynapdeploy.emulator.jitter import Jitter
from dynapdeploy.errors import InputError
from dynapdeploy.processors import processors

AHEAD = 4
"""Recordings per thread that are read before their turn has come."""
Item = TypeVar("Item")
Result = TypeVar("Result")


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
    """Run every recording; all results at once, as :func:`emulate_each` gives them."""
    return list(
        emulate_each(
            image,
            recordings,
            workers=workers,
            monitor=monitor,
            settings=settings,
            jitter=jitter,
            saturations=saturations,
        )
    )


def emulate_each(
    image: ChipImage,
    recordings: Iterable[np.ndarray],
    *,
    workers: int | None = None,
    monitor: Sequence[int] = (),
    settings: Settings | None = None,
    jitter: Jitter | None = None,
    saturations: bool = False,
) -> Iterator[Emulation]:
    """Run every recording from the initial states; results one by one, in their order.

    Each result is what :func:`dynapdeploy.emulator.emulate` gives for that recording (with jitter:
    by the same seed for all). A few recordings per thread are drawn from the iterable ahead of
    their use and no result is kept, so memory does not grow with their number.

    Args:
        workers: threads; None for one per processor that this process may use.

    Raises:
        InputError: ``workers`` is not an integer of at least 1.
        DeployError: see :class:`~dynapdeploy.emulator.Emulator`; the first one met.
    """
    if workers is None:
        workers = processors()
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise InputError(f"emulate_many: workers must be an integer of at least 1, got {workers!r}")

    def emulator() -> Emulator:
        return Emulator(
            image, monitor=monitor, settings=settings, jitter=jitter, saturations=saturations
        )

    chips = deque(emulator() for _ in range(workers))

    def run(events: np.ndarray) -> Emulation:
        chip = chips.popleft()
        try:
            chip.reset()
            chip.feed(events)
            return chip.result()
        finally:
            chips.append(chip)

    return in_threads(run, recordings, workers)


def in_threads(
    run: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[Result]:
    """``map(run, items)`` by threads: results in order, items drawn :data:`AHEAD` per thread."""
    return map(run, items) if workers == 1 else _threaded(run, items, workers)


def _threaded(
    run: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[Result]:
    ahead: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                ahead.append(pool.submit(run, item))
                if len(ahead) >= AHEAD * workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
