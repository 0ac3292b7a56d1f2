"""What two runs or images are compared by: a net, its placement, and figures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dynapdeploy.chip.image import ChipImage
from dynapdeploy.errors import InputError
from dynapdeploy.estimate import Estimate

FIGURES = {
    "accuracy": "",
    "synops": "",
    "energy": "J",
    "total_energy": "J",
    "spikes": "",
    "undecided": "",
    "latency": "s",
    "parameters": "",
    "cores": "",
}
"""Figures that are compared, by the name that a condition uses, with their unit."""
LARGEST_FILE = 50_000_000


@dataclass(frozen=True)
class Snapshot:
    """One side of a comparison.

    Attributes:
        name: as the user gave it.
        device: it was made for, None if unknown.
        layers: properties of each layer by name: shapes, thresholds, core, a hash of the weights.
        figures: by name, see :data:`FIGURES`; what is not known is left out.
    """

    name: str
    device: str | None
    layers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)


def of_image(name: str, image: ChipImage, estimate: Estimate | None = None) -> Snapshot:
    """A snapshot of an image, with figures where it has been run."""
    layers = {
        core.name: {
            "core": core.core,
            "weights": "x".join(map(str, core.weights.shape)),
            "weights_sha256": hashlib.sha256(core.weights.tobytes()).hexdigest()[:16],
            "input_shape": "x".join(map(str, core.input_shape)),
            "output_shape": "x".join(map(str, core.output_shape)),
            "stride": "x".join(map(str, core.stride)),
            "padding": "x".join(map(str, core.padding)),
            "threshold_high": core.threshold_high,
            "threshold_low": core.threshold_low,
            "return_to_zero": core.return_to_zero,
            "bias": core.bias is not None,
        }
        for core in image.cores
    }
    figures: dict[str, float | None] = {
        "parameters": sum(core.weights.size for core in image.cores),
        "cores": len(image.cores),
    }
    if estimate is not None:
        figures |= {
            "accuracy": estimate.accuracy,
            "synops": estimate.synops_per_sample,
            "energy": estimate.energy.dynamic_j_per_sample,
            "total_energy": estimate.energy.total_j_per_sample,
            "spikes": sum(layer.spikes_per_sample for layer in estimate.layers),
            "undecided": estimate.undecided,
            "latency": estimate.latency.mean_s,
        }
    return Snapshot(name, image.device, layers, _known(figures))


def of_result(path: str) -> Snapshot:
    """A snapshot of what ``estimate``, ``report`` or ``demo`` said with ``--format json``.

    Raises:
        InputError: the file cannot be read, or holds something else.
    """
    try:
        if Path(path).stat().st_size > LARGEST_FILE:
            raise InputError(f"{path}: larger than {LARGEST_FILE:,} bytes")
        result = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as fault:
        raise InputError(f"{path}: {fault.strerror or fault}") from fault
    except (ValueError, RecursionError) as fault:
        raise InputError(f"{path}: not JSON ({fault})") from fault
    if not isinstance(result, dict) or "synops_per_sample" not in result:
        raise InputError(f"{path}: not a result of estimate, report or demo in JSON")
    layers = result.get("layers")
    layers = layers if isinstance(layers, list) else []
    rows = [row for row in layers if isinstance(row, dict) and "layer" in row]
    energy = result.get("energy")
    energy = energy if isinstance(energy, dict) else {}
    latency = result.get("latency")
    latency = latency if isinstance(latency, dict) else {}
    spikes = [_number(row.get("spikes_per_sample")) for row in rows]
    figures = {
        "accuracy": _number(result.get("accuracy")),
        "synops": _number(result["synops_per_sample"]),
        "energy": _number(energy.get("dynamic_j_per_sample")),
        "total_energy": _number(energy.get("total_j_per_sample")),
        "spikes": sum(value for value in spikes if value is not None) if rows else None,
        "undecided": _number(result.get("undecided")),
        "latency": _number(latency.get("mean_s")),
        "cores": float(len(rows)) if rows else None,
    }
    device = result.get("device")
    return Snapshot(
        path,
        device if isinstance(device, str) else None,
        {
            str(row["layer"]): {key: row[key] for key in ("core", "neurons") if key in row}
            for row in rows
        },
        _known(figures),
    )


def _known(figures: Mapping[str, float | None]) -> dict[str, float]:
    return {name: float(value) for name, value in figures.items() if value is not None}


def _number(value: Any) -> float | None:
    if isinstance(value, dict):
        value = value.get("value")
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number else None
