"""``dynapdeploy flash``: write an image to a board; where there is none, run the emulator."""

from __future__ import annotations

import click

from dynapdeploy.cli.options import device_option, format_option, verb

DIFFERS = 1


@verb(
    "flash",
    epilog="""\b
Examples:
  dynapdeploy flash first.dynap --device speck2fdevkit
  dynapdeploy flash first.dynap --device speck2fdevkit --input recording.npz
  dynapdeploy flash first.dynap --device speck2fdevkit --no-fallback""",
)
@click.argument("image")
@device_option(required=True)
@click.option("--input", "recording", metavar="FILE", help="Stream this recording.")
@click.option("--no-fallback", is_flag=True, help="Without a board: stop with exit code 3.")
@format_option()
def command(image, device, recording, no_fallback, style) -> int:
    """Write IMAGE to a board and run its self-test; without a board, run the emulator instead.

    --device is a profile name, with :N for the Nth board of that kind.
    """
    from dynapdeploy.chip.image_file import load_image
    from dynapdeploy.cli.output import emit, emit_json, note
    from dynapdeploy.cli.run import announce_compilation
    from dynapdeploy.data import open_dataset
    from dynapdeploy.emulator.self_test import run_self_test
    from dynapdeploy.errors import EnvironmentLacks
    from dynapdeploy.estimate import outcomes
    from dynapdeploy.hardware import HOW_TO_INSTALL
    from dynapdeploy.hardware.board import why_no_board
    from dynapdeploy.report.streaming import (
        outcome_content,
        outcome_table,
        self_test_content,
        self_test_lines,
    )

    loaded = load_image(image)
    missing = why_no_board(loaded, device)
    if no_fallback:
        raise EnvironmentLacks(f"no board: {missing} {HOW_TO_INSTALL}")
    dataset = open_dataset(f"events:{recording}", "test") if recording else None
    note(f"no board: {missing} Running the emulator instead.")
    announce_compilation()
    verdict = run_self_test(loaded) if loaded.self_test else None
    streamed = list(outcomes(loaded, dataset)) if dataset else []
    differs = verdict is not None and not verdict.identical
    if style == "json":
        emit_json(
            "flash",
            device,
            "differs" if differs else "done",
            target="emulator",
            image=image,
            self_test=self_test_content(verdict) if verdict else None,
            recordings=[outcome_content(outcome) for outcome in streamed],
        )
    else:
        emit(
            *(self_test_lines(verdict) if verdict else ["the image carries no self-test"]),
            *(outcome_table(outcome) for outcome in streamed),
        )
    return DIFFERS if differs else 0
