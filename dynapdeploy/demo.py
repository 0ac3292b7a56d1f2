"""The whole pipeline on the embedded digits: train, check, convert, estimate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dynapdeploy.chip.compile import Compilation
from dynapdeploy.chip.image import ChipImage
from dynapdeploy.data import draw, open_dataset
from dynapdeploy.estimate import Estimate, estimate
from dynapdeploy.estimate.ladder_run import climb
from dynapdeploy.estimate.study import study
from dynapdeploy.files import output_folder
from dynapdeploy.pipeline import build_image, compile_source
from dynapdeploy.report.page import write_report
from dynapdeploy.sources import read_source

if TYPE_CHECKING:
    from dynapdeploy.training.run import TrainingRun
    from dynapdeploy.training.settings import TrainingSettings

Progress = Callable[[str, int, int, str], None]
IMAGE = "digits.dynap"
REPORT = "report.html"
LADDER_SAMPLES = 100
"""Samples on the accuracy ladder: enough to see where accuracy goes."""


@dataclass(frozen=True, eq=False)
class Demo:
    """What the demo made: the run, the compiled net, the image and its estimate.

    The report is the file ``REPORT`` in ``folder``.
    """

    folder: Path
    run: TrainingRun
    compilation: Compilation
    image: ChipImage
    estimate: Estimate


def training_settings(**chosen: Any) -> TrainingSettings:
    """What the demo trains with."""
    from dynapdeploy.training.settings import TrainingSettings

    return TrainingSettings(**chosen)


def run_demo(
    folder,
    device: str,
    *,
    epochs: int | None = None,
    limit: int | None = None,
    seed: int = 0,
    workers: int = 1,
    progress: Progress,
) -> Demo:
    """Train on the embedded digits, convert, and run the held-out ones in the emulator.

    Args:
        folder: gets the training run and the chip image.
        epochs: passes over the data, None for the model's own number.
        limit: number of held-out samples to emulate, None for all.
        progress: called with stage, done, total and a text.
    """
    from dynapdeploy.training.trainer import train

    folder = output_folder(folder)
    settings = training_settings(data="digits", model="digits", epochs=epochs, seed=seed)
    run = train(settings, folder, progress=progress)
    progress("converting", 0, 1, "")
    source = read_source(str(folder))
    compilation = compile_source(source, device)
    image = build_image(source, compilation)
    image.save(folder / IMAGE)
    progress("converting", 1, 1, "")
    held_out = draw(open_dataset("digits", "test"), limit, seed)
    result = estimate(
        image,
        held_out,
        workers=workers,
        progress=lambda done: progress("emulating", done, len(held_out), ""),
    )
    ladder_set = draw(held_out, min(LADDER_SAMPLES, len(held_out)), seed)
    ladder = climb(
        source,
        compilation,
        image,
        ladder_set,
        workers=workers,
        progress=lambda done, total, text: progress("climbing the ladder", done, total, text),
    )
    progress("writing the report", 0, 1, "")
    gathered = study(
        "digits",
        image,
        held_out,
        found=result,
        limit=limit,
        seed=seed,
        files=[folder / IMAGE, folder / "model.safetensors"],
        compilation=compilation,
        ladder=ladder,
        stages=run.metrics.get("stages", {}),
    )
    write_report(gathered, folder / REPORT)
    progress("writing the report", 1, 1, "")
    return Demo(folder, run, compilation, image, result)
