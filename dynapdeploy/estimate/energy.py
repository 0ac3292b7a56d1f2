"""Energy from synaptic operations.

The joules per SynOp are the profile's: an order of magnitude from the literature (Sorbaro et al.
2020), not a measurement of the chip. No public source gives a measured figure.
"""

from __future__ import annotations

from dataclasses import dataclass

from dynapdeploy.chip.profile import Profile


@dataclass(frozen=True)
class Energy:
    """Dynamic energy of a sample, predicted.

    Attributes:
        dynamic_j_per_sample: SynOps times joules per SynOp.
        low_j_per_sample, high_j_per_sample: with the ends of the profile's range.
        joules_per_synop: the profile's figure.
        source: where the figure comes from.
        assumptions: what is left out.
    """

    dynamic_j_per_sample: float
    low_j_per_sample: float
    high_j_per_sample: float
    joules_per_synop: float
    source: str
    assumptions: tuple[str, ...] = (
        "dynamic energy of synaptic operations only",
        "static power, input and output interfaces and the sensor are left out",
    )


def dynamic_energy(synops_per_sample: float, profile: Profile) -> Energy:
    """Energy of ``synops_per_sample`` additions on the chip of ``profile``."""
    energy = profile.energy
    return Energy(
        synops_per_sample * energy.joules_per_synop,
        synops_per_sample * energy.joules_per_synop_low,
        synops_per_sample * energy.joules_per_synop_high,
        energy.joules_per_synop,
        energy.source,
    )
