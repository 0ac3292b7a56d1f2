"""A net on N-MNIST, tested on recordings it was not trained on, fold by fold.

    PYTHONPATH=. python tests/benchmarks/nmnist_folds.py PATH [--model NAME] [--target N]
        [--folds 8] [--first 0] [--size 60] [--finetune-epochs 60] [--seed N]

All recordings below PATH, those of its training and of its test split, are shuffled and dealt into
folds of ``--size``. For each fold the net is trained on all the others, with seeds 0, 1, 2 in turn
or with ``--seed``.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from pathlib import Path

import numpy as np

from dynapdeploy.training.settings import TrainingSettings
from dynapdeploy.training.trainer import train

STAGES = ("qrelu", "emulator_untuned", "emulator", "qrelu_tuned")


def lay_out(folder: Path, recordings: list[Path], fold: range) -> None:
    """Links to the recordings, those of ``fold`` as test split, in the layout of N-MNIST."""
    for index, path in enumerate(recordings):
        split, label = "Test" if index in fold else "Train", path.parent.name
        first = "1" if path.parts[-3] == "Test" else ""
        place = folder / split / label
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{first}{path.stem:0>5}.bin").symlink_to(path.resolve())


def main() -> None:
    """Print a row per fold and the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path)
    parser.add_argument("--model", default="nmnist")
    parser.add_argument("--folds", type=int, default=8)
    parser.add_argument("--first", type=int, default=0, help="number of the first fold")
    parser.add_argument("--size", type=int, default=60)
    parser.add_argument("--finetune-epochs", type=int, default=TrainingSettings.finetune_epochs)
    parser.add_argument("--target", type=float, default=640_000)
    parser.add_argument("--seed", type=int, help="of every fold; without it 0, 1, 2 in turn")
    chosen = parser.parse_args()
    recordings = [
        file
        for split in ("Train", "Test")
        for label in sorted((chosen.path / split).iterdir())
        for file in sorted(label.iterdir())
    ]
    random.Random(11).shuffle(recordings)
    rows = []
    for number in range(chosen.first, chosen.first + chosen.folds):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            first = number * chosen.size
            seed = number % 3 if chosen.seed is None else chosen.seed
            lay_out(folder / "data", recordings, range(first, first + chosen.size))
            settings = TrainingSettings(
                data=f"nmnist:{folder / 'data'}", model=chosen.model, target_synops=chosen.target,
                seed=seed, finetune_epochs=chosen.finetune_epochs,
            )  # fmt: skip
            stages = train(settings, folder / "run").metrics["stages"]
        rows.append(
            [
                (stages.get(stage) or stages["emulator"])[figure]
                for stage in STAGES
                for figure in ("accuracy", "synops_per_sample")
            ]
        )
        print(f"fold {number}, seed {seed}: {line(rows[-1])}", flush=True)
    print(f"mean: {line(list(np.mean(rows, axis=0)))}")


def line(figures: list[float]) -> str:
    """Accuracy and SynOps of each stage."""
    return ", ".join(
        f"{stage} {accuracy:.1%} {synops:,.0f}"
        for stage, accuracy, synops in zip(STAGES, figures[::2], figures[1::2], strict=True)
    )


if __name__ == "__main__":
    main()
