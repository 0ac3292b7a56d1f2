"""A data set in parts that any process or machine can work off, each kept on disk when it is done.

The folder gets ``plan.json``, ``image.dynap`` and, as they are finished, ``parts/RUN-FIRST.json``.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from dynapdeploy.chip.image import ChipImage
from dynapdeploy.chip.image_file import from_bytes, to_bytes
from dynapdeploy.data.dataset import Dataset
from dynapdeploy.data.selection import Selection, identity
from dynapdeploy.errors import ImageError
from dynapdeploy.estimate.outcome import check_match
from dynapdeploy.files import output_folder, write_bytes
from dynapdeploy.scale import Piece, planned_folder, run_pieces

SAMPLES = 32
"""Samples of a part. Float sums depend on it, so it is the same wherever a part is done."""
MOST_PARTS = 4000
"""Where results add up exactly, larger parts keep the number of parts below twice this."""
IMAGE, PARTS = "image.dynap", "parts"


@dataclass(frozen=True)
class Workers:
    """Who does the parts, and where they are kept.

    Attributes:
        folder: for the results; with a cluster it must lie where its workers find it.
        resume: go on with what is in ``folder``, if anything.
        processes: of this machine, 1 for this process itself.
        scheduler: address of a Dask scheduler in place of this machine.
    """

    folder: str | os.PathLike[str]
    resume: bool = False
    processes: int = 1
    scheduler: str | None = None


def in_parts(
    task: str,
    image: ChipImage,
    selection: Selection,
    workers: Workers,
    arguments: Mapping[str, Any],
    *,
    place: Mapping[str, str] | None = None,
    runs: Sequence[Any] = (None,),
    exact: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Dataset, list[list[dict[str, Any]]]]:
    """Have every part of the samples done by ``task``, once for each of ``runs``.

    Args:
        task: see :class:`dynapdeploy.scale.Piece`; it finds its samples by :func:`samples_of`, the
            image by :func:`image_of`, and its run as ``arguments["run"]``.
        arguments, place: more for the task.
        exact: what the task gives back adds up the same whatever the parts, so they may be large.
        progress: called with the number of samples done so far and of all, over all runs.

    Returns:
        The samples, and what the task gave back, by run and part, in order.

    Raises:
        Mismatch: the samples cannot enter the image.
        EnvironmentLacks: the cluster cannot be used, or is gone; what is finished is kept.
        DeployError: as :func:`dynapdeploy.scale.planned_folder`, and what the task raises.
    """
    dataset = selection.open()
    check_match(image, dataset)
    content = to_bytes(image)
    what = {
        **arguments,
        "image_sha256": hashlib.sha256(content).hexdigest(),
        "selection": asdict(selection),
        "samples": identity(dataset),
    }
    size = max(SAMPLES, len(dataset) // MOST_PARTS) if exact else SAMPLES
    plan = {"command": task.rpartition(":")[2], "part": size, "runs": list(runs), **what}
    with planned_folder(workers.folder, plan, workers.resume, (IMAGE,)) as folder:
        write_bytes(folder / IMAGE, content)
        output_folder(folder / PARTS)
        inputs = {**(place or {}), "image": str(folder / IMAGE)}
        pieces = [
            _piece(task, {**what, "run": run, "first": first, "last": last}, inputs, number, folder)
            for number, run in enumerate(runs)
            for first, last in _ranges(len(dataset), size)
        ]
        found: dict[str, dict[str, Any]] = {}
        done = 0
        for piece, value in run_pieces(
            pieces, workers=workers.processes, scheduler=workers.scheduler
        ):
            if isinstance(value, Exception):
                raise value
            found[piece.name] = value
            done += piece.arguments["last"] - piece.arguments["first"]
            if progress:
                progress(done, len(runs) * len(dataset))
    each = len(pieces) // len(runs)
    values = [found[piece.name] for piece in pieces]
    return dataset, [values[at : at + each] for at in range(0, len(values), each)]


def _ranges(count: int, size: int) -> list[tuple[int, int]]:
    return [(first, min(first + size, count)) for first in range(0, count, size)]


def _piece(task: str, arguments, place, run: int, folder: Path) -> Piece:
    name = f"{run}-{arguments['first']:08d}"
    return Piece(name, task, arguments, place, str(folder / PARTS / f"{name}.json"))


def samples_of(arguments: Mapping[str, Any]) -> Dataset:
    """The samples of a part. Raises ``DataError``, also where they are not those of the job."""
    count, fingerprint = arguments["samples"]
    return Selection(**arguments["selection"]).part(
        arguments["first"], arguments["last"], (count, fingerprint)
    )


def image_of(arguments: Mapping[str, Any], place: Mapping[str, str]) -> ChipImage:
    """The image of a job. Raises ``ImageError`` where it is not the one the job was begun with."""
    return _image(place["image"], arguments["image_sha256"])


@lru_cache(maxsize=1)
def _image(path: str, digest: str) -> ChipImage:
    try:
        content = Path(path).read_bytes()
    except OSError as fault:
        raise ImageError(f"cannot read {path}: {fault.strerror or fault}") from fault
    if hashlib.sha256(content).hexdigest() != digest:
        raise ImageError(f"{path}: not the chip image that this job was begun with")
    return from_bytes(content, path)
