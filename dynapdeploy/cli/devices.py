"""``dynapdeploy devices``: boards attached to this machine."""

from __future__ import annotations

from dynapdeploy.cli.options import format_option, verb


@verb("devices", epilog="\b\nExample:\n  dynapdeploy devices --format json")
@format_option()
def command(style) -> None:
    """List the boards attached, and say whether samna, which drives them, is installed.

    The stub of samna from PyPI is recognised without being imported. Exit code 0 also with an
    empty list.
    """
    from dataclasses import asdict

    from dynapdeploy.cli.output import emit, emit_json, note
    from dynapdeploy.errors import EnvironmentLacks
    from dynapdeploy.hardware import HOW_TO_INSTALL, samna_status

    status = samna_status()
    found = []
    fault = None
    if status.state == "real":
        from dynapdeploy.hardware.devices import boards
        from dynapdeploy.hardware.vendor import load_samna

        try:
            found = list(boards(load_samna()))
        except EnvironmentLacks as problem:
            fault = str(problem)
            note(fault)
    if style == "json":
        emit_json(
            "devices",
            None,
            "done",
            samna={"state": status.state, "version": status.version, "message": status.message},
            install=None if status.state == "real" else HOW_TO_INSTALL,
            boards=[asdict(board) for board in found],
            fault=fault,
        )
        return
    emit(status.message + ".")
    if status.state != "real":
        emit(HOW_TO_INSTALL + ".")
    if not found:
        emit("No boards.")
        return
    from rich.table import Table

    table = Table()
    for name in ("--device", "kind", "serial", "firmware", "USB", ""):
        table.add_column(name)
    for board in found:
        table.add_row(
            board.device or "(no profile)",
            board.kind,
            board.serial,
            board.firmware,
            f"{board.bus}:{board.address}",
            "" if board.free else "in use",
        )
    emit(table)
