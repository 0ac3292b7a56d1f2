"""Hardware profiles as tables."""

from __future__ import annotations

from collections.abc import Sequence

from dynapdeploy.chip.profile import Profile
from dynapdeploy.report.figures import si


def profiles_table(profiles: Sequence[Profile]):
    """One row per profile."""
    from rich.table import Table

    table = Table(title="hardware profiles")
    for name in ("name", "chip", "cores", "kernel memory", "neuron memory", "flash"):
        table.add_column(name)
    for profile in profiles:
        table.add_row(
            profile.name,
            profile.title,
            "unlimited" if profile.unlimited_cores else str(len(profile.cores)),
            _total(profile, "kernel"),
            _total(profile, "neuron"),
            "yes" if profile.board else "no, check only",
        )
    return table


def profile_table(profile: Profile) -> list:
    """One profile: its cores and its limits."""
    from rich.table import Table

    cores = Table(title=f"{profile.name}: {profile.title}")
    for name in ("core", "kernel (8 bit)", "neuron (16 bit)", "bias (16 bit)", ""):
        cores.add_column(name, justify="right")
    for i, core in enumerate(profile.cores):
        mark = "parallel" if i in profile.parallel_cores else ""
        cores.add_row(str(i), f"{core.kernel:,}", f"{core.neuron:,}", f"{core.bias:,}", mark)
    limits = Table(title="limits of one core")
    limits.add_column("limit")
    limits.add_column("value")
    for key, value in profile.limits.model_dump().items():
        none = value is None or value == ()
        shown = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
        limits.add_row(key.replace("_", " "), "none" if none else shown)
    energy = (
        f"{profile.energy.joules_per_synop:.3g} J per SynOp "
        f"({profile.energy.joules_per_synop_low:.3g} to "
        f"{profile.energy.joules_per_synop_high:.3g}): "
        f"{profile.energy.source}"
    )
    idle = profile.idle_power
    power = (
        "idle power: no public figure"
        if idle is None
        else f"idle power: {si(idle.total_w, 'W')}, each rail ± {si(idle.uncertainty_w, 'W')}: "
        f"{idle.source}"
    )
    return [cores, limits, energy, power, *([profile.note] if profile.note else [])]


def _total(profile: Profile, kind: str) -> str:
    if profile.unlimited_cores:
        return "unlimited"
    return f"{sum(getattr(core, kind) for core in profile.cores):,} words"
