"""The charts of a report as PNG files, drawn without a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dynapdeploy.estimate.study import Study
from dynapdeploy.files import output_folder, replacing
from dynapdeploy.report.charts import colour
from dynapdeploy.report.page import report_charts
from dynapdeploy.report.sample_charts import sample_charts

WIDTH, HEIGHT, DPI = 7.0, 3.8, 150


def write_charts(study: Study, folder) -> list[Path]:
    """Write every chart of the report; returns the paths.

    Raises:
        OutputError: a file cannot be written.
    """
    target = output_folder(folder)
    charts = report_charts(study)
    for number, trace in enumerate(study.traces):
        charts[f"sample-{number}"] = sample_charts(trace)["raster"]
        charts[f"sample-{number}-input"] = sample_charts(trace)["frame"]
    written = []
    for name, chart in charts.items():
        path = target / f"{name}.png"
        with replacing(path) as temporary:
            _draw(chart, temporary)
        written.append(path)
    return written


def _draw(chart: dict[str, Any], path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    layout, data = chart["layout"], chart["data"]
    axes_names = [f"yaxis{i or ''}" for i in (0, *range(2, 30)) if f"yaxis{i or ''}" in layout]
    stacked = len(axes_names) > 1
    figure = Figure(figsize=(WIDTH, 1.4 * len(axes_names) if stacked else HEIGHT), dpi=DPI)
    FigureCanvasAgg(figure)
    all_axes = figure.subplots(max(1, len(axes_names)), 1, sharex=stacked, squeeze=False)[:, 0]
    for index, trace in enumerate(data):
        _trace(all_axes[index if stacked else 0], trace, index, data)
    for index, axes in enumerate(all_axes):
        y = layout.get(axes_names[index] if axes_names else "yaxis", {})
        _finish(axes, layout.get("xaxis", {}) if axes is all_axes[-1] else {}, y)
        if stacked:
            axes.set_title(_plain(layout["annotations"][index]["text"]), loc="left", fontsize=8)
    named = [trace for trace in data if trace.get("name")]
    if layout.get("showlegend", True) and named:
        all_axes[0].legend(fontsize=7, frameon=False)
    figure.tight_layout()
    figure.savefig(path, format="png")


def _trace(axes, trace: dict[str, Any], index: int, data: list[dict[str, Any]]) -> None:
    label = trace.get("name")
    if trace["type"] == "heatmap":
        axes.imshow(trace["z"], cmap="Blues", aspect="equal", vmin=0)
        if "x" in trace:
            axes.set_xticks(range(len(trace["x"])), trace["x"], rotation=45, ha="right")
            axes.set_yticks(range(len(trace["y"])), trace["y"])
        most = max((value for row in trace["z"] for value in row), default=0)
        for y, row in enumerate(trace.get("text", ())):
            for x, value in enumerate(row):
                shade = "white" if trace["z"][y][x] > most / 2 else "black"
                axes.text(x, y, str(value), ha="center", va="center", fontsize=7, color=shade)
        return
    shade = trace.get("marker", trace.get("line", {})).get("color", colour(index))
    if trace["type"] == "bar":
        width = 0.8 / len(data)
        places = [i + (index - (len(data) - 1) / 2) * width for i in range(len(trace["x"]))]
        axes.bar(places, trace["y"], width, color=shade, label=label)
        names = [_plain(name) for name in trace["x"]]
        axes.set_xticks(range(len(names)), names, rotation=20 if len(names) < 8 else 60, ha="right")
        return
    markers, lines = "markers" in trace["mode"], "lines" in trace["mode"]
    size = trace.get("marker", {}).get("size", 5)
    axes.plot(
        trace["x"],
        trace["y"],
        marker=("." if size < 5 else "o") if markers else "",
        markersize=1.5 if size < 5 else 5,
        linestyle="-" if lines else "",
        color=shade,
        label=label,
    )


def _finish(axes, x: dict[str, Any], y: dict[str, Any]) -> None:
    for axis, setting in (("x", x), ("y", y)):
        if setting.get("type") == "log":
            getattr(axes, f"set_{axis}scale")("log")
        title = setting.get("title", {}).get("text")
        if title:
            getattr(axes, f"set_{axis}label")(title, fontsize=8)
    axes.tick_params(labelsize=7)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _plain(name: str) -> str:
    shown = name.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return shown.replace("$", r"\$")
