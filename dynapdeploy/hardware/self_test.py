"""The self-test of an image on a target, layer by layer.

The emulator's side is run afresh with every core monitored, so that a difference can be laid to the
first layer that has it. A board's times are not compared: it says when a spike left the chip, the
emulator which input event caused it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dynapdeploy.chip.image import ChipImage, SelfTest
from dynapdeploy.errors import ImageError
from dynapdeploy.hardware.target import Target

STRETCH = 10.0
"""Boards get the self-test this much slower than it was recorded, so that the cores can follow."""


@dataclass(frozen=True)
class LayerCheck:
    """One core of the self-test.

    Attributes:
        expected, found: number of spikes.
        first_difference: index of the first spike whose address differs; None if none does.
        reordered: the same spikes came, in another order.
    """

    layer: str
    core: int
    expected: int
    found: int
    first_difference: int | None
    reordered: bool


@dataclass(frozen=True)
class SelfTestReport:
    """What a target made of the self-test.

    Attributes:
        identical: every output event and every spike of every core is as expected.
        first_difference: index of the first output event that differs; None if none does.
        expected, found: number of output events.
        layers: in topological order.
    """

    identical: bool
    first_difference: int | None
    expected: int
    found: int
    layers: tuple[LayerCheck, ...]

    @property
    def suspect(self) -> LayerCheck | None:
        """The first layer, in the order of the data, that differs."""
        return next((c for c in self.layers if c.first_difference is not None), None)

    @property
    def spikes(self) -> Mapping[int, tuple[int, int]]:
        """Spikes per core, expected and found."""
        return {check.core: (check.expected, check.found) for check in self.layers}


def run_on(target: Target, image: ChipImage) -> SelfTestReport:
    """Load ``image``, run the self-test it carries, and compare.

    Raises:
        ImageError: it carries none, or not the one that the emulator gives.
        Mismatch, BoardFault: see :class:`dynapdeploy.hardware.target.Target`.
    """
    from dynapdeploy.emulator import emulate

    test = image.self_test
    if test is None:
        raise ImageError("the image carries no self-test")
    cores = [core.core for core in image.cores]
    expected = emulate(image, test.events, monitor=cores)
    _require_own(test, expected.events, expected.spikes)
    target.load(image, cores)
    found = target.stream(test.events, stretch=1.0 if target.keeps_time else STRETCH)
    timed = target.keeps_time
    layers = tuple(
        _check(core.name, core.core, expected.monitored[core.core], found.monitored[core.core])
        for core in image.cores
    )
    first = _first_difference(test.output, found.events, timed)
    same = first is None and all(check.first_difference is None for check in layers)
    return SelfTestReport(same, first, len(test.output), len(found.events), layers)


def _require_own(test: SelfTest, output: np.ndarray, spikes: Mapping[int, int]) -> None:
    first = _first_difference(test.output, output, True)
    if first is not None or dict(test.spikes) != dict(spikes):
        raise ImageError(
            "the self-test of the image is not what the emulator makes of it"
            + ("" if first is None else f" (from output event {first} on)")
            + "; convert the net again"
        )


def _check(name: str, core: int, expected: np.ndarray, found: np.ndarray) -> LayerCheck:
    first = _first_difference(expected, found, False)
    reordered = (
        first is not None
        and len(expected) == len(found)
        and bool((np.sort(_addresses(expected)) == np.sort(_addresses(found))).all())
    )
    return LayerCheck(name, core, len(expected), len(found), first, reordered)


def _first_difference(expected: np.ndarray, found: np.ndarray, timed: bool) -> int | None:
    common = min(len(expected), len(found))
    differs = _addresses(expected[:common]) != _addresses(found[:common])
    if timed:
        differs |= expected["t"][:common] != found["t"][:common]
    places = np.flatnonzero(differs)
    if len(places):
        return int(places[0])
    return None if len(expected) == len(found) else common


def _addresses(events: np.ndarray) -> np.ndarray:
    p, y, x = (events[field].astype(np.int64) for field in "pyx")
    return p << 32 | y << 16 | x
