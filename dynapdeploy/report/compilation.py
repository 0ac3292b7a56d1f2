"""What the compiler found out: as tables and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from dynapdeploy.chip.compile import Compilation
from dynapdeploy.chip.diagnostics import Diagnostic

_COLOUR = {"error": "red", "warning": "yellow", "advice": "cyan"}


def layer_rows(compilation: Compilation) -> list[dict[str, Any]]:
    """One row per layer: core, memory used, memory there is, and what quantization did."""
    rows = []
    for layer in compilation.network.layers:
        demand = compilation.demands[layer.name]
        core = compilation.placement.cores.get(layer.name)
        cores = compilation.profile.cores
        memory = cores[core] if core is not None and core < len(cores) else None
        quantized = compilation.quantized.get(layer.name)
        rows.append(
            {
                "layer": layer.name,
                "core": core,
                "input_shape": list(layer.input_shape),
                "output_shape": list(layer.output_shape),
                "kernel": list(layer.kernel),
                "parameters": int(layer.weight.size),
                "kernel_memory": demand.kernel,
                "kernel_memory_available": memory.kernel if memory else None,
                "neuron_memory": demand.neuron,
                "neuron_memory_available": memory.neuron if memory else None,
                "bias_memory": demand.bias,
                "quantization": None
                if quantized is None
                else {
                    "scale": quantized.scale,
                    "threshold_high": quantized.threshold_high,
                    "threshold_low": quantized.threshold_low,
                    "zeroed": quantized.zeroed,
                    "clipped": quantized.clipped,
                    "effective_bits": quantized.effective_bits,
                    "signal_to_noise_db": quantized.signal_to_noise_db,
                    "worst_channel_db": quantized.worst_channel_db,
                },
            }
        )
    return rows


def diagnostic_rows(diagnostics: list[Diagnostic]) -> list[dict[str, Any]]:
    """Diagnostics as JSON objects."""
    return [asdict(diagnostic) for diagnostic in diagnostics]


def placement_table(compilation: Compilation):
    """Layers, cores and memory as a table."""
    from rich.table import Table

    table = Table(title=f"{compilation.network.source} on {compilation.profile.name}")
    for name in ("layer", "core", "input", "neurons", "kernel memory", "neuron memory"):
        table.add_column(name, justify="left" if name == "layer" else "right")
    for row in layer_rows(compilation):
        table.add_row(
            row["layer"],
            "–" if row["core"] is None else str(row["core"]),
            _size(row["input_shape"]),
            _size(row["output_shape"]),
            _used(row["kernel_memory"], row["kernel_memory_available"]),
            _used(row["neuron_memory"], row["neuron_memory_available"]),
        )
    return table


def quantization_table(compilation: Compilation):
    """What quantization did to each layer, as a table."""
    from rich.table import Table

    table = Table(title="quantization")
    losses = ("zeroed", "clipped", "bits", "SNR", "worst channel")
    for name in ("layer", "scale", "threshold", "lower bound", *losses):
        table.add_column(name, justify="left" if name == "layer" else "right")
    for name, layer in compilation.quantized.items():
        table.add_row(
            name,
            f"{layer.scale:.4g}",
            str(layer.threshold_high),
            str(layer.threshold_low),
            f"{layer.zeroed:.1%}",
            f"{layer.clipped:.1%}",
            f"{layer.effective_bits:.1f}",
            f"{layer.signal_to_noise_db:.0f} dB",
            f"{layer.worst_channel_db:.0f} dB",
        )
    return table


def diagnostic_lines(diagnostics: list[Diagnostic]) -> list[str]:
    """Diagnostics as lines with markup for rich."""
    from rich.markup import escape

    return [f"[{_COLOUR[d.severity]}]{d.severity}[/] {escape(str(d))}" for d in diagnostics]


def _size(shape: list[int]) -> str:
    return "x".join(map(str, shape))


def _used(words: int, available: int | None) -> str:
    return f"{words:,}" if available is None else f"{words:,} of {available:,}"
