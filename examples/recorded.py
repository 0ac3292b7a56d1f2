"""Simulated MNIST-DVS recordings as files, in the layout of the real data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dynapdeploy.data.mnist import open_mnist
from dynapdeploy.data.mnistdvs_sim import SCALE, SIM_SEED, simulate

DURATION_US = 100_000
"""Of one recording: one or two chunks of 3000 events at scale 16."""


def record(mnist: Path, folder: Path, train: int, test: int) -> str:
    """The first ``train`` and ``test`` MNIST digits before the simulated camera: ``mnistdvs:...``.

    Each becomes an AEDAT 2.0 file with 128x128 pixels; two lists tell training from test. What is
    there is not made again.
    """
    folder = folder / f"mnistdvs_{train}_{test}"
    for split, count in (("train", train), ("test", test)):
        names = folder / f"filelist_{split}.txt"
        if names.is_file():
            continue
        folder.mkdir(parents=True, exist_ok=True)
        digits = open_mnist("mnist", mnist, split)
        lines = []
        for index, (image, label) in enumerate(
            zip(digits.images[:count, 0], digits.labels[:count], strict=True)
        ):
            name = f"mnist_{label}_scale{SCALE}_{split}{index:05d}.aedat"
            seed = (SIM_SEED, int(split == "test"), index)
            write_aedat(folder / name, simulate(image, DURATION_US, seed))
            lines.append(f"{name}\t{label}\n")
        names.write_text("".join(lines))
    return f"mnistdvs:{folder}"


def write_aedat(path: Path, events: np.ndarray) -> None:
    """Events ``[n]`` of a DVS128 as AEDAT 2.0: big-endian address and time in microseconds."""
    words = np.empty((len(events), 2), ">u4")
    words[:, 0] = events["y"].astype(np.uint32) << 8 | events["x"].astype(np.uint32) << 1
    words[:, 0] |= events["p"].astype(np.uint32)
    words[:, 1] = events["t"]
    path.write_bytes(b"#!AER-DAT2.0\r\n" + words.tobytes())
