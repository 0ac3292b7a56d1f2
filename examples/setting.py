"""What the examples share: their options, data without a download, and figures."""

from __future__ import annotations

import argparse
import gzip
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Setting:
    """How an example runs.

    Attributes:
        full: on real data, long; else on data made on the spot, in less than a minute.
        data: data set, ``kind:path``, None for what is made on the spot.
        limit: training samples to use, None for all.
        epochs: passes over them, None for the example's own number.
        out: folder for figures and data.
        home: folder that DYNAPDEPLOY_DATA names, with published points and real recordings to draw
            beside ours; None without.
        given: all options, an example's own ones included.
    """

    full: bool
    data: str | None
    limit: int | None
    epochs: int | None
    out: Path
    home: Path | None
    given: argparse.Namespace


def options(description: str, name: str, kind: str) -> argparse.ArgumentParser:
    """The options of the example ``name`` that takes data of ``kind``."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.set_defaults(kind=kind)
    parser.add_argument("--full", action="store_true", help="the full setting, on real data")
    parser.add_argument("--data", help=f"data set, {kind}:PATH")
    parser.add_argument("--out", default=f"runs/{name}", help="folder for the results")
    parser.add_argument("--limit", type=int, help="use this many training samples")
    parser.add_argument("--epochs", type=int, help="passes over the training samples")
    return parser


def setting(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> Setting:
    """Read the options."""
    given = parser.parse_args(argv)
    home = Path(os.environ["DYNAPDEPLOY_DATA"]) if os.environ.get("DYNAPDEPLOY_DATA") else None
    data = given.data
    if given.full and not data:
        if home is None:
            parser.error(f"--full needs --data {given.kind}:PATH, or DYNAPDEPLOY_DATA")
        data = f"{given.kind}:{home / given.kind.replace('mnistdvs', 'mnist_dvs')}"
    out = Path(given.out)
    out.mkdir(parents=True, exist_ok=True)
    return Setting(given.full, data, given.limit, given.epochs, out, home, given)


def small_digits(folder: Path) -> str:
    """Scikit-learn's digits, enlarged to 28x28, in MNIST's file format: ``mnist:FOLDER``.

    1437 images for training, 360 for the test.
    """
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    images = (images.reshape(-1, 8, 8) * 255 / 16).astype(np.uint8)
    images = np.pad(images.repeat(3, 1).repeat(3, 2), ((0, 0), (2, 2), (2, 2)))
    test = np.arange(len(labels)) % 5 == 4
    folder.mkdir(parents=True, exist_ok=True)
    for prefix, chosen in (("train", ~test), ("t10k", test)):
        _write_idx(folder / f"{prefix}-images-idx3-ubyte.gz", images[chosen])
        _write_idx(folder / f"{prefix}-labels-idx1-ubyte.gz", labels[chosen].astype(np.uint8))
    return f"mnist:{folder}"


def small_pictures(folder: Path, train: int = 600, test: int = 100) -> str:
    """Ten classes of coloured shapes, 3x32x32, as a pack of lossless images: ``cifar10:FOLDER``."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, count in (("train", train), ("test", test)):
        random = np.random.default_rng(len(split))
        labels = np.arange(count) % 10
        images = random.integers(0, 60, (count, 32, 32, 3))
        y, x = np.indices((32, 32))
        for image, label in zip(images, labels, strict=True):
            top, left = random.integers(4, 12, 2)
            size = random.integers(12, 17)
            inside = (y >= top) & (y < top + size) & (x >= left) & (x < left + size)
            stripes = [inside, inside & (x % 4 < 2), inside & (y % 4 < 2), inside & (x > y)]
            shape = [*stripes, inside & ((x + y) % 6 < 3)][label % 5]
            image[shape, (0, 2)[label // 5]] += 180
        np.savez_compressed(
            folder / f"cifar10_lossless_{split}{count}.npz", x=images.astype(np.uint8), y=labels
        )
    return f"cifar10:{folder}"


def images(spec: str, split: str, limit: int | None = None):
    """float32 ``[n, 1, 28, 28]`` from 0 to 255 and int64 labels, as tensors."""
    import torch

    from dynapdeploy.data import draw, open_dataset
    from dynapdeploy.data.frames import frames

    pixels, labels = frames(draw(open_dataset(spec, split), limit))
    return torch.from_numpy(pixels), torch.from_numpy(labels.astype(np.int64))


def canvas(columns: int = 1, width: float = 6.0, height: float = 4.0):
    """A figure and its axes; save it with :func:`save`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * columns, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, [figure.add_subplot(1, columns, i + 1) for i in range(columns)]


def save(figure, path: Path) -> None:
    """Write a figure as PNG and say so."""
    figure.savefig(path, dpi=110)
    print(f"wrote {path}")


def _write_idx(path: Path, array: np.ndarray) -> None:
    header = bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">u4").tobytes()
    path.write_bytes(gzip.compress(header + array.tobytes(), mtime=0))
