"""An estimate in parts: over processes, over a cluster, or interrupted and taken up again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from dynapdeploy.chip.image import ChipImage
from dynapdeploy.data.selection import Selection
from dynapdeploy.emulator import Jitter, Settings
from dynapdeploy.estimate.estimate import Estimate, summed
from dynapdeploy.estimate.load import WINDOW_US
from dynapdeploy.estimate.outcome import outcomes
from dynapdeploy.estimate.parts import Workers, image_of, in_parts, samples_of
from dynapdeploy.estimate.tally import merged, tally, tally_from
from dynapdeploy.processors import processors

TASK = "dynapdeploy.estimate.estimate_parts:estimate_part"


def estimate_in_parts(
    image: ChipImage,
    selection: Selection,
    workers: Workers,
    *,
    jitters: Sequence[Jitter] = (),
    window_us: int = WINDOW_US,
    budget: float | None = None,
    battery_wh: float | None = None,
    progress: Callable[[int], None] | None = None,
) -> Estimate:
    """What :func:`dynapdeploy.estimate.estimate` says, digit for digit, without the outcomes.

    Raises:
        DeployError: as :func:`dynapdeploy.estimate.estimate` and
            :func:`dynapdeploy.estimate.parts.in_parts`.
    """
    dataset, runs = in_parts(
        TASK,
        image,
        selection,
        workers,
        {"window_us": window_us},
        exact=True,
        runs=[None, *(asdict(jitter) for jitter in jitters)],
        progress=(lambda done, _: progress(done)) if progress else None,
    )
    return summed(
        image,
        dataset,
        [merged(tally_from(part["tally"]) for part in parts) for parts in runs],
        settings=Settings(),
        window_us=window_us,
        budget=budget,
        battery_wh=battery_wh,
        skipped=list(dict.fromkeys(name for part in runs[0] for name in part["skipped"])),
    )


def estimate_part(arguments: Mapping[str, Any], place: Mapping[str, str]) -> dict[str, Any]:
    """The tally of one part, and the names of damaged recordings."""
    dataset, image, run = samples_of(arguments), image_of(arguments, place), arguments["run"]
    found = outcomes(
        image,
        dataset,
        jitter=None if run is None else Jitter(**run),
        workers=processors(),
        window_us=arguments["window_us"] if run is None else None,
    )
    return {"tally": tally(image, found).as_dict(), "skipped": list(dataset.skipped)}
