"""The paper on CIFAR-10: figure 3 and table 1 of Sorbaro et al. (2020).

    python examples/cifar10.py                            # a narrow net on coloured shapes
    python examples/cifar10.py --full --data cifar10:PATH # the All-ConvNet; give it a GPU

A ReLU net first, then a chain of QReLU nets with falling targets, each started from the one before
and tested with its first weights x 1, 1.5 and 2, with a constant current over 10 time steps, as in
the paper. Where DYNAPDEPLOY_DATA has the authors' log, its points are drawn beside ours. The paper
bounds its membranes at -1 from below; here they are unbounded.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from points import Point, tested, trained
from setting import canvas, save, setting, small_pictures

from dynapdeploy import count
from dynapdeploy.training.models import build
from dynapdeploy.training.settings import TrainingSettings

TABLE_1 = (
    (91.75, 2179e6), (91.73, 1593e6), (91.47, 368e6), (91.43, 277e6), (90.37, 127e6), (85.71, 64e6),
)  # fmt: skip
"""Accuracy in percent and SynOps of the paper's own nets."""
MACS = 306_264_576
"""By the paper's code; the same layers do 342,220,800."""
SAMPLES = 30
"""Test images of the short setting."""
FACTOR = 0.7
UPS = (1.0, 1.5, 2.0)


def published(folder: Path | None) -> np.ndarray:
    """The authors' log ``[71, 5]``: ANN accuracy and SynOps, SNN accuracy in percent and SynOps,
    index; empty without."""
    path = folder / "cifar10_log_inference.txt" if folder else None
    if path is None or not path.is_file():
        return np.empty((0, 5))
    lines = [line.replace(",", " ").split() for line in path.read_text().splitlines()]
    return np.array([[float(value) for value in line[:5]] for line in lines if len(line) >= 5])


def figure_3(points: list[Point], log: np.ndarray, out: Path, full: bool) -> None:
    """Accuracy against SynOps, ours and the authors'."""
    figure, (axes,) = canvas()
    for method in dict.fromkeys(point.method for point in points):
        own = [point for point in points if point.method == method]
        axes.semilogx([p.synops for p in own], [100 * p.accuracy for p in own], "o",
                      label=f"ours, {method}")  # fmt: skip
    if len(log):
        axes.semilogx(log[1:17, 3], log[1:17, 2], "k+", label="authors' log, weight scaling")
        axes.semilogx(log[17:, 3], log[17:, 2], "k.", label="authors' log, chain")
    rows = np.array(TABLE_1)
    axes.semilogx(rows[:, 1], rows[:, 0], "r*", label="paper, table 1")
    axes.set_xlabel("SynOps per sample")
    axes.set_ylabel("accuracy, %")
    axes.set_title("CIFAR-10" if full else "ours: a narrow net on coloured shapes")
    axes.legend(fontsize="small")
    save(figure, out / "figure_3.png")


def main(argv=None) -> list[Point]:
    chosen = setting(__doc__, "cifar10", argv)
    data = chosen.data or small_pictures(chosen.out / "shapes")
    full = "all_convnet"
    small = f"{Path(__file__).with_name('narrow_convnet.py')}:build"
    settings = TrainingSettings(
        data=data,
        model=full if chosen.full else small,
        epochs=chosen.epochs or (None if chosen.full else 4),
        limit=chosen.limit,
        batch=None if chosen.full else 32,
        learning_rate=None if chosen.full else 3e-3,
        shift=None if chosen.full else 0,
        threads=None if chosen.full else 1,
        target_ratio=0.5,
        finetune=False,
    )
    counted = count(build(full), (3, 32, 32))
    print(f"All-ConvNet: {counted.parameters:,} parameters, {counted.macs_synoploss:,} MACs by the "
          f"paper's formula, {counted.macs:,} in fact")  # fmt: skip
    limit = 1000 if chosen.full else SAMPLES
    first = trained("nopenalty", settings, chosen.out / "relu")
    points = tested("weight scaling", first, UPS, limit, inject=10)
    target = first.metrics["stages"]["qrelu"]["synops_per_sample"]
    before = first
    for number in range(10 if chosen.full else 2):
        target *= FACTOR
        changed = dataclasses.replace(settings, target_synops=target, target_ratio=None)
        before = trained("quantized", changed, chosen.out / f"chain_{number}", before)
        points += tested("chain", before, UPS, limit, inject=10)
    macs = counted.macs_synoploss if chosen.full else None
    print("table 1: accuracy, SynOps, SynOps per MAC")
    for accuracy, synops in TABLE_1:
        print(f"  paper  {accuracy:6.2f} %  {synops:15,.0f}  {synops / MACS:.2f}")
    for point in points:
        ratio = f"{point.synops / macs:.2f}" if macs else "another net"
        print(f"  ours   {100 * point.accuracy:6.2f} %  {point.synops:15,.0f}  {ratio}")
    figure_3(points, published(chosen.published), chosen.out, chosen.full)
    return points


if __name__ == "__main__":
    main()
