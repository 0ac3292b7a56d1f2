"""``dynapdeploy profiles``: the chips known."""

from __future__ import annotations

import click

from dynapdeploy.cli.options import format_option, verb


@verb(
    "profiles",
    epilog="\b\nExamples:\n  dynapdeploy profiles\n  dynapdeploy profiles speck2e --format json",
)
@click.argument("name", required=False)
@format_option()
def command(name, style) -> None:
    """List the hardware profiles, or show the one called NAME."""
    from dynapdeploy.chip.profile import load_profile, profile_names
    from dynapdeploy.cli.output import emit, emit_json
    from dynapdeploy.report.profiles import profile_table, profiles_table

    if name:
        profile = load_profile(name)
        if style == "json":
            emit_json("profiles", name, "done", profile=profile.model_dump())
        else:
            emit(*profile_table(profile))
        return
    profiles = [load_profile(known) for known in profile_names()]
    if style == "json":
        emit_json("profiles", None, "done", profiles=[p.model_dump() for p in profiles])
    else:
        emit(profiles_table(profiles))
