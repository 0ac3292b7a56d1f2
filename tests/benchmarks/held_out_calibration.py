"""Calibration judged on samples that neither it nor the choice of its constants has seen.

For every seed, calibrates on 100 training samples drawn with it and counts right decisions in the
emulator: the N-MNIST SCNN on the test recordings and on 300 other training recordings,
beside the image without calibration; the MNIST net on 1000 test digits apart from those that
`estimate --limit 1000` draws, beside the float net.

    PYTHONPATH=. python tests/benchmarks/held_out_calibration.py DATA [--nets scnn mnist]
        [--seeds 1 2 3] [--workers N]

DATA holds the folders nmnist, mnist and models.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from dynapdeploy.chip.image import ChipImage
from dynapdeploy.data import draw, open_dataset
from dynapdeploy.data.dataset import Dataset, Subset
from dynapdeploy.estimate import estimate
from dynapdeploy.graph.evaluate import evaluate
from dynapdeploy.pipeline import build_image, calibrate_source, compile_source
from dynapdeploy.sources import Source, read_source

sys.path.insert(0, str(Path(__file__).parents[1] / "tuning"))

SAMPLES = 100


def drawn(whole: Dataset, count: int, seed: int) -> list[int]:
    """Indices of the samples that ``convert --calibrate-seed`` or ``estimate --seed`` draw."""
    return list(draw(whole, count, seed).indices)  # type: ignore[attr-defined]


def others(whole: Dataset, used: list[int], count: int, seed: int) -> Dataset:
    """``count`` samples of ``whole`` that are not ``used``."""
    left = np.setdiff1d(np.arange(len(whole)), used)
    return Subset(whole, sorted(np.random.default_rng(seed).permutation(left)[:count].tolist()))


def calibrated(source: Source, data: Dataset, workers: int | None) -> ChipImage:
    """The chip image, calibrated on ``data``."""
    _, compilation = calibrate_source(source, compile_source(source), data, workers=workers)
    return build_image(source, compilation)


def told(image: ChipImage, data: Dataset, workers: int | None) -> str:
    """Right decisions and SynOps."""
    found = estimate(image, data, workers=workers)
    mean = found.synops_per_sample / 1e6
    return f"{found.correct} of {found.samples} right, {mean:.2f} M SynOps"


def scnn(folder: Path, seeds: list[int], workers: int | None) -> None:
    """Print two lines per seed."""
    source = read_source(folder / "models" / "scnn_nmnist.nir", (2, 34, 34))
    train, test = (open_dataset(f"nmnist:{folder / 'nmnist'}", s) for s in ("train", "test"))
    plain = build_image(source, compile_source(source))
    for seed in seeds:
        used = drawn(train, SAMPLES, seed)
        image = calibrated(source, Subset(train, used), workers)
        unseen = others(train, used, 300, seed)
        for name, data in (("test recordings", test), ("300 other training recordings", unseen)):
            after, before = told(image, data, workers), told(plain, data, workers)
            print(f"SCNN, seed {seed}, {name}: {after}; without calibration {before}", flush=True)


def mnist(folder: Path, seeds: list[int], workers: int | None) -> None:
    """Print one line per seed."""
    from test_calibrate import TWENTY_EVENTS, mnist_net, with_weights

    module = with_weights(mnist_net(), folder / "models" / "sinabs_mnist_params.pt")
    source = replace(read_source(module, (1, 28, 28)), coding=TWENTY_EVENTS)
    train, test = (open_dataset(f"mnist:{folder / 'mnist'}", s) for s in ("train", "test"))
    for seed in seeds:
        image = calibrated(source, Subset(train, drawn(train, SAMPLES, seed)), workers)
        unseen = others(test, drawn(test, 1000, 0), 1000, seed)
        pixels = np.stack([unseen[i].pixels for i in range(len(unseen))])  # type: ignore[arg-type]
        decided = evaluate(source.graph, pixels).reshape(len(pixels), -1).argmax(axis=1)
        after, right = told(image, unseen, workers), int((decided == unseen.labels).sum())
        print(f"MNIST net, seed {seed}, 1000 other digits: {after}; float net {right}", flush=True)


def main() -> None:
    """Print what was found, line by line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--nets", nargs="+", choices=["scnn", "mnist"], default=["scnn", "mnist"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--workers", type=int)
    chosen = parser.parse_args()
    for net in chosen.nets:
        {"scnn": scnn, "mnist": mnist}[net](chosen.data, chosen.seeds, chosen.workers)


if __name__ == "__main__":
    main()
