"""Results of the verbs that run something: estimate, report, validate, diff, demo, flash."""

from __future__ import annotations

from typing import Any, Literal

from dynapdeploy.report.schema.common import (
    Count,
    Figure,
    Fraction,
    Mean,
    Part,
    PlacedLayer,
    Result,
)


class Static(Part):
    """Idle power of the chip."""

    power_w: Figure
    uncertainty_w: float | None
    rails_w: dict[str, Figure]
    source: str | None


class Energy(Part):
    """Energy per sample, with all assumptions."""

    dynamic_j_per_sample: Figure
    low_j_per_sample: Figure
    high_j_per_sample: Figure
    joules_per_synop: Figure
    spikes_j_per_sample: Figure
    static_j_per_sample: Figure
    total_j_per_sample: Figure
    total_low_j_per_sample: Figure
    total_high_j_per_sample: Figure
    j_per_inference: Figure
    dynamic_power_w: Figure
    average_power_w: Figure
    battery_life_s: Figure
    battery_wh: float | None
    source: str
    static: Static
    assumptions: list[str]


class CoreLoad(Part):
    """Load of one core."""

    layer: str
    core: int
    mean_synops_per_s: Figure
    peak_synops_per_s: Figure
    peak_sample: str | None
    synops_per_event: float | None
    budget_synops_per_s: float | None
    peak_share: float | None
    saturating_events_per_s: Figure


class Saturation(Part):
    """The core that meets its budget first."""

    layer: str
    core: int
    events_per_s: Figure


class Load(Part):
    """Load of all cores."""

    window_s: float
    source: str
    saturates_first: Saturation | None
    cores: list[CoreLoad]


class Curve(Part):
    """Accuracy if the recordings ended at a time; empty without labels."""

    time_s: list[float]
    accuracy: list[Fraction]


class Latency(Part):
    """When decisions stand."""

    decided: Count
    mean_s: Figure
    median_s: Figure
    worst_s: Figure
    mean_events: float | None
    assumption: str
    curve: Curve


class LayerCost(Part):
    """What a layer does per sample."""

    layer: str
    core: int
    neurons: Count
    spikes_per_sample: Mean
    synops_per_sample: Mean
    dropped_per_sample: Mean
    energy_j_per_sample: Mean


class Estimated(Result):
    """Accuracy, SynOps, energy, load and latency of an image."""

    samples: Count
    mode: Literal["simulated"]
    accuracy: Fraction | None
    correct: int | None
    labelled: Count
    undecided: Count
    skipped: list[str]
    synops_per_sample: Mean
    events_per_sample: Mean
    duration_s_per_sample: Mean
    macs: Count
    synops_per_mac: Mean
    energy: Energy
    load: Load
    latency: Latency
    layers: list[LayerCost]
    settings: dict[str, Any]


class Estimate(Estimated):
    command: Literal["estimate"]
    image: str
    data: str
    split: str
    seed: int


class Demo(Estimated):
    command: Literal["demo"]
    output: str
    report: str
    stages: dict[str, dict[str, Any]]
    memory: list[PlacedLayer]


class FirstDifference(Part):
    """The first layer whose spike counts part from those of the rung before."""

    layer: str
    before: Mean
    here: Mean
    relative: float | None


class RungLayer(Part):
    """Null: not known on this rung."""

    layer: str
    spikes_per_sample: Mean | None
    synops_per_sample: Mean | None


class Rung(Part):
    """One rung of the ladder."""

    rung: Literal["float", "qrelu", "snn", "quantized", "emulator", "board"]
    title: str
    status: Literal["done", "skipped"]
    reason: str | None
    mode: Literal["simulated", "measured"]
    accuracy: Fraction | None
    correct: int | None
    undecided: int | None
    synops_per_sample: float | None
    agreement: Fraction | None
    flips: list[str]
    lost: int | None
    gained: int | None
    first_difference: FirstDifference | None
    layers: list[RungLayer]


class Ladder(Part):
    """The accuracy ladder."""

    samples: Count
    labelled: Count
    step_s: float
    largest_loss: str | None
    rungs: list[Rung]
    notes: list[str]


class Report(Estimated):
    command: Literal["report"]
    source: str
    data: str
    report: str
    files: list[str]
    ladder: Ladder | None


class Validate(Result, Ladder):
    command: Literal["validate"]
    source: str
    data: str
    split: str
    seed: int


class Side(Part):
    """One side of a comparison."""

    name: str
    device: str | None


class FigureChange(Part):
    """A figure on both sides; the relative change is null where A is 0 or a side is unknown."""

    figure: str
    unit: str
    a: float | None
    b: float | None
    change: float | None
    relative: float | None


class LayerChange(Part):
    """A property of a layer that differs."""

    layer: str
    property: str
    a: bool | int | str | None
    b: bool | int | str | None


class Diff(Result):
    command: Literal["diff"]
    status: Literal["done", "differs"]
    a: Side
    b: Side
    figures: list[FigureChange]
    layers: list[LayerChange]
    failed: list[str]


class Flash(Result):
    command: Literal["flash"]
    target: Literal["board", "emulator"]
    image: str
    self_test: dict[str, Any] | None
    recordings: list[dict[str, Any]]


class Reading(Part):
    """Power over a stretch of time, all rails together and each."""

    power: Figure
    standard_error_w: float | None
    seconds: float
    loops: Count
    rails: dict[str, dict[str, Any]]


class Power(Result):
    command: Literal["power"]
    image: str
    data: str
    board: str
    idle: Reading
    recordings: list[Reading]
    calibration: dict[str, Any] | None
