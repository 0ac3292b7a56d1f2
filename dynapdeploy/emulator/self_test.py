"""The self-test that an image carries: an input, and what the emulator makes of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dynapdeploy.chip.image import ChipImage, SelfTest
from dynapdeploy.emulator.engine import emulate
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
