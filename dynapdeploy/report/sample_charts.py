"""Charts of one sample: input frame, rasters of input and layers, output spikes per class."""

from __future__ import annotations

from typing import Any

from dynapdeploy.estimate.trace import Trace
from dynapdeploy.report.charts import Chart, colour, escaped


def sample_charts(trace: Trace) -> dict[str, Chart]:
    """The input frame, the rasters of input and layers, and the output spikes of one sample."""
    return {"frame": _frame(trace), "raster": _rasters(trace), "counts": _counts(trace)}


def _frame(trace: Trace) -> Chart:
    image = trace.frame.sum(0)
    heat = {
        "type": "heatmap",
        "z": image.tolist(),
        "colorscale": "page",
        "showscale": False,
        "hovertemplate": "x %{x}, y %{y}: %{z} events<extra></extra>",
    }
    layout = {
        "xaxis": {"visible": False, "constrain": "domain"},
        "yaxis": {"visible": False, "autorange": "reversed", "scaleanchor": "x"},
    }
    return {"data": [heat], "layout": layout}


def _rasters(trace: Trace) -> Chart:
    count = len(trace.rasters)
    data: list[dict[str, Any]] = []
    layout: dict[str, Any] = {"showlegend": False}
    notes = []
    for index, raster in enumerate(trace.rasters):
        axis = "" if index == 0 else str(index + 1)
        top = 1 - index / count
        layout[f"yaxis{axis}"] = {
            "domain": [top - 1 / count + 0.035, top - 0.03],
            "range": [-1, raster.neurons],
            "nticks": 3,
            "anchor": "x",
        }
        thinned = raster.spikes > len(raster.time_us)
        shown = f", {len(raster.time_us):,} drawn" if thinned else ""
        notes.append(
            {
                "text": f"{escaped(raster.layer)}: {raster.spikes:,} spikes{shown}",
                "xref": "paper",
                "yref": "paper",
                "x": 0,
                "y": top - 0.03,
                "xanchor": "left",
                "yanchor": "bottom",
                "showarrow": False,
                "font": {"size": 11},
            }
        )
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": (raster.time_us * 1e-3).round(2).tolist(),
                "y": raster.neuron.tolist(),
                "yaxis": f"y{axis}",
                "marker": {"size": 2.5, "color": colour(index)},
                "hovertemplate": "%{x:.2f} ms, neuron %{y}<extra></extra>",
            }
        )
    layout["xaxis"] = {"title": {"text": "time, ms"}, "anchor": f"y{count}" if count > 1 else "y"}
    layout["annotations"] = notes
    return {"data": data, "layout": layout}


def _counts(trace: Trace) -> Chart:
    outcome = trace.outcome
    shades = [
        colour(2) if i == outcome.label else colour(4) if i == outcome.decision else "#8a94a3"
        for i in range(len(outcome.counts))
    ]
    bar = {
        "type": "bar",
        "x": [str(i) for i in range(len(outcome.counts))],
        "y": outcome.counts.tolist(),
        "marker": {"color": shades},
        "hovertemplate": "class %{x}: %{y} output spikes<extra></extra>",
    }
    layout = {
        "xaxis": {"type": "category", "title": {"text": "class"}},
        "yaxis": {"title": {"text": "output spikes"}},
        "showlegend": False,
    }
    return {"data": [bar], "layout": layout}
