"""Plots of a training run and of many nets side by side, as PNG files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from dynapdeploy.files import replacing
from dynapdeploy.training.metrics import EpochMetrics

LOSSES, CURVES = "losses.png", "accuracy_synops.png"
SMOOTHING = (0.05, 0.2, 0.5, 0.2, 0.05)
"""Weights of a point and its two neighbours on either side (Sorbaro et al. 2020, figure 2)."""
Points = Sequence[tuple[float, float]]
"""SynOps per sample and accuracy (0 to 1) of several nets."""


def plot_losses(path: Path, rows: Sequence[EpochMetrics]) -> None:
    """Prediction and SynOp loss over the epochs, logarithmic. Raises ``OutputError``."""
    figure, axes = _figure()
    axes.set_yscale("log")
    _over_epochs(axes, rows, [row.prediction_loss or None for row in rows], label="prediction loss")
    _over_epochs(axes, rows, [row.synop_loss or None for row in rows], label="SynOp loss")
    axes.set_ylabel("loss per sample")
    _finish(figure, axes, rows, path)


def plot_curves(path: Path, rows: Sequence[EpochMetrics]) -> None:
    """Accuracy (left axis), SynOps and their target (right, from 0). Raises ``OutputError``."""
    figure, axes = _figure()
    _over_epochs(axes, rows, [row.train_accuracy for row in rows], label="training accuracy")
    _over_epochs(axes, rows, [row.test_accuracy for row in rows], label="test accuracy")
    axes.set_ylabel("accuracy")
    axes.set_ylim(0, 1.02)
    right = axes.twinx()
    synops, target = [row.train_synops for row in rows], [row.target_synops for row in rows]
    _over_epochs(right, rows, synops, color="black", linestyle="--", label="SynOps")
    _over_epochs(right, rows, target, color="grey", linestyle=":", label="SynOp target")
    right.set_ylabel("SynOps per sample (black, grey)")
    right.set_ylim(bottom=0)
    right.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    _finish(figure, axes, rows, path, right)


def _over_epochs(axes, rows: Sequence[EpochMetrics], values, label: str, **style) -> None:
    """A line for each stage: they measure different things, so nothing joins them."""
    for stage in dict.fromkeys(row.stage for row in rows):
        points = [
            (place, value)
            for place, (row, value) in enumerate(zip(rows, values, strict=True), 1)
            if row.stage == stage and value is not None
        ]
        if points:
            (line,) = axes.plot(*zip(*points, strict=True), marker=".", label=label, **style)
            style, label = {**style, "color": line.get_color()}, ""


def plot_methods(
    path: Path, methods: Mapping[str, Points], baseline: tuple[float, float] | None = None
) -> None:
    """Accuracy over SynOps, logarithmic, of several methods: points and smoothed lines.

    Args:
        methods: SynOps per sample and accuracy of each net, by the name of its method.
        baseline: those of the net without any of them, a star.

    Raises:
        OutputError: ``path`` cannot be written.
    """
    figure, axes = _figure()
    for name, points in methods.items():
        synops, accuracy = smoothed(points)
        (line,) = axes.semilogx(synops, accuracy, label=name)
        axes.semilogx(*zip(*points, strict=True), ".", color=line.get_color())
    if baseline is not None:
        axes.semilogx(*baseline, "k*", markersize=12, label="baseline")
    axes.set_xlabel("SynOps per sample")
    axes.set_ylabel("accuracy")
    axes.legend(fontsize="small")
    _write(figure, path)


def smoothed(points: Points) -> tuple[np.ndarray, np.ndarray]:
    """SynOps in rising order and the accuracies averaged with :data:`SMOOTHING`.

    At the ends the weights that fall outside are left out and the others scaled to sum 1.
    """
    ordered = np.array(sorted(points), dtype=float).reshape(-1, 2)
    reach, count = len(SMOOTHING) // 2, len(ordered)
    accuracy = np.empty(count)
    for place in range(count):
        near = np.arange(max(0, place - reach), min(count, place + reach + 1))
        weights = np.array(SMOOTHING)[near - place + reach]
        accuracy[place] = np.average(ordered[near, 1], weights=weights)
    return ordered[:, 0], accuracy


def plot_simulations(path: Path, nets: Mapping[str, Points]) -> None:
    """The same nets by several simulations (ANN, SNN, emulator); lines join what is one net.

    Args:
        nets: SynOps and accuracy by simulation; the n-th point of each is the n-th net.

    Raises:
        OutputError: ``path`` cannot be written.
    """
    figure, axes = _figure()
    for name, points in nets.items():
        axes.semilogx(*zip(*points, strict=True), "o", label=name)
    for net in zip(*nets.values(), strict=True):
        axes.semilogx(*zip(*net, strict=True), "k-", linewidth=0.5)
    axes.set_xlabel("SynOps per sample")
    axes.set_ylabel("accuracy")
    axes.legend(fontsize="small")
    _write(figure, path)


def plot_layers(path: Path, nets: Mapping[str, Mapping[str, float]]) -> None:
    """SynOps per sample of each layer, bars of several nets side by side.

    Args:
        nets: SynOps by layer, by the name of the net ("baseline", "selected").

    Raises:
        OutputError: ``path`` cannot be written.
    """
    figure, axes = _figure()
    layers = list(dict.fromkeys(layer for net in nets.values() for layer in net))
    width = 0.8 / max(1, len(nets))
    for number, (name, net) in enumerate(nets.items()):
        places = np.arange(len(layers)) + number * width
        axes.bar(places, [net.get(layer, 0.0) for layer in layers], width, label=name)
    axes.set_xticks(np.arange(len(layers)) + 0.4 - width / 2, layers)
    axes.set_ylabel("SynOps per sample")
    axes.legend(fontsize="small")
    _write(figure, path)


def _figure():
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _finish(figure, axes, rows: Sequence[EpochMetrics], path: Path, *others) -> None:
    """Shade the second stage, put one legend for all axes above them, and write the file."""
    from matplotlib.ticker import MaxNLocator

    plain = sum(row.stage == "qrelu" for row in rows)
    if plain < len(rows):
        axes.axvspan(plain + 0.5, len(rows) + 0.5, alpha=0.15, label="fine-tuning on the emulator")
    axes.set_xlim(0.5, len(rows) + 0.5)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    lines, labels = axes.get_legend_handles_labels()
    for other in others:
        more = other.get_legend_handles_labels()
        lines, labels = lines + more[0], labels + more[1]
    figure.legend(lines, labels, loc="outside upper center", ncols=3, fontsize="small")
    _write(figure, path)


def _write(figure, path: Path) -> None:
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png", metadata={"Software": None})
