"""Plots of a training run, as PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dynapdeploy.files import replacing
from dynapdeploy.training.metrics import EpochMetrics

LOSSES, CURVES = "losses.png", "accuracy_synops.png"


def plot_losses(path: Path, rows: Sequence[EpochMetrics]) -> None:
    """Prediction and SynOp loss over the epochs, logarithmic. Raises ``OutputError``."""
    figure, axes = _figure()
    epochs = range(1, len(rows) + 1)
    axes.semilogy(epochs, [row.prediction_loss for row in rows], label="Prediction")
    if any(row.synop_loss > 0 for row in rows):
        axes.semilogy(epochs, [row.synop_loss or None for row in rows], label="SynOps")
    axes.set_ylabel("loss")
    _finish(figure, axes, rows, path)


def plot_curves(path: Path, rows: Sequence[EpochMetrics]) -> None:
    """Accuracy (left axis) and SynOps per sample (right, logarithmic). Raises ``OutputError``."""
    figure, axes = _figure()
    epochs = range(1, len(rows) + 1)
    axes.plot(epochs, [row.train_accuracy for row in rows], label="training accuracy")
    axes.plot(epochs, [_or_gap(row.test_accuracy) for row in rows], label="test accuracy")
    axes.set_ylabel("accuracy")
    axes.set_ylim(0, 1.02)
    right = axes.twinx()
    right.semilogy(epochs, [row.train_synops for row in rows], "k--", label="SynOps")
    right.set_ylabel("SynOps per sample (dashed)")
    _finish(figure, axes, rows, path)


def _or_gap(value: float | None) -> float:
    return float("nan") if value is None else value


def _figure():
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _finish(figure, axes, rows: Sequence[EpochMetrics], path: Path) -> None:
    plain = sum(row.stage == "qrelu" for row in rows)
    if plain < len(rows):
        axes.axvspan(plain + 0.5, len(rows) + 0.5, alpha=0.15, label="fine-tuning on the emulator")
    axes.set_xlabel("epoch")
    axes.legend(fontsize="small")
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png", metadata={"Software": None})
