"""From what the user names to a study: read, compile, run, climb the ladder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dynapdeploy.chip.compile import Compilation
from dynapdeploy.chip.image import ChipImage
from dynapdeploy.data import draw, open_dataset
from dynapdeploy.errors import InputError
from dynapdeploy.estimate.ladder_run import climb
from dynapdeploy.estimate.study import Study, study
from dynapdeploy.estimate.sweep_rows import sweep_rows
from dynapdeploy.sources import Source

LADDER_SAMPLES = 100
Progress = Callable[[str, int, int, str], None]


def read_any(
    name: str, device: str, input_shape=None, weights=None, coding: Callable | None = None
) -> tuple[ChipImage, Source | None, Compilation | None]:
    """An image file as it is; anything else read, compiled for ``device`` and placed.

    Raises:
        CheckFailed: the net does not fit.
        ImageError, SourceError: it cannot be read.
    """
    if name.endswith(".dynap"):
        from dynapdeploy.chip.image_file import load_image

        return load_image(name), None, None
    from dynapdeploy.pipeline import build_image, compile_source, require_weights
    from dynapdeploy.sources import read_source

    source = read_source(name, input_shape, weights)
    if coding is not None:
        source = coding(source)
    require_weights(source)
    compilation = compile_source(source, device)
    return build_image(source, compilation), source, compilation


def data_of(name: str, data: str | None, image: ChipImage) -> str:
    """The data set to use: the one given, else the one that the net was trained on.

    Raises:
        InputError: neither is known.
    """
    found = data or image.provenance.get("data")
    if not found:
        raise InputError(f"{name}: nothing says which data set to use; give --data KIND:PATH")
    return found


def gather(
    name: str,
    data: str | None,
    split: str,
    limit: int | None,
    seed: int,
    *,
    device: str,
    sweep: str | None = None,
    with_ladder: bool = True,
    budget: float | None = None,
    battery_wh: float | None = None,
    workers: int = 1,
    progress: Progress,
) -> Study:
    """All that a report shows about ``name``.

    Raises:
        DeployError: as :func:`read_any`, :func:`data_of`, :func:`dynapdeploy.estimate.estimate`
            and :func:`dynapdeploy.estimate.sweep_rows.sweep_rows`.
    """
    rows = sweep_rows(sweep) if sweep else []
    image, source, compilation = read_any(name, device)
    dataset = draw(open_dataset(data_of(name, data, image), split), limit, seed)
    ladder = None
    if with_ladder:
        few = draw(dataset, min(LADDER_SAMPLES, len(dataset)), seed)
        ladder = climb(
            source,
            compilation,
            image,
            few,
            workers=workers,
            progress=lambda done, total, text: progress("climbing the ladder", done, total, text),
        )
    return study(
        Path(name).name,
        image,
        dataset,
        limit=limit,
        seed=seed,
        workers=workers,
        budget=budget,
        battery_wh=battery_wh,
        files=_files(Path(name)),
        compilation=compilation,
        ladder=ladder,
        stages=_stages(Path(name)),
        sweep=rows,
        progress=lambda done: progress("emulating", done, len(dataset), ""),
    )


def _files(path: Path) -> list[Path]:
    return [path / "model.safetensors", path / "run.json"] if path.is_dir() else [path]


def _stages(path: Path) -> Mapping[str, Mapping[str, Any]]:
    if not path.is_dir():
        return {}
    from dynapdeploy.training.run import load_run

    return load_run(path).metrics.get("stages", {})
