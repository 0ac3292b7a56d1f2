"""Joules per SynOp and per spike from measured power.

``P = idle + e_syn · SynOps/s + e_spk · spikes/s``, by least squares weighted with the standard
errors of the measurements, with 95 % confidence intervals from the residuals (Student's t).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dynapdeploy.errors import DataError
from dynapdeploy.files import write_text
from dynapdeploy.hardware.power import OFFSET_W

CONFIDENCE = 0.95
MOST_CORRELATED = 0.99
"""SynOps/s and spikes/s that go together more closely than this cannot be told apart."""


@dataclass(frozen=True)
class Point:
    """One measurement: activity per second, power in watts and its standard error."""

    synops_per_s: float
    spikes_per_s: float
    power_w: float
    error_w: float


@dataclass(frozen=True)
class Coefficient:
    """A fitted number with its 95 % confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Calibration:
    """The fit.

    Attributes:
        idle_w: power without activity.
        joules_per_synop: e_syn.
        joules_per_spike: e_spk; None where it was left out.
        points: number of measurements.
        residual_w: root mean square of what is left.
    """

    idle_w: Coefficient
    joules_per_synop: Coefficient
    joules_per_spike: Coefficient | None
    points: int
    residual_w: float


def fit(points: Sequence[Point], with_spikes: bool = True) -> Calibration:
    """Fit the energy model.

    Args:
        points: measurements, the idle one among them.
        with_spikes: False leaves e_spk out.

    Raises:
        DataError: the data cannot carry the fit: too few points, SynOps and spikes that always go
            together, or an energy whose interval reaches 0.
    """
    from scipy.stats import t as student

    synops, spikes, power, error = (
        np.array([getattr(p, name) for p in points], float)
        for name in ("synops_per_s", "spikes_per_s", "power_w", "error_w")
    )
    columns = [np.ones(len(points)), synops] + ([spikes] if with_spikes else [])
    free = len(points) - len(columns)
    if free < 1:
        raise DataError(
            f"calibration: {len(points)} measurements for {len(columns)} unknowns; "
            f"at least {len(columns) + 1} are needed, with different activity"
        )
    _require_spread(synops, spikes, with_spikes)
    weight = 1 / np.maximum(error, max(error.max() * 1e-3, 1e-12))
    scale = np.array([1.0, synops.max(), spikes.max()][: len(columns)])
    design = np.stack(columns, axis=1) / scale * weight[:, None]
    solution, *_ = np.linalg.lstsq(design, power * weight, rcond=None)
    left = power * weight - design @ solution
    variance = float(left @ left) / free
    covariance = np.linalg.inv(design.T @ design) * variance
    reach = student.ppf((1 + CONFIDENCE) / 2, free) * np.sqrt(np.diag(covariance))
    found = [
        Coefficient(float(v / s), float((v - r) / s), float((v + r) / s))
        for v, r, s in zip(solution, reach, scale, strict=True)
    ]
    names = ("joules per SynOp", "joules per spike")
    for name, coefficient in zip(names, found[1:], strict=False):
        if coefficient.low <= 0:
            raise DataError(
                f"calibration: {name} would be {coefficient.value:.3g}, between "
                f"{coefficient.low:.3g} and {coefficient.high:.3g}: the data cannot tell it from 0;"
                " measure longer, with more and more different recordings"
                + (", or leave the spikes out (--without-spikes)" if with_spikes else "")
            )
    residual = float(np.sqrt(np.mean((left / weight) ** 2)))
    return Calibration(found[0], found[1], found[2] if with_spikes else None, len(points), residual)


def _require_spread(synops: np.ndarray, spikes: np.ndarray, with_spikes: bool) -> None:
    if not synops.std() > 0 or (with_spikes and not spikes.std() > 0):
        raise DataError("calibration: all measurements have the same activity")
    if with_spikes:
        together = abs(float(np.corrcoef(synops, spikes)[0, 1]))
        if together > MOST_CORRELATED:
            raise DataError(
                f"calibration: SynOps and spikes go together (correlation {together:.4f}) and "
                "cannot be told apart; add recordings of another kind, or leave the spikes out "
                "(--without-spikes)"
            )


def write_profile(
    path: str, base: str, calibration: Calibration, rails: Mapping[str, float], board: str
) -> None:
    """Write a hardware profile that takes its energy from ``calibration``; ``.toml``.

    Args:
        base: name, or ``.toml`` file, of the profile that the rest comes from.
        rails: idle power by rail, watts.
        board: which one was measured.

    Raises:
        DataError: the name does not end in ``.toml``.
        OutputError: the file cannot be written.
    """
    if not path.endswith(".toml"):
        raise DataError(f"cannot write the profile {path}: a name that ends in .toml was expected")
    import json

    if base.endswith(".toml"):
        base = str(Path(base).resolve()).removesuffix(".toml")
    synop, spike = calibration.joules_per_synop, calibration.joules_per_spike
    source = json.dumps(
        f"measured on {board}: fit of {calibration.points} measurements, "
        f"{CONFIDENCE:.0%} confidence interval"
    )
    lines = [
        f"title = {json.dumps(f'{base}, energy measured on one board')}",
        f"base = {json.dumps(base)}",
        "",
        "[energy]",
        f"joules_per_synop = {synop.value!r}",
        f"joules_per_synop_low = {synop.low!r}",
        f"joules_per_synop_high = {synop.high!r}",
        *([] if spike is None else [f"joules_per_spike = {spike.value!r}"]),
        f"source = {source}",
        "",
        "[idle_power]",
        f"uncertainty_w = {OFFSET_W!r}",
        f"source = {json.dumps(f'measured on {board}')}",
        "",
        "[idle_power.rails]",
        *(f"{name} = {value!r}" for name, value in rails.items()),
        "",
    ]
    write_text(path, "\n".join(lines))
