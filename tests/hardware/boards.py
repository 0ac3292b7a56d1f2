"""Boards of the double and small images for the tests of this folder."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from samna_double import Double, Faults
from samna_double.validation import NEURON

from dynapdeploy.chip.image import ChipImage, CoreImage, Destination
from dynapdeploy.chip.profile import load_profile
from dynapdeploy.emulator.self_test import with_self_test
from dynapdeploy.events import make_events
from dynapdeploy.hardware.board_target import BoardTarget
from dynapdeploy.hardware.timing import Timing

HERE = Path(__file__).parent
REAL = "speck2fdevkit"
DEVICE = str(HERE / "tiny.toml")
"""A Speck 2F dev kit with little neuron memory, so that clearing it takes the tests no time."""
WORDS = 256
SPEED = 20


def fast_now() -> float:
    """A clock that runs :data:`SPEED` times faster than the world's."""
    return time.monotonic() * SPEED


def fast_sleep(seconds: float) -> None:
    time.sleep(seconds / SPEED)


FAST = Timing(settle=0.1, quiet=0.2, tail=400.0, poll=0.05, now=fast_now, sleep=fast_sleep)


def chain(seed: int = 0, layers: int = 2, features: int = 4, device: str = DEVICE) -> ChipImage:
    """A chain of 3x3 convolutions on a 2x8x8 map, pooled by 2 at the end, with a self-test."""
    rng = np.random.default_rng(seed)
    shape = (2, 8, 8)
    cores = []
    ids = [3, 4, 7, 8, 2, 5, 6][:layers]
    for number, core in enumerate(ids):
        last = number == layers - 1
        cores.append(
            CoreImage(
                core=core,
                name=f"conv{number + 1}",
                weights=rng.integers(-60, 100, (features, shape[0], 3, 3)),
                input_shape=shape,
                output_shape=(features, 8, 8),
                padding=(1, 1),
                threshold_high=300,
                threshold_low=-300,
                destinations=(Destination(None if last else ids[number + 1], 2 if last else 1),),
            )
        )
        shape = (features, 8, 8)
    return with_self_test(ChipImage(device, tuple(cores), (3,)))


def board(faults: Faults | None = None, **options) -> tuple[Double, BoardTarget]:
    """A double with one Speck 2F dev kit, and the target that drives it."""
    timing = options.pop("timing", FAST)
    double = Double(("Speck2fDevKit",), (faults or Faults(),), timing.now, [WORDS] * 9)
    return double, BoardTarget(double, DEVICE, timing, **options)


def some_events(image: ChipImage, count: int, duration_us: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    channels, height, width = image.input_shape
    return make_events(
        np.sort(rng.integers(0, duration_us, count)),
        rng.integers(0, width, count),
        rng.integers(0, height, count),
        rng.integers(0, channels, count),
    )


def memory_of(device: str) -> Sequence[int]:
    return [core.neuron for core in load_profile(device).cores]


def same_memory() -> bool:
    return [n * 1024 for n in NEURON] == list(memory_of(REAL))
