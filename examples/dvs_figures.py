"""Figures 1 and 2 of Sorbaro et al. (2020), with our points and the paper's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from points import Point
from setting import canvas, save

from dynapdeploy.data import open_dataset
from dynapdeploy.data.coding import merge_polarities
from dynapdeploy.data.frames import frame, time_frames

BASELINE, SELECTED = (0.963, 3_860_000), (0.950, 630_000)
"""Accuracy and SynOps in section 3.1 of the paper."""
BARS = {"baseline": (0.216, 2.72, 0.92, 0.01), "selected": (0.216, 0.28, 0.12, 0.01)}
"""SynOps of input, ReLU1, ReLU2, ReLU3 in millions, read from figure 2 (+-0.02)."""
KERNEL = (0.05, 0.2, 0.5, 0.2, 0.05)
"""With which the paper's notebook smooths its curves."""
STRIP = 6
"""Frames of 1 ms in figure 1."""


def figure_1(data: str, out: Path) -> int:
    """Accumulated frame, events in space and time, and 1 ms frames of one chunk; its events."""
    dataset = open_dataset(data, "train")
    events = merge_polarities(dataset[0].events)
    shape = (1, *dataset.shape[1:])
    steps = time_frames(events, shape, 1000)
    if int(steps.sum()) != len(events):
        raise SystemExit("the 1 ms frames lost events")
    figure, _ = canvas(0, width=1, height=3.6)
    figure.set_size_inches(12, 3.6)
    grid = figure.add_gridspec(2, 7, width_ratios=(3, 0.1, 3.4, 0.1, 1.2, 1.2, 1.2))
    whole = figure.add_subplot(grid[:, 0])
    whole.imshow(frame(events, shape)[0], cmap="gray")
    whole.set_title(f"A  {len(events)} events, one frame")
    cloud = figure.add_subplot(grid[:, 2], projection="3d")
    cloud.scatter(
        events["t"] / 1000, events["x"], shape[1] - events["y"], s=0.5, c=events["t"], alpha=0.7
    )
    cloud.set_box_aspect((2, 1, 1), zoom=1.25)
    cloud.set_xlabel("ms")
    cloud.set_ylabel("x")
    cloud.set_zlabel("y")
    cloud.view_init(15, -60)
    cloud.set_title("B  the same in space and time")
    middle = len(steps) // 2
    for place in range(STRIP):
        axes = figure.add_subplot(grid[place // 3, 4 + place % 3])
        axes.imshow(steps[middle + place, 0], cmap="gray", vmax=2)
        axes.set_title(
            f"C  {middle + place} ms" if not place else f"{middle + place} ms", fontsize="small"
        )
        axes.set_xticks([])
        axes.set_yticks([])
    figure.suptitle(f"{dataset[0].name}; C: frames of 1 ms", fontsize="medium")
    save(figure, out / "figure_1.png")
    return len(events)


def figure_2(points: Sequence[Point], best: Point, title: str, out: Path) -> None:
    """Accuracy and SynOps by method, SynOps by layer, accuracy from the net to the chip."""
    figure, (curves, bars, rungs) = canvas(3, width=5.0, height=4.6)
    _curves(curves, points, best)
    curves.set_title(title, fontsize="medium")
    _bars(bars, points[0], best)
    _rungs(rungs, points[0], best)
    save(figure, out / "figure_2.png")


def figure_ann_snn(points: Sequence[Point], out: Path) -> None:
    """SynOps and accuracy in time steps and in the emulator against those of the QReLU net."""
    figure, (synops, accuracy) = canvas(2, width=5.0, height=4.4)
    for name, marker, part, ann in (
        ("time steps, nominal", "o", "", "ann_synops"),
        ("emulator, exact", "x", "chip_", "ann_exact"),
    ):
        x, y = ([getattr(p, key) for p in points] for key in (ann, f"{part}synops"))
        synops.loglog(x, y, marker, fillstyle="none", label=name)
        x, y = ([getattr(p, f"{key}accuracy") for p in points] for key in ("ann_", part))
        accuracy.plot(x, y, marker, fillstyle="none", label=name.partition(",")[0])
    for axes, what in ((synops, "SynOps per sample"), (accuracy, "accuracy")):
        low, high = axes.get_xlim()
        axes.plot((low, high), (low, high), color="gray", linewidth=0.8)
        axes.set_xlabel(f"{what}, QReLU net")
        axes.set_ylabel(what)
        axes.legend(fontsize="small")
    save(figure, out / "ann_snn.png")


def smoothed(values: Sequence[float]) -> np.ndarray:
    """``values`` through the paper's kernel, the ends repeated."""
    width = len(KERNEL) // 2
    return np.convolve(np.pad(np.asarray(values, float), width, mode="edge"), KERNEL, "valid")


def _curves(axes, points: Sequence[Point], best: Point) -> None:
    methods = list(dict.fromkeys(point.method for point in points[1:]))
    for color, method in enumerate(methods):
        own = sorted((p for p in points if p.method == method), key=lambda p: p.synops)
        x, y = [p.accuracy for p in own], [p.synops for p in own]
        axes.semilogy(x, y, ".", color=f"C{color}", label=method)
        if len(own) >= len(KERNEL):
            axes.semilogy(smoothed(x), np.exp(smoothed(np.log(y))), color=f"C{color}")
        axes.semilogy(
            [p.chip_accuracy for p in own], [p.chip_synops for p in own], "x", color=f"C{color}",
            markersize=5, label="the same in the emulator" if method == methods[-1] else None,
        )  # fmt: skip
    axes.semilogy(points[0].accuracy, points[0].synops, "r*", markersize=10, label="no SynOp loss")
    axes.semilogy(
        best.accuracy, best.synops, "ko", fillstyle="none", markersize=11, label="selected"
    )
    axes.semilogy(*BASELINE, "*", color="gray", markersize=10, label="paper, baseline")
    axes.semilogy(*SELECTED, "o", color="gray", fillstyle="none", label="paper, selected")
    axes.set_xlabel("accuracy")
    axes.set_ylabel("SynOps per sample")
    axes.legend(fontsize="x-small")


def _bars(axes, baseline: Point, best: Point) -> None:
    columns = {
        "ours, baseline": (baseline.layers, "C0"),
        "ours, selected": (best.layers, "C1"),
        "paper, baseline": (tuple(1e6 * v for v in BARS["baseline"]), "lightsteelblue"),
        "paper, selected": (tuple(1e6 * v for v in BARS["selected"]), "navajowhite"),
    }
    for place, (name, (values, color)) in enumerate(columns.items()):
        axes.bar(np.arange(len(values)) + 0.2 * place, values, 0.19, label=name, color=color)
    axes.set_xticks(np.arange(len(BARS["baseline"])) + 0.3)
    axes.set_xticklabels(["input", "ReLU1", "ReLU2", "ReLU3"])
    axes.set_ylabel("SynOps per sample of the spikes sent")
    axes.legend(fontsize="small")


def _rungs(axes, baseline: Point, best: Point) -> None:
    nets = {"baseline": (baseline, BASELINE[0]), "selected": (best, SELECTED[0])}
    for place, (point, paper) in enumerate(nets.values()):
        values = {
            "QReLU net": (point.ann_accuracy, "C2"),
            "time steps (sinabs)": (point.accuracy, "C0"),
            "emulator": (point.chip_accuracy, "C3"),
            "paper, time steps": (paper, "lightsteelblue"),
        }
        for number, (name, (value, color)) in enumerate(values.items()):
            bar = axes.bar(place + 0.2 * number, value, 0.19, color=color,
                           label=name if not place else None)  # fmt: skip
            axes.bar_label(bar, [f"{value:.3f}"], fontsize="x-small")
    axes.set_xticks([0.3, 1.3])
    axes.set_xticklabels(nets)
    axes.set_ylim(0, 1.25)
    axes.set_ylabel("accuracy")
    axes.legend(fontsize="small", ncols=2)
