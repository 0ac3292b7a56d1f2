"""Results of the verbs that make or look something up."""

from __future__ import annotations

from typing import Any, Literal

from dynapdeploy.report.schema.common import Count, Diagnostic, Part, PlacedLayer, Result


class Train(Result):
    command: Literal["train"]
    output: str
    metrics: dict[str, Any]


class Benchmark(Result):
    command: Literal["benchmark"]
    data: str
    split: str
    seed: int
    runs: list[dict[str, Any]]


class SweepRow(Part):
    """One net of a sweep."""

    name: str
    status: str


class Sweep(Result):
    command: Literal["sweep"]
    output: str
    rows: list[SweepRow]


class Check(Result):
    command: Literal["check"]
    status: Literal["fits", "does_not_fit"]
    diagnostics: list[Diagnostic]
    layers: list[PlacedLayer]


class Convert(Result):
    command: Literal["convert"]
    status: Literal["done", "does_not_fit"]
    image: str | None
    diagnostics: list[Diagnostic]
    layers: list[PlacedLayer]


class LayerCount(Part):
    """Sizes of one layer."""

    layer: str
    core: int | None
    output_shape: list[int]
    neurons: Count
    synapses: Count
    synapses_nominal: Count
    parameters: Count
    macs: Count
    operations: Count
    fan_in: Count
    fan_out: float
    fan_out_nominal: float


class CountResult(Result):
    command: Literal["count"]
    source: str
    input_shape: list[int]
    neurons: Count
    synapses: Count
    synapses_nominal: Count
    parameters: Count
    macs: Count
    operations: Count
    layers: list[LayerCount]


class Samna(Part):
    """Whether samna is installed."""

    state: str
    version: str | None
    message: str


class Devices(Result):
    command: Literal["devices"]
    samna: Samna
    install: str | None
    boards: list[dict[str, Any]]


class Profiles(Result):
    """One profile, or all."""

    command: Literal["profiles"]
    profile: dict[str, Any] | None = None
    profiles: list[dict[str, Any]] | None = None


class Rule(Part):
    """A rule of the catalogue."""

    rule: str
    severity: Literal["error", "warning", "advice"]
    title: str
    text: str


class Rules(Result):
    command: Literal["rules"]
    rules: list[Rule]
