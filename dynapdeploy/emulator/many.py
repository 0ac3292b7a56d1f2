"""Many recordings side by side, in threads that do not hold the interpreter's lock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from operator import index
from queue import Empty, SimpleQueue
from threading import Thread
from typing import SupportsIndex, TypeVar, Unpack

import numpy as np

from dynapdeploy.chip.image import ChipImage
from dynapdeploy.emulator.emulation import Emulation
from dynapdeploy.emulator.engine import Emulator
from dynapdeploy.emulator.request import Request
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
    workers: SupportsIndex | None = None,
    **request: Unpack[Request],
) -> list[Emulation]:
    """Run every recording; all results at once, as :func:`emulate_each` gives them."""
    return list(emulate_each(image, recordings, workers=workers, **request))


def emulate_each(
    image: ChipImage,
    recordings: Iterable[np.ndarray],
    *,
    workers: SupportsIndex | None = None,
    **request: Unpack[Request],
) -> Iterator[Emulation]:
    """Run every recording from the initial states; results one by one, in their order.

    Each result is what :func:`dynapdeploy.emulator.emulate` gives for that recording (with jitter:
    by the same seed for all). A few recordings per thread are drawn from the iterable ahead of
    their use and no result is kept, so memory does not grow with their number.

    Args:
        workers: threads, the caller's among them; None for one per processor that this process may
            use.
        request: what :class:`~dynapdeploy.emulator.Emulator` takes beside the image.

    Raises:
        InputError: ``workers`` is not an integer of at least 1, or there are no recordings to go
            through.
        DeployError: see :class:`~dynapdeploy.emulator.Emulator`; the first one met.
    """
    count = processors() if workers is None else _count(workers)
    try:
        source = iter(recordings)
    except TypeError as fault:
        raise InputError(
            f"emulate_many: recordings, one after another, were expected, got {recordings!r}"
        ) from fault
    first = Emulator(image, **request)
    chips = deque([first, *(first.another() for _ in range(count - 1))])

    def run(events: np.ndarray) -> Emulation:
        chip = chips.popleft()
        try:
            chip.reset()
            chip.feed(events)
            return chip.result()
        finally:
            chips.append(chip)

    return in_threads(run, source, count)


def _count(workers: SupportsIndex) -> int:
    try:
        count = 0 if isinstance(workers, bool) else index(workers)
    except TypeError:
        count = 0
    if count < 1:
        raise InputError(f"emulate_many: workers must be an integer of at least 1, got {workers!r}")
    return count


def in_threads(
    run: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[Result]:
    """``map(run, items)`` by threads: results in order, items drawn :data:`AHEAD` per thread."""
    return map(run, items) if workers == 1 else _threaded(run, items, workers)


def _threaded(
    run: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[Result]:
    """``run`` on every item, in order. The caller works too instead of waiting for a result: being
    woken for each would cost the threads more than what is left to do in the interpreter."""
    waiting: SimpleQueue[tuple[Future[Result], Item] | None] = SimpleQueue()
    ahead: deque[Future[Result]] = deque()

    def perform(future: Future[Result], item: Item, kept: type[BaseException] = Exception) -> None:
        try:
            future.set_result(run(item))
        except kept as error:
            future.set_exception(error)

    def work() -> None:
        while job := waiting.get():
            perform(*job, BaseException)

    def read() -> None:
        while len(ahead) < AHEAD * workers:
            ahead.append(Future())
            try:
                waiting.put((ahead[-1], next(source)))
            except StopIteration:
                ahead.pop()
                return
            except Exception as error:  # told when its turn comes, after the results before it
                ahead[-1].set_exception(error)
                return

    def help_out() -> None:
        while not ahead[0].done():
            try:
                job = waiting.get_nowait()
            except Empty:
                return
            if job:
                perform(*job)

    source = iter(items)
    threads = [Thread(target=work, daemon=True) for _ in range(workers - 1)]
    for thread in threads:
        thread.start()
    try:
        read()
        while ahead:
            help_out()
            yield ahead.popleft().result()
            read()
    finally:
        with suppress(Empty):
            while True:
                waiting.get_nowait()
        for _ in threads:
            waiting.put(None)
        for thread in threads:
            thread.join()
