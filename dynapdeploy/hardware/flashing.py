"""What ``flash`` does with a target: self-test, recordings, listening, and a file of the events."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from dynapdeploy.chip.image import ChipImage
from dynapdeploy.data.dataset import Dataset
from dynapdeploy.errors import EnvironmentLacks, InputError, OutputError
from dynapdeploy.files import replacing
from dynapdeploy.hardware.board_target import BoardTarget
from dynapdeploy.hardware.recordings import Streamed, class_counts, stream_all
from dynapdeploy.hardware.self_test import SelfTestReport, run_on
from dynapdeploy.hardware.target import Response, Target, Watch


@dataclass(frozen=True, eq=False)
class Request:
    """What to do once the target is open.

    Attributes:
        recordings: to be streamed, None for none.
        monitor: cores whose spikes are wanted.
        stretch: see ``Target.stream``.
        listen_s: then take what comes for this long, None for not at all.
        self_test: run it first.
        output: file for the events of the last recording, or of the listening.
    """

    recordings: Dataset | None = None
    monitor: tuple[int, ...] = ()
    stretch: float = 1.0
    listen_s: float | None = None
    self_test: bool = True
    output: str | os.PathLike[str] | None = None

    def check(self, image: ChipImage) -> None:
        """Raise ``InputError`` where the image has not what is asked for."""
        ids = [core.core for core in image.cores]
        for core in self.monitor:
            if core not in ids:
                raise InputError(f"core {core} is to be monitored, the image uses cores {ids}")
        if self.output is not None and self.recordings is None and self.listen_s is None:
            raise InputError("an output file was named, but nothing is to be streamed (--input)")


@dataclass(frozen=True, eq=False)
class Flashed:
    """What came of it."""

    self_test: SelfTestReport | None
    streamed: tuple[Streamed, ...]
    heard: Response | None
    heard_counts: np.ndarray


def flash(
    target: Target, image: ChipImage, request: Request, watch: Watch | None = None
) -> Flashed:
    """Open ``target``, do what is asked for, and close it again, whatever happens.

    Raises:
        BoardFault: the board failed.
        Mismatch: see :class:`dynapdeploy.hardware.target.Target`.
        EnvironmentLacks: listening is asked of the emulator.
    """
    with target:
        report = None
        if request.self_test and image.self_test is not None:
            report = run_on(target, image)
        streamed: list[Streamed] = []
        heard: Response | None = None
        if report is None or request.recordings is not None or request.listen_s is not None:
            target.load(image, request.monitor)
        if request.recordings is not None:
            streamed += stream_all(
                target, image, request.recordings, stretch=request.stretch, watch=watch
            )
        if request.listen_s is not None:
            if not isinstance(target, BoardTarget):
                raise EnvironmentLacks("listening needs a board: the emulator has no camera")
            target.reset()
            heard = target.listen(request.listen_s, watch)
    last = heard or (streamed[-1].response if streamed else None)
    if request.output is not None and last is not None:
        save_response(last, request.output)
    counts = class_counts(image, np.empty(0, [("p", np.int16)]) if heard is None else heard.events)
    return Flashed(report, tuple(streamed), heard, counts)


def environment() -> dict[str, str]:
    """Versions that a report about a board must name."""
    import platform

    from dynapdeploy import __version__
    from dynapdeploy.hardware.samna import samna_status

    return {
        "dynapdeploy": __version__,
        "samna": samna_status().message,
        "python": platform.python_version(),
        "system": platform.platform(),
    }


def save_response(response: Response, path: str | os.PathLike[str]) -> None:
    """Events of a response as ``.npz``: ``events``, and ``core3`` for core 3, and ``readout``.

    Raises ``OutputError`` where that cannot be written.
    """
    if not str(path).endswith(".npz"):
        raise OutputError(f"cannot write {path}: a name that ends in .npz was expected")
    parts: dict[str, Any] = {f"core{core}": events for core, events in response.monitored.items()}
    with replacing(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, events=response.events, readout=response.readout, **parts)
