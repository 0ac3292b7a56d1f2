"""The last rung of the ladder: what a board (or whatever stands for it) gave back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

import numpy as np

from dynapdeploy.chip.image import ChipImage
from dynapdeploy.errors import DataError
from dynapdeploy.estimate.ladder import RungResult


class Answer(Protocol):
    """What came back for one recording: monitored spikes by core."""

    @property
    def monitored(self) -> Mapping[int, np.ndarray]: ...


class Streamed(Protocol):
    """One recording that went through a target with every core monitored."""

    @property
    def decision(self) -> int | None: ...

    @property
    def response(self) -> Answer: ...


def board_rung(image: ChipImage, streamed: Iterable[Streamed]) -> RungResult:
    """Decisions and spikes per layer; additions cannot be counted on a board.

    Raises:
        DataError: nothing was streamed.
    """
    decisions: list[int] = []
    spikes = {core.name: 0 for core in image.cores}
    for one in streamed:
        decisions.append(-1 if one.decision is None else one.decision)
        for core in image.cores:
            spikes[core.name] += len(one.response.monitored.get(core.core, ()))
    if not decisions:
        raise DataError("board: no recording was streamed")
    return RungResult(np.array(decisions, np.int64), spikes, {})
