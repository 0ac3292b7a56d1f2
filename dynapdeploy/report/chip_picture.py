"""A picture of the chip: every core with its layer and the memory used."""

from __future__ import annotations

import io
import os
from math import ceil

from dynapdeploy.chip.compile import Compilation
from dynapdeploy.files import write_bytes

LONGEST_NAME = 28
_USED = {"kernel": "#8fb8e0", "neuron": "#f0b890"}


def draw_chip(compilation: Compilation, path: str | os.PathLike[str]) -> None:
    """Write a PNG: one box per core with layer, map, kernel and neuron memory used of available.

    Raises:
        OutputError: the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    layer_on = {core: name for name, core in compilation.placement.cores.items()}
    cores = list(range(len(compilation.profile.cores))) or sorted(layer_on)
    columns = min(3, max(1, len(cores)))
    rows = max(1, ceil(len(cores) / columns))
    figure = Figure(figsize=(4 * columns, 2 * rows + 0.6), layout="constrained")
    FigureCanvasAgg(figure)
    title = f"{_cut(compilation.network.source, 80)} on {_cut(compilation.profile.name, 80)}"
    figure.suptitle(title, parse_math=False)
    grid = figure.subplots(rows, columns, squeeze=False)
    for place, axes in enumerate(grid.flat):
        if place >= len(cores):
            axes.axis("off")
            continue
        _core(axes, compilation, cores[place], layer_on.get(cores[place]))
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    write_bytes(path, buffer.getvalue())


def _core(axes, compilation: Compilation, core: int, layer: str | None) -> None:
    memories = compilation.profile.cores
    demand = compilation.demands.get(layer or "")
    shape = "" if layer is None else "x".join(map(str, compilation.network[layer].output_shape))
    title = f"layer {_cut(layer, LONGEST_NAME)}, {shape} neurons" if layer else "unused"
    axes.set_title(f"core {core}: {title}", fontsize=10, parse_math=False)
    for y, kind in enumerate(("neuron", "kernel")):
        used = getattr(demand, kind) if demand else 0
        there = getattr(memories[core], kind) if core < len(memories) else used
        share = used / there if there else 0.0
        axes.barh(y, 1, color="#e8e8e8")
        axes.barh(y, share, color=_USED[kind])
        text = f"{kind} {used:,} of {there:,}" if memories else f"{kind} {used:,}"
        axes.text(0.02, y, text, va="center", fontsize=9)
    axes.set(xlim=(0, 1), ylim=(-0.6, 1.6), xticks=[], yticks=[])
    if not layer:
        axes.set_facecolor("#f6f6f6")


def _cut(name: str, longest: int) -> str:
    """The end of a name that is too long for its place."""
    return name if len(name) <= longest else "…" + name[-longest + 1 :]
