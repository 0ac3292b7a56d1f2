"""``dynapdeploy devices``: boards attached to this machine."""

from __future__ import annotations

from dynapdeploy.cli.options import format_option, verb


@verb("devices", epilog="\b\nExample:\n  dynapdeploy devices --format json")
@format_option()
def command(style) -> None:
    """List the boards attached, and say whether samna, which drives them, is installed.

    samna is looked for without being imported. Exit code 0 also with an empty list.
    """
    from dynapdeploy.cli.output import emit, emit_json
    from dynapdeploy.hardware import HOW_TO_INSTALL, samna_status

    status = samna_status()
    if style == "json":
        emit_json(
            "devices",
            None,
            "done",
            samna={"state": status.state, "version": status.version, "message": status.message},
            install=None if status.state == "real" else HOW_TO_INSTALL,
            boards=[],
        )
        return
    emit(status.message + ".")
    if status.state != "real":
        emit(HOW_TO_INSTALL + ".")
    else:
        emit("This version does not drive boards yet.")
    emit("No boards.")
