"""Networks trained for the paper's figures, and what each of them does in time steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dynapdeploy.benchmark import benchmark
from dynapdeploy.data import draw, open_dataset
from dynapdeploy.sources import read_source
from dynapdeploy.training.baselines import settings_for
from dynapdeploy.training.run import TrainingRun
from dynapdeploy.training.settings import TrainingSettings
from dynapdeploy.training.trainer import train


@dataclass(frozen=True)
class Point:
    """One net, tested as a spiking network in time steps.

    Attributes:
        method: of training.
        accuracy, synops: in time steps, per sample, nominal fan-out as in the paper.
        ann_accuracy, ann_synops: of the QReLU or ReLU net itself, exact fan-out.
        chip_accuracy, chip_synops: in the emulator of the chip; None where no chip runs the net.
        layers: SynOps by receiving layer.
    """

    method: str
    accuracy: float
    synops: float
    ann_accuracy: float
    ann_synops: float
    chip_accuracy: float | None
    chip_synops: float | None
    layers: tuple[float, ...]


def trained(
    mode: str, settings: TrainingSettings, folder: Path, start: TrainingRun | None = None
) -> TrainingRun:
    """A net trained in one of SynOpLoss' modes, in a folder of its own."""
    run = train(settings_for(mode, settings), folder, start=start)
    stage = run.metrics["stages"]["qrelu"]
    print(f"{folder.name}: {stage['accuracy']:.3f}, {stage['synops_per_sample']:,.0f} SynOps")
    return run


def tested(
    method: str,
    run: TrainingRun,
    scales: Sequence[float],
    limit: int | None,
    inject: int | None = None,
) -> list[Point]:
    """Test a net with its first weights times each of ``scales``, on ``limit`` samples."""
    dataset = draw(open_dataset(run.data, "test"), limit)
    stages, found = run.metrics["stages"], []
    for scale in scales:
        spiking = benchmark(read_source(str(run.folder)), dataset, scale_first=scale, inject=inject)
        found.append(
            Point(
                method,
                spiking.accuracy or 0.0,
                spiking.synops_per_sample_nominal,
                stages["qrelu"]["accuracy"],
                stages["qrelu"]["synops_per_sample"],
                stages["emulator"].get("accuracy"),
                stages["emulator"].get("synops_per_sample"),
                tuple(row.synops_per_sample for row in spiking.rows),
            )
        )
        print(f"{method}, first weights x {scale:g}: {found[-1].accuracy:.3f}, "
              f"{found[-1].synops:,.0f} SynOps in time steps")  # fmt: skip
    return found
