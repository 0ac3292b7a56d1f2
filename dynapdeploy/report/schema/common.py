"""What all results have in common."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION = 1
Fraction = Annotated[float, Field(ge=0, le=1)]
"""An accuracy or a share."""
Count = Annotated[int, Field(ge=0)]
Mean = Annotated[float, Field(ge=0)]
"""Of a count, over samples."""


class Part(BaseModel):
    """A part of a result. Further keys may come without a new version; none goes without one."""

    model_config = ConfigDict(extra="allow", strict=True)


class Figure(Part):
    """A figure, its unit, and how it was come by. ``value`` is null where it is not known."""

    model_config = ConfigDict(extra="forbid", strict=True)

    value: float | None
    unit: str
    mode: Literal["predicted", "simulated", "measured"]


class Result(Part):
    """What every verb gives with ``--format json``: one object."""

    schema_version: Literal[1]
    command: str
    device: str | None
    status: str


class Diagnostic(Part):
    """What a rule says."""

    rule: str
    severity: Literal["error", "warning", "advice"]
    layer: str | None
    core: int | None
    message: str
    actual: int | float | str | None
    limit: int | float | str | None
    fix: str


class Quantization(Part):
    """What quantization did to a layer; its ratio of signal to noise is null where it is exact."""

    scale: float
    threshold_high: int
    threshold_low: int
    zeroed: Fraction
    clipped: Fraction
    effective_bits: float
    signal_to_noise_db: float | None
    worst_channel_db: float | None


class PlacedLayer(Part):
    """A layer, the core it lies on, and what it takes there."""

    layer: str
    core: int | None
    input_shape: list[int]
    output_shape: list[int]
    kernel: list[int]
    parameters: Count
    kernel_memory: Count
    kernel_memory_available: int | None
    neuron_memory: Count
    neuron_memory_available: int | None
    bias_memory: Count
    quantization: Quantization | None
