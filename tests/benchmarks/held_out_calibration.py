"""Calibration judged on samples that neither it nor the choice of its constants has seen.

For every seed, calibrates on 100 training samples drawn with it and counts right decisions in the
emulator: the N-MNIST SCNN on the test recordings and on 300 training recordings that were not
drawn; the MNIST net on 1000 test digits apart from those that `estimate --limit 1000` draws.

    PYTHONPATH=. python tests/benchmarks/held_out_calibration.py DATA [--seeds 1 2 3] [--workers N]

DATA holds the folders nmnist, mnist and models.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from dynapdeploy.data import draw, open_dataset
from dynapdeploy.data.dataset import Dataset, Subset
from dynapdeploy.estimate import estimate
from dynapdeploy.graph.evaluate import evaluate
from dynapdeploy.pipeline import build_image, calibrate_source, compile_source
from dynapdeploy.sources import Source, read_source

SAMPLES = 100

sys.path.insert(0, str(Path(__file__).parents[1] / "tuning"))


def others(whole: Dataset, used: Dataset, count: int, seed: int) -> Dataset:
    """``count`` samples of ``whole`` that are not in ``used``, a part of it."""
    left = np.setdiff1d(np.arange(len(whole)), np.asarray(used.indices))  # type: ignore[attr-defined]
    return Subset(whole, sorted(np.random.default_rng(seed).permutation(left)[:count]))


def calibrated(source: Source, data: Dataset, workers: int | None):
    """The chip image, calibrated on ``data``."""
    _, compilation = calibrate_source(source, compile_source(source), data, workers=workers)
    return build_image(source, compilation)


def told(name: str, image, data: Dataset, workers: int | None) -> None:
    """Print one line: right decisions and SynOps."""
    found = estimate(image, data, workers=workers)
    print(
        f"{name}: {found.correct} of {found.samples} right, "
        f"{found.synops_per_sample / 1e6:.2f} M SynOps",
        flush=True,
    )


def main() -> None:
    """Print one line per net, seed and set of samples."""
    from test_calibrate import TWENTY_EVENTS, mnist_net, with_weights

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--workers", type=int)
    chosen = parser.parse_args()
    models, workers = chosen.data / "models", chosen.workers
    recordings = {s: open_dataset(f"nmnist:{chosen.data / 'nmnist'}", s) for s in ("train", "test")}
    digits = {s: open_dataset(f"mnist:{chosen.data / 'mnist'}", s) for s in ("train", "test")}
    scnn = read_source(models / "scnn_nmnist.nir", (2, 34, 34))
    module = with_weights(mnist_net(), models / "sinabs_mnist_params.pt")
    mnist = replace(read_source(module, (1, 28, 28)), coding=TWENTY_EVENTS)
    seen = draw(digits["test"], 1000)
    for seed in chosen.seeds:
        used = draw(recordings["train"], SAMPLES, seed)
        image = calibrated(scnn, used, workers)
        told(f"SCNN, seed {seed}, test recordings", image, recordings["test"], workers)
        held_out = others(recordings["train"], used, 300, seed)
        told(f"SCNN, seed {seed}, 300 other training recordings", image, held_out, workers)
    for seed in chosen.seeds:
        image = calibrated(mnist, draw(digits["train"], SAMPLES, seed), workers)
        unseen = others(digits["test"], seen, 1000, seed)
        told(f"MNIST net, seed {seed}, 1000 other test digits", image, unseen, workers)
        x = np.stack([s.pixels for s in unseen]).astype(np.float32)
        right = evaluate(mnist.graph, x).reshape(len(x), -1).argmax(axis=1) == unseen.labels
        print(f"MNIST net as a float net, the same digits: {right.sum()} of 1000 right", flush=True)


if __name__ == "__main__":
    main()
