"""The charts of the report, as plotly takes them; colours of text and grid are the page's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dynapdeploy.estimate import Estimate
from dynapdeploy.estimate.ladder import Ladder

COLOURS = ("#3b82d6", "#d97706", "#2a9d6f", "#8b5cf6", "#dc4c4c", "#0e9aa7", "#b0559b", "#7a8b2f")
"""For layers, readable on light and dark ground."""
PAPER_POINTS = (
    (3.86e6, 0.963, "Sorbaro et al. (2020), MNIST-DVS, baseline"),
    (0.63e6, 0.950, "Sorbaro et al. (2020), MNIST-DVS, SynOp loss"),
)
Chart = dict[str, Any]


def colour(index: int) -> str:
    """The colour of the layer with this place."""
    return COLOURS[index % len(COLOURS)]


def layer_bars(estimate: Estimate) -> Chart:
    """Spikes and SynOps per layer and sample."""
    names = [_named(layer.layer, layer.core) for layer in estimate.layers]
    rows = (
        ("SynOps", [layer.synops_per_sample for layer in estimate.layers], colour(0)),
        ("spikes", [layer.spikes_per_sample for layer in estimate.layers], colour(1)),
    )
    data = [
        {
            "type": "bar",
            "name": name,
            "x": names,
            "y": values,
            "marker": {"color": shade},
            "hovertemplate": "%{x}<br>%{y:,.0f} " + name + " per sample<extra></extra>",
        }
        for name, values, shade in rows
    ]
    layout = {
        "barmode": "group",
        "yaxis": {"type": "log", "title": {"text": "per sample"}, "dtick": 1},
        "xaxis": {"type": "category"},
    }
    return {"data": data, "layout": layout}


def load_lines(estimate: Estimate) -> Chart:
    """SynOps per second over time, mean over the samples that last that long."""
    window = estimate.load.window_us
    timings = [o.timing for o in estimate.outcomes if o.timing is not None]
    longest = max((timing.timeline.shape[1] for timing in timings), default=0)
    total = np.zeros((len(estimate.layers), longest))
    lasting = np.zeros(longest)
    for timing in timings:
        bins = timing.timeline.shape[1]
        total[:, :bins] += timing.timeline
        lasting[:bins] += 1
    rate = total / np.maximum(lasting, 1) / window * 1e6
    time = ((np.arange(longest) + 0.5) * window * 1e-3).round(3).tolist()
    data: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": _named(core.layer, core.core),
            "x": time,
            "y": rate[index].round(1).tolist(),
            "line": {"color": colour(index), "width": 2},
            "hovertemplate": "%{y:.3s}/s",
        }
        for index, core in enumerate(estimate.load.cores)
    ]
    budgets = {core.budget_synops_per_s for core in estimate.load.cores} - {None}
    for budget in budgets:
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": "budget per core",
                "x": [time[0], time[-1]] if time else [],
                "y": [budget, budget],
                "line": {"color": "#dc4c4c", "dash": "dash", "width": 1.5},
            }
        )
    layout = {
        "hovermode": "x unified",
        "xaxis": {"title": {"text": "time from the first event, ms"}},
        "yaxis": {
            "title": {"text": "SynOps per second"},
            "tickformat": "~s",
            "rangemode": "tozero",
        },
    }
    return {"data": data, "layout": layout}


def accuracy_over_time(estimate: Estimate) -> Chart:
    """Share decided rightly if the recording were cut at a time."""
    line = {
        "type": "scatter",
        "mode": "lines",
        "x": [round(time * 1e3, 3) for time in estimate.latency.time_s],
        "y": list(estimate.latency.accuracy),
        "line": {"color": colour(0), "width": 2, "shape": "hv"},
        "hovertemplate": "%{x:.1f} ms: %{y:.1%}<extra></extra>",
    }
    layout = {
        "xaxis": {"title": {"text": "time from the first event, ms"}},
        "yaxis": {"title": {"text": "accuracy"}, "tickformat": ".0%", "range": [0, 1.02]},
        "showlegend": False,
    }
    return {"data": [line], "layout": layout}


def confusion(estimate: Estimate) -> Chart:
    """How many samples of each class (rows) were decided as which (columns)."""
    matrix, rows, columns = confusion_matrix(estimate)
    heat = {
        "type": "heatmap",
        "z": matrix,
        "x": columns,
        "y": rows,
        "text": [[value or "" for value in row] for row in matrix],
        "texttemplate": "%{text}",
        "colorscale": "page",
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
        "hovertemplate": "%{y} decided as %{x}: %{z}<extra></extra>",
    }
    layout = {
        "xaxis": {"type": "category", "title": {"text": "decision"}, "side": "bottom"},
        "yaxis": {"type": "category", "title": {"text": "class"}, "autorange": "reversed"},
    }
    return {"data": [heat], "layout": layout}


def confusion_matrix(estimate: Estimate) -> tuple[list[list[int]], list[str], list[str]]:
    """Counts, names of the rows (classes) and of the columns (decisions, the last: undecided)."""
    labelled = [o for o in estimate.outcomes if o.label is not None]
    count = max([len(o.counts) for o in labelled] + [(o.label or 0) + 1 for o in labelled] + [1])
    names = [estimate.classes[i] if i < len(estimate.classes) else str(i) for i in range(count)]
    matrix = [[0] * (count + 1) for _ in names]
    for outcome in labelled:
        decision = count if outcome.decision is None else outcome.decision
        matrix[outcome.label or 0][decision] += 1
    return matrix, names, [*names, "undecided"]


def ladder_bars(ladder: Ladder) -> Chart:
    """Accuracy at each rung."""
    rungs = [rung for rung in ladder.rungs if rung.accuracy is not None]
    bar = {
        "type": "bar",
        "x": [rung.title for rung in rungs],
        "y": [rung.accuracy for rung in rungs],
        "text": [f"{rung.accuracy:.1%}" for rung in rungs],
        "textposition": "outside",
        "cliponaxis": False,
        "marker": {"color": colour(0)},
        "hovertemplate": "%{x}: %{y:.1%}<extra></extra>",
    }
    layout = {
        "yaxis": {"tickformat": ".0%", "range": [0, 1.1], "title": {"text": "accuracy"}},
        "xaxis": {"type": "category"},
        "showlegend": False,
    }
    return {"data": [bar], "layout": layout}


def trade_off(rows: Sequence[Mapping[str, Any]], here: tuple[float, float | None]) -> Chart:
    """Accuracy over SynOps: a sweep, this image, and the points of the paper."""
    known = [r for r in rows if r.get("accuracy") is not None and r.get("synops_per_sample")]
    known = sorted(known, key=lambda row: row["synops_per_sample"])
    hover = "%{text}<br>%{x:.3s} SynOps: %{y:.1%}<extra></extra>"
    data = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": "sweep",
            "x": [row["synops_per_sample"] for row in known],
            "y": [row["accuracy"] for row in known],
            "text": [escaped(str(row.get("name", ""))) for row in known],
            "line": {"color": colour(0)},
            "hovertemplate": hover,
        },
        {
            "type": "scatter",
            "mode": "markers",
            "name": "published (another data set)",
            "x": [point[0] for point in PAPER_POINTS],
            "y": [point[1] for point in PAPER_POINTS],
            "text": [point[2] for point in PAPER_POINTS],
            "marker": {"color": colour(1), "symbol": "star", "size": 12},
            "hovertemplate": hover,
        },
    ]
    if here[1] is not None:
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": "this image",
                "x": [here[0]],
                "y": [here[1]],
                "text": ["this image"],
                "marker": {"color": colour(4), "symbol": "diamond", "size": 12},
                "hovertemplate": hover,
            }
        )
    layout = {
        "xaxis": {"type": "log", "title": {"text": "SynOps per sample"}, "dtick": 1},
        "yaxis": {"tickformat": ".0%", "title": {"text": "accuracy"}},
    }
    return {"data": data, "layout": layout}


def _named(layer: str, core: int) -> str:
    return escaped(f"{layer} (core {core})")


def escaped(name: str) -> str:
    """Text for plotly, which takes some HTML."""
    return name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
