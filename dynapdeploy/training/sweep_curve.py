"""The curve of a sweep: accuracy over SynOps per sample, as a PNG file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dynapdeploy.files import replacing


def plot_sweep(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Emulator, QReLU net, and emulator with the first layer scaled up; SynOps logarithmic.

    Raises ``OutputError``.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_xscale("log")
    for label, points in _series(rows).items():
        points = sorted(points)
        axes.plot(*zip(*points, strict=True), ".-", label=label)
    axes.set_xlabel("SynOps per sample")
    axes.set_ylabel("accuracy")
    if axes.lines:
        axes.legend(fontsize="small")
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png", metadata={"Software": None})


def _series(rows: Sequence[dict[str, Any]]) -> dict[str, list[tuple[float, float]]]:
    found: dict[str, list[tuple[float, float]]] = {}

    def add(label: str, figures: dict[str, Any]) -> None:
        synops, accuracy = figures.get("synops_per_sample"), figures.get("accuracy")
        if synops and accuracy is not None:
            found.setdefault(label, []).append((synops, accuracy))

    for row in rows:
        if row["status"] != "done":
            continue
        add("emulator", row["stages"]["emulator"])
        add("QReLU net", row["stages"]["qrelu"])
        for scaled in row["scaled"]:
            add(f"emulator, first layer × {scaled['factor']:g}", scaled)
    return found
