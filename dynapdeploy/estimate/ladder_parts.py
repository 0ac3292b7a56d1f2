"""The accuracy ladder in parts: over processes or a cluster, interrupted and taken up again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

import numpy as np

from dynapdeploy.chip.image import ChipImage
from dynapdeploy.chip.image_file import to_bytes
from dynapdeploy.data.selection import Selection
from dynapdeploy.errors import Mismatch
from dynapdeploy.estimate.gather import read_any
from dynapdeploy.estimate.ladder import Ladder, RungResult
from dynapdeploy.estimate.ladder_run import (
    STEP_US,
    Part,
    Progress,
    Rungs,
    climb_part,
    lined_up,
    rungs,
)
from dynapdeploy.estimate.parts import Workers, image_of, in_parts, samples_of
from dynapdeploy.processors import processors
from dynapdeploy.scale.paths import absolute_file, absolute_model
from dynapdeploy.sources import with_coding

TASK = "dynapdeploy.estimate.ladder_parts:validate_part"


def climb_in_parts(
    name: str,
    image: ChipImage,
    selection: Selection,
    workers: Workers,
    *,
    device: str,
    input_shape: Sequence[int] | None = None,
    weights: str | None = None,
    merge_polarity: bool | None = None,
    events_per_unit: float | None = None,
    step_us: int = STEP_US,
    board: str | Callable[[], RungResult] = "no board was asked for",
    progress: Progress | None = None,
) -> Ladder:
    """What :func:`dynapdeploy.estimate.ladder_run.climb` says, digit for digit.

    Args:
        name, device, input_shape, weights: of the net that ``image`` was made from, as
            :func:`dynapdeploy.estimate.gather.read_any` takes them; every worker reads it itself.
        merge_polarity, events_per_unit: see :func:`dynapdeploy.sources.with_coding`.

    Raises:
        Mismatch: the samples cannot enter the image; a worker reads another net.
        DeployError: as :func:`dynapdeploy.estimate.parts.in_parts`.
    """
    dataset, (parts,) = in_parts(
        TASK,
        image,
        selection,
        workers,
        {
            "input_shape": None if input_shape is None else list(input_shape),
            "merge_polarity": merge_polarity,
            "events_per_unit": events_per_unit,
            "step_us": step_us,
        },
        place={
            "source": absolute_model(absolute_file(name)),
            "device": absolute_file(device) if device.endswith(".toml") else device,
            "weights": absolute_file(weights or ""),
        },
        progress=(lambda done, total: progress(done, total, "")) if progress else None,
    )
    return lined_up(image, dataset, [_part(values) for values in parts], step_us, board)


def validate_part(arguments: Mapping[str, Any], place: Mapping[str, str]) -> dict[str, Any]:
    """What the rungs gave for one part."""
    image = image_of(arguments, place)
    shape = arguments["input_shape"]
    ways = _ways(
        image,
        place["source"],
        place["device"],
        None if shape is None else tuple(shape),
        place["weights"] or None,
        arguments["merge_polarity"],
        arguments["events_per_unit"],
        arguments["step_us"],
    )
    part = climb_part(ways, image, samples_of(arguments))
    results = {
        key: found
        if isinstance(found, str)
        else {
            "decisions": found.decisions.tolist(),
            "spikes": dict(found.spikes),
            "synops": dict(found.synops),
        }
        for key, found in part.results.items()
    }
    return {"names": list(part.names), "labels": part.labels.tolist(), "results": results}


def _part(values: Mapping[str, Any]) -> Part:
    results = {
        key: found
        if isinstance(found, str)
        else RungResult(np.array(found["decisions"], np.int64), found["spikes"], found["synops"])
        for key, found in values["results"].items()
    }
    return Part(tuple(values["names"]), np.array(values["labels"], np.int64), results)


@lru_cache(maxsize=1)
def _ways(
    image: ChipImage, name: str, device: str, input_shape, weights, merge_polarity, events_per_unit,
    step_us: int,
) -> Rungs:  # fmt: skip
    if name.endswith(".dynap"):
        return rungs(None, None, image, step_us, workers=processors())
    coding = partial(with_coding, merge_polarity=merge_polarity, events_per_unit=events_per_unit)
    built, source, compilation = read_any(name, device, input_shape, weights, coding)
    if not _same(built, image):
        raise Mismatch(
            f"{name}: a worker makes another chip image of it than the one that this job was begun "
            "with: the file or the version of dynapdeploy has changed, or differs between machines"
        )
    return rungs(source, compilation, image, step_us, workers=processors())


def _same(image: ChipImage, other: ChipImage) -> bool:
    """Whether they are the same but for what they say of where they come from."""
    one, two = (to_bytes(replace(each, provenance={})) for each in (image, other))
    return one == two
