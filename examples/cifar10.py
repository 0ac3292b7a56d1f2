"""The paper on CIFAR-10: figure 3 and table 1 of Sorbaro et al. (2020).

    python examples/cifar10.py                            # a narrow net on coloured shapes
    python examples/cifar10.py --full --data cifar10:PATH # the All-ConvNet; give it a GPU
    python examples/cifar10.py --full --data cifar10:PATH --width eighth --epochs 30 --links 5

A ReLU net first, then a chain of QReLU nets with falling targets, each started from the one before
and tested with its first weights x 1, 1.5 and 2: as a QReLU net, with a constant current over 10
time steps, as in the paper, and in the emulator (no chip holds such a net: profile ``unbounded``),
where a pixel of 255 becomes 10 events, evenly over the input coding's duration. The paper bounds
its membranes at -1 from below; here they are unbounded. Where DYNAPDEPLOY_DATA has the authors'
log, its points are drawn beside ours. What is finished in --out is not done again.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from points import Kept, Point, tested, trained, write_points
from setting import canvas, options, save, setting, small_pictures

from dynapdeploy import count
from dynapdeploy.data import draw, open_dataset
from dynapdeploy.sources import read_source
from dynapdeploy.training.settings import TrainingSettings

TABLE_1 = (
    (91.75, 2179e6), (91.73, 1593e6), (91.47, 368e6), (91.43, 277e6), (90.37, 127e6), (85.71, 64e6),
)  # fmt: skip
"""Accuracy in percent and SynOps of the paper's own nets."""
OTHERS = {"BinaryConnect": (84.87, 460e6), "WeightNorm": (91.55, 618e6)}
"""Other spiking nets in the paper's table 1 (Rueckauer et al. 2017, Sengupta et al. 2019)."""
ANN = (91.37, 306_264_576)
"""The paper's ReLU net: accuracy in percent, MACs by its code; the same layers do 342,220,800."""
SAMPLES = 30
"""Test images of the short setting."""
FACTOR = 0.7
UPS = (1.0, 1.5, 2.0)
SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Of the ReLU net's first weights."""
WIDTHS = ("whole", "half", "quarter", "eighth")


def model(width: str) -> str:
    """The source of the net with a part of the All-ConvNet's features."""
    if width == "whole":
        return "all_convnet"
    return f"{Path(__file__).with_name('narrow_convnet.py')}:{width}"


def published(home: Path | None) -> np.ndarray:
    """The authors' log ``[71, 5]``: ANN accuracy and SynOps, SNN accuracy in percent and SynOps,
    index; empty without."""
    path = home / "synoploss" / "cifar10_log_inference.txt" if home else None
    if path is None or not path.is_file():
        return np.empty((0, 5))
    lines = [line.replace(",", " ").split() for line in path.read_text().splitlines()]
    return np.array([[float(value) for value in line[:5]] for line in lines if len(line) >= 5])


def figure_3(points: list[Point], log: np.ndarray, out: Path, title: str) -> None:
    """Accuracy against SynOps, ours and the authors'; on the right the paper's dashed region."""
    figure, panels = canvas(2, width=6.0, height=5.0)
    for axes in panels:
        if len(log):
            for rows, marker, name in (
                (log[1:17], "x", "weight scaling"),
                (log[17:], ".", "chain"),
            ):
                axes.semilogx(rows[:, 1], 100 * rows[:, 0], f"C3{marker}", markersize=5, alpha=0.5,
                              label=f"authors' log, {name}, ANN")  # fmt: skip
                axes.semilogx(rows[:, 3], rows[:, 2], f"C2{marker}", markersize=5,
                              label=f"authors' log, {name}, SNN")  # fmt: skip
        rows = np.array(TABLE_1)
        axes.semilogx(rows[:, 1], rows[:, 0], "k+", markersize=11, label="paper, table 1")
        axes.semilogx(ANN[1], ANN[0], "r*", markersize=11, label="paper, ANN at its MACs")
        others = np.array(list(OTHERS.values()))
        axes.semilogx(others[:, 1], others[:, 0], "v", color="purple", label="paper, other work")
        axes.set_xlabel("SynOps per sample")
        axes.set_ylabel("accuracy, %")
    panels[1].set_xlim(4e7, 4e9)
    panels[1].set_ylim(84, 93)
    panels[1].set_title("the paper's, enlarged")
    for color, method in zip(("C0", "C1"), dict.fromkeys(p.method for p in points), strict=True):
        own = [point for point in points if point.method == method]
        for name, marker, part in (("QReLU net", "1", "ann_"), ("time steps", "o", ""),
                                   ("emulator", "s", "chip_")):  # fmt: skip
            panels[0].semilogx(
                [getattr(p, f"{part}synops") for p in own],
                [100 * getattr(p, f"{part}accuracy") for p in own],
                marker, color=color, fillstyle="none", label=f"ours, {method}, {name}",
            )  # fmt: skip
    panels[0].set_title(title, fontsize="medium")
    panels[0].legend(fontsize="xx-small", loc="best")
    save(figure, out / "figure_3.png")


def table_1(points: list[Point], macs: int) -> None:
    """Accuracy, SynOps and SynOps per MAC, the paper's and ours."""
    print("table 1: accuracy, SynOps, SynOps per MAC")
    for accuracy, synops in TABLE_1:
        print(f"  paper  {accuracy:6.2f} %  {synops:15,.0f}  {synops / ANN[1]:.2f}")
    for point in points:
        what = f"{point.method}, first weights x {point.scale:g}"
        print(f"  ours   {100 * point.accuracy:6.2f} %  {point.synops:15,.0f}  "
              f"{point.synops / macs:.2f}  {what}")  # fmt: skip


def main(argv=None) -> list[Point]:
    parser = options(__doc__, "cifar10", "cifar10")
    parser.add_argument("--width", choices=WIDTHS, help="share of the All-ConvNet's features")
    parser.add_argument("--links", type=int, help="nets in the chain (the paper: 30)")
    parser.add_argument("--samples", type=int, help="test images to use")
    chosen = setting(parser, argv)
    full, given = chosen.full, chosen.given
    width = given.width or ("whole" if full else "eighth")
    data = chosen.data or small_pictures(chosen.out / "shapes")
    settings = TrainingSettings(
        data=data,
        model=model(width),
        epochs=chosen.epochs or (None if full else 4),
        limit=chosen.limit,
        batch=None if width == "whole" else 32,
        learning_rate=None if width == "whole" else 3e-3,
        shift=4 if full else 0,
        threads=None if width == "whole" else 1,
        finetune=False,
    )
    paper = count(read_source("all_convnet").graph)
    print(f"All-ConvNet: {paper.parameters:,} parameters, {paper.macs_synoploss:,} MACs by the "
          f"paper's formula, {paper.macs:,} in fact")  # fmt: skip
    dataset = Kept(draw(open_dataset(data, "test"), given.samples or (1000 if full else SAMPLES)))
    before = trained("nopenalty", settings, chosen.out / "relu")
    points = tested("weight scaling", before, SCALES, dataset, "unbounded", inject=10)
    target = before.metrics["stages"]["qrelu"]["synops_per_sample"]
    for number in range(given.links or (10 if full else 2)):
        target *= FACTOR
        lower = replace(settings, target_synops=target)
        before = trained("quantized", lower, chosen.out / f"chain_{number}", before)
        points += tested("chain", before, UPS, dataset, "unbounded", inject=10)
    table_1(points, count(read_source(settings.model).graph).macs_synoploss)
    what = "CIFAR-10" if full else "coloured shapes"
    title = f"ours: {what}, {len(dataset)} test images, {width} of the features"
    figure_3(points, published(chosen.home), chosen.out, title)
    write_points(points, chosen.out / "points.csv")
    return points


if __name__ == "__main__":
    main()
