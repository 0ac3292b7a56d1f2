"""All that is known about one chip image on one data set, gathered for a report."""

from __future__ import annotations

import hashlib
import platform
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dynapdeploy.chip.image import ChipImage
from dynapdeploy.data.dataset import Dataset
from dynapdeploy.emulator import Settings
from dynapdeploy.estimate.estimate import Estimate, estimate
from dynapdeploy.estimate.trace import Trace, choose, traces

if TYPE_CHECKING:
    from dynapdeploy.chip.compile import Compilation
    from dynapdeploy.estimate.ladder import Ladder

PACKAGES = ("dynapdeploy", "numpy", "numba", "torch", "sinabs", "lightning")


@dataclass(frozen=True, eq=False)
class Study:
    """What a report shows.

    Attributes:
        title: the name of the net or image.
        estimate: from the emulator.
        traces: samples looked at closely.
        compilation: what the compiler found out, None for an image that was only loaded.
        ladder: accuracy from the float net to the chip, None if not asked for.
        stages: accuracy and SynOps of the stages of training, by name.
        sweep: rows of a sweep with ``accuracy`` and ``synops_per_sample``; empty without one.
        data, split, limit, seed: which samples.
        command: that made this.
        versions: of the packages.
        hashes: SHA-256 of the files, by name.
    """

    title: str
    image: ChipImage
    estimate: Estimate
    traces: tuple[Trace, ...]
    data: str
    split: str
    limit: int | None
    seed: int
    compilation: Compilation | None = None
    ladder: Ladder | None = None
    stages: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    sweep: Sequence[Mapping[str, Any]] = ()
    command: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)


def study(
    title: str,
    image: ChipImage,
    dataset: Dataset,
    *,
    found: Estimate | None = None,
    settings: Settings | None = None,
    limit: int | None = None,
    seed: int = 0,
    workers: int = 1,
    budget: float | None = None,
    battery_wh: float | None = None,
    files: Sequence[Path] = (),
    progress: Callable[[int], None] | None = None,
    **extras: Any,
) -> Study:
    """Estimate ``image`` on ``dataset`` (unless ``found`` is given) and trace a few samples.

    Args:
        files: whose hashes belong into the report.
        extras: ``compilation``, ``ladder``, ``stages``, ``sweep`` of :class:`Study`.

    Raises:
        Mismatch: the samples cannot enter the image.
        DataError: there is no sample that can be read.
    """
    if found is None:
        found = estimate(
            image,
            dataset,
            settings=settings,
            workers=workers,
            budget=budget,
            battery_wh=battery_wh,
            progress=progress,
        )
    names = choose(found.outcomes)
    return Study(
        title=title,
        image=image,
        estimate=found,
        traces=traces(image, dataset, found.outcomes, names, settings),
        data=dataset.spec,
        split=dataset.split,
        limit=limit,
        seed=seed,
        command=command_line(),
        versions=versions(),
        hashes={path.name: file_hash(path) for path in files if path.is_file()},
        **extras,
    )


def command_line() -> str:
    """The command that is running, fit to be typed again."""
    return shlex.join(["dynapdeploy", *sys.argv[1:]])


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that have a say in the figures."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    if "dynapdeploy" not in found:
        from dynapdeploy import __version__

        found["dynapdeploy"] = __version__
    return found


def file_hash(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
