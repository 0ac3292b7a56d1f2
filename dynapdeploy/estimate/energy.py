"""Energy: additions times joules per addition, and what the chip draws whether it computes or not.

The joules per SynOp are the profile's: an order of magnitude from the literature (Sorbaro et al.
2020), not a measurement of the chip; no public source gives a measured figure. The idle power of
the rails is a reading of one board, where a public one exists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dynapdeploy.chip.profile import Profile

JOULES_PER_WATT_HOUR = 3600.0


@dataclass(frozen=True)
class Energy:
    """Energy of a sample, predicted. None: not known, never taken to be 0.

    Attributes:
        dynamic_j_per_sample: SynOps times joules per SynOp.
        low_j_per_sample, high_j_per_sample: with the ends of the profile's range.
        joules_per_synop: the profile's figure.
        source: where the figure comes from.
        spikes_j_per_sample: spikes times joules per spike, where the profile was calibrated.
        static_w: idle power, all rails.
        static_w_uncertainty: all rails together, at worst.
        rails_w: idle power by rail.
        static_source: where the idle power comes from.
        static_j_per_sample: idle power times the sample's duration.
        total_j_per_sample: all of it; the range is that of the joules per SynOp.
        average_power_w: total over duration: the energy per second while samples follow each other.
        dynamic_power_w: the same of the SynOps alone.
        j_per_inference: idle power and SynOps up to the moment from which on the decision stands.
        battery_wh: capacity asked about.
        battery_life_s: capacity over average power.
        assumptions: what is left out or taken for granted.
    """

    dynamic_j_per_sample: float
    low_j_per_sample: float
    high_j_per_sample: float
    joules_per_synop: float
    source: str
    spikes_j_per_sample: float | None = None
    static_w: float | None = None
    static_w_uncertainty: float | None = None
    rails_w: Mapping[str, float] = field(default_factory=dict)
    static_source: str | None = None
    static_j_per_sample: float | None = None
    total_j_per_sample: float | None = None
    total_low_j_per_sample: float | None = None
    total_high_j_per_sample: float | None = None
    average_power_w: float | None = None
    dynamic_power_w: float | None = None
    j_per_inference: float | None = None
    battery_wh: float | None = None
    battery_life_s: float | None = None
    assumptions: tuple[str, ...] = ()


def dynamic_energy(
    synops_per_sample: float,
    profile: Profile,
    *,
    duration_s: float | None = None,
    spikes_per_sample: float = 0.0,
    decision: tuple[float, float] | None = None,
    battery_wh: float | None = None,
) -> Energy:
    """Energy of ``synops_per_sample`` additions on the chip of ``profile``.

    Args:
        duration_s: of a sample; without it there is no static part and no power.
        spikes_per_sample: for profiles with joules per spike.
        decision: SynOps and seconds up to the decision, means; None if no sample is decided.
        battery_wh: capacity to say the life of.
    """
    energy, idle = profile.energy, profile.idle_power
    per_synop, per_spike = energy.joules_per_synop, energy.joules_per_spike
    dynamic = synops_per_sample * per_synop
    low = synops_per_sample * energy.joules_per_synop_low
    high = synops_per_sample * energy.joules_per_synop_high
    spikes = None if per_spike is None else spikes_per_sample * per_spike
    timed = bool(duration_s)
    static = idle.total_w * duration_s if idle and duration_s is not None else None
    rest = None if static is None else static + (spikes or 0.0)
    total = None if rest is None else dynamic + rest
    power = total / duration_s if total is not None and duration_s else None
    inference = None
    if decision is not None and idle is not None:
        inference = decision[0] * per_synop + decision[1] * idle.total_w
    life = battery_wh * JOULES_PER_WATT_HOUR / power if battery_wh and power else None
    return Energy(
        dynamic_j_per_sample=dynamic,
        low_j_per_sample=low,
        high_j_per_sample=high,
        joules_per_synop=per_synop,
        source=energy.source,
        spikes_j_per_sample=spikes,
        static_w=None if idle is None else idle.total_w,
        static_w_uncertainty=None if idle is None else idle.uncertainty_w * len(idle.rails),
        rails_w={} if idle is None else dict(idle.rails),
        static_source=None if idle is None else idle.source,
        static_j_per_sample=static,
        total_j_per_sample=total,
        total_low_j_per_sample=None if rest is None else low + rest,
        total_high_j_per_sample=None if rest is None else high + rest,
        average_power_w=power,
        dynamic_power_w=dynamic / duration_s if timed and duration_s else None,
        j_per_inference=inference,
        battery_wh=battery_wh,
        battery_life_s=life,
        assumptions=_assumptions(profile),
    )


def _assumptions(profile: Profile) -> tuple[str, ...]:
    energy, idle = profile.energy, profile.idle_power
    found = [
        f"each SynOp costs {energy.joules_per_synop:.3g} J, between "
        f"{energy.joules_per_synop_low:.3g} and {energy.joules_per_synop_high:.3g} "
        f"({energy.source})",
    ]
    if energy.joules_per_spike is None:
        found.append("routing a spike costs nothing beyond its SynOps: no public figure")
    if idle is None:
        found.append("static power is left out: no public figure for this chip")
    else:
        found += [
            "static power is the idle power of all rails, sensor included, over the whole recording"
            f" ({idle.source})",
            f"each rail's reading may be off by {idle.uncertainty_w * 1e6:.0f} µW; other boards,"
            " temperatures and biases differ",
            "the sensor's own activity (more power while something moves) is left out",
        ]
    found.append("the board around the chip (FPGA, USB, regulators) is left out")
    return tuple(found)
