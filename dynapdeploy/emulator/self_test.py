"""The self-test that an image carries: an input, and what the emulator makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from dynapdeploy.chip.image import ChipImage, SelfTest
from dynapdeploy.emulator.engine import emulate
from dynapdeploy.errors import ImageError
from dynapdeploy.events import make_events

FEWEST_EVENTS, MOST_EVENTS = 1_000, 16_000
DURATION_US = 100_000


def with_self_test(image: ChipImage, events: np.ndarray | None = None) -> ChipImage:
    """The image together with a self-test.

    Args:
        events: the input; None for events drawn evenly over the input map (always the same ones),
            as many as it takes to get spikes at the output, at most 16,000.
    """
    if events is not None:
        return replace(image, self_test=_recorded(image, events))
    count = FEWEST_EVENTS
    while True:
        test = _recorded(image, _drawn_events(image, count))
        if len(test.output) or count >= MOST_EVENTS:
            return replace(image, self_test=test)
        count *= 2


def _recorded(image: ChipImage, events: np.ndarray) -> SelfTest:
    run = emulate(image, events)
    return SelfTest(events, run.events, run.spikes)


def _drawn_events(image: ChipImage, count: int) -> np.ndarray:
    random = np.random.default_rng(0)
    channels, height, width = image.input_shape
    times = np.arange(count, dtype=np.int64) * DURATION_US // count
    return make_events(
        times,
        random.integers(0, width, count),
        random.integers(0, height, count),
        random.integers(0, channels, count),
    )


@dataclass(frozen=True)
class SelfTestVerdict:
    """What came out against what was expected.

    Attributes:
        identical: every output event and every spike count is as expected.
        first_difference: index of the first output event that differs; None if none does.
        expected, found: number of output events.
        spikes: per core, expected and found.
    """

    identical: bool
    first_difference: int | None
    expected: int
    found: int
    spikes: Mapping[int, tuple[int, int]]


def run_self_test(image: ChipImage) -> SelfTestVerdict:
    """Run the self-test that ``image`` carries in the emulator.

    Raises:
        ImageError: it carries none.
    """
    test = image.self_test
    if test is None:
        raise ImageError("the image carries no self-test")
    run = emulate(image, test.events)
    return compare(test, run.events, run.spikes)


def compare(test: SelfTest, output: np.ndarray, spikes: Mapping[int, int]) -> SelfTestVerdict:
    """Compare a run's output events and spikes per core with those a self-test expects."""
    common = min(len(test.output), len(output))
    differing = np.flatnonzero(test.output[:common] != output[:common])
    first = int(differing[0]) if len(differing) else None
    if first is None and len(test.output) != len(output):
        first = common
    pairs = {core: (count, int(spikes.get(core, 0))) for core, count in test.spikes.items()}
    same = first is None and all(expected == found for expected, found in pairs.values())
    return SelfTestVerdict(same, first, len(test.output), len(output), pairs)
