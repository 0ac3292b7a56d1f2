"""Published measurements of Speck chips beside what the energy model says.

No publication gives power together with the SynOps of the same run, so the model cannot be tested
against them. What can be said is how many SynOps per second the model would need to reach the
published power, and whether such a rate is credible.
"""

from __future__ import annotations

from dataclasses import dataclass

from dynapdeploy.chip.profile import Profile


@dataclass(frozen=True)
class Published:
    """A published measurement: power in watts, from ``low`` to ``high``; ``comment`` is ours."""

    what: str
    low_w: float
    high_w: float
    source: str
    comment: str


PUBLISHED = (
    Published(
        "Speck 2F, idle, all rails",
        1.17e-3,
        1.17e-3,
        "sinabs documentation, notebook power_monitoring",
        "the static part of the model is this very reading",
    ),
    Published(
        "Speck, resting, processor only",
        0.42e-3,
        0.42e-3,
        "Yao et al., Nature Communications 2024, table 1",
        "the rails ram and logic of the row above give the same 0.42 mW",
    ),
    Published(
        "Speck, DVS gesture, plain network (1.0e6 spikes)",
        9.5e-3,
        9.5e-3,
        "Yao et al., Nature Communications 2024, table 1",
        "from this row to the next, 0.6e6 spikes less save 5.7 mW: 9.5 nJ each if they are counted "
        "per second, or the SynOps of a fan-out of 950 at 1e-11 J. The fan-out is not published",
    ),
    Published(
        "Speck, DVS gesture, attention network (0.4e6 spikes)",
        3.8e-3,
        3.8e-3,
        "Yao et al., Nature Communications 2024, table 1",
        "see the row above",
    ),
    Published(
        "Speck 2F, eye tracking",
        2.89e-3,
        4.8e-3,
        "Retina, arXiv 2312.00425",
        "its nets were trained for 1e3 to 1e6 SynOps/s; for 1e6 the model adds 0.01 mW to the idle "
        "power, so it says far less than was measured",
    ),
    Published(
        "Speck 2F, brain-machine interface",
        2.15e-3,
        2.15e-3,
        "intracortical decoding on Speck: 2.66 to 2.73 µJ per sample",
        "the energy per sample counts a short time only; idle power included it depends on the "
        "rate of samples",
    ),
)
"""Only what was measured on a board; upper bounds without a figure are left out."""


@dataclass(frozen=True)
class Comparison:
    """``needed_low`` to ``needed_high``: SynOps per second at which the model meets the published
    power; None where it is not above idle, or there is no idle figure."""

    published: Published
    needed_low: float | None
    needed_high: float | None


def comparisons(profile: Profile) -> tuple[Comparison, ...]:
    """Every published measurement beside the model of ``profile``."""
    idle = None if profile.idle_power is None else profile.idle_power.total_w
    per_synop = profile.energy.joules_per_synop

    def needed(watts: float) -> float | None:
        if idle is None or watts <= idle * 1.01:
            return None
        return (watts - idle) / per_synop

    return tuple(Comparison(row, needed(row.low_w), needed(row.high_w)) for row in PUBLISHED)
