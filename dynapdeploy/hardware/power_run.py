"""Power of an idle board and under several recordings, and the calibration from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dynapdeploy.chip.image import ChipImage
from dynapdeploy.data.coding import encode
from dynapdeploy.data.dataset import Dataset, readable
from dynapdeploy.hardware.board_target import BoardTarget
from dynapdeploy.hardware.calibration import Calibration, Point, fit, write_profile
from dynapdeploy.hardware.power import Activity, PowerReading, measure, measure_loop


@dataclass(frozen=True)
class Played:
    """One recording in a loop."""

    name: str
    reading: PowerReading
    activity: Activity


@dataclass(frozen=True)
class PowerRun:
    """The idle board, loaded and silent, and all recordings."""

    idle: PowerReading
    played: tuple[Played, ...]


def measure_all(
    target: BoardTarget,
    image: ChipImage,
    dataset: Dataset,
    seconds: float,
    progress: Callable[[int], None] | None = None,
) -> PowerRun:
    """Open the board, load ``image``, measure, and close the board again.

    Raises:
        BoardFault: the board failed, or its power monitor sent nothing.
    """
    played = []
    with target:
        target.load(image)
        idle = measure(target, seconds)
        for done, (_, sample) in enumerate(readable(dataset), 1):
            if progress is not None:
                progress(done)
            events = encode(sample, image.input, image.input_shape)
            played.append(Played(sample.name, *measure_loop(target, image, events, seconds)))
    return PowerRun(idle, tuple(played))


def calibrated(
    run: PowerRun, target: BoardTarget, path: str, with_spikes: bool = True
) -> Calibration:
    """Fit the energies and write the profile; nothing is written where the fit is refused.

    Raises:
        DataError: the data cannot carry the fit.
    """
    points = [Point(0.0, 0.0, run.idle.total_w, run.idle.total_error_w)]
    points += [
        Point(
            one.activity.synops_per_s,
            one.activity.spikes_per_s,
            one.reading.total_w,
            one.reading.total_error_w,
        )
        for one in run.played
    ]
    result = fit(points, with_spikes)
    rails = {name: rail.mean_w for name, rail in run.idle.rails.items()}
    write_profile(path, target.profile.name, result, rails, target.name)
    return result
