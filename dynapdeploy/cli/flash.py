"""``dynapdeploy flash``: write an image to a board; where there is none, run the emulator."""

from __future__ import annotations

import click

from dynapdeploy.cli.options import FiniteRange, device_option, format_option, verb

DIFFERS = 1


@verb(
    "flash",
    epilog="""\b
Examples:
  dynapdeploy flash first.dynap --device speck2fdevkit
  dynapdeploy flash first.dynap --device speck2fdevkit:1 --input recording.npz
  dynapdeploy flash first.dynap --device speck2fdevkit --no-fallback""",
)
@click.argument("image")
@device_option(required=True)
@click.option("--input", "recording", metavar="FILE", help="Stream this recording.")
@click.option("--no-fallback", is_flag=True, help="Without a board: stop with exit code 3.")
@click.option("--no-self-test", is_flag=True, help="Do not run the self-test.")
@click.option(
    "--pace",
    type=FiniteRange(min=0),
    default=1.0,
    show_default=True,
    help="Stretch the recording's times by this; 0: as fast as possible.",
)
@click.option(
    "--monitor", "monitor", type=int, multiple=True, help="Return this core's spikes; repeatable."
)
@click.option("--listen", type=FiniteRange(min=0), help="Take what comes for N seconds.")
@click.option("--slow-clock", type=FiniteRange(min=0, min_open=True), help="Rate in Hz.")
@click.option("--readout", type=click.IntRange(0, 65535), help="Use the readout layer: threshold.")
@click.option("-o", "--output", metavar="FILE", help="Write output and monitored events (.npz).")
@click.option("--save-config", metavar="FILE", help="Write samna's configuration as JSON.")
@click.option("--save-binary", metavar="FILE", help="Write the board's flash memory content.")
@format_option()
def command(
    image,
    device,
    recording,
    no_fallback,
    no_self_test,
    pace,
    monitor,
    listen,
    slow_clock,
    readout,
    output,
    save_config,
    save_binary,
    style,
) -> int:
    """Write IMAGE to a board and run its self-test; without a board, run the emulator instead.

    --device is a profile name, with :N for the Nth board of that kind. Untested on real boards.
    Exit code 1 if the self-test differs.
    """
    from dynapdeploy.chip.image_file import load_image
    from dynapdeploy.cli.output import emit, emit_json, note
    from dynapdeploy.data import open_dataset
    from dynapdeploy.estimate import check_match
    from dynapdeploy.hardware.board_target import BoardTarget
    from dynapdeploy.hardware.configuration import Readout
    from dynapdeploy.hardware.emulated import EmulatorTarget
    from dynapdeploy.hardware.export import save_configuration
    from dynapdeploy.hardware.flashing import Request, environment, flash
    from dynapdeploy.hardware.opening import open_target, require_board
    from dynapdeploy.report.streaming import (
        live_counts,
        readout_counts,
        self_test_content,
        self_test_lines,
        streamed_content,
        streamed_table,
    )

    loaded = load_image(image)
    dataset = open_dataset(f"events:{recording}", "test") if recording else None
    if dataset is not None:
        check_match(loaded, dataset)
    chosen = None if readout is None else Readout(readout)
    request = Request(dataset, monitor, pace, listen, not no_self_test, output)
    request.check(loaded)
    if save_config or save_binary:
        save_configuration(loaded, device, save_config, save_binary, monitor, chosen)
    target: BoardTarget | EmulatorTarget
    if no_fallback:
        target = require_board(loaded, device, slow_clock_hz=slow_clock, readout=chosen)
    else:
        target, missing = open_target(loaded, device, slow_clock_hz=slow_clock, readout=chosen)
        if missing:
            note(f"no board: {missing} Running the emulator instead.")
    if target.kind == "emulator":
        from dynapdeploy.cli.run import announce_compilation

        announce_compilation()
    with live_counts(loaded) as watch:
        result = flash(target, loaded, request, watch)
    report = result.self_test
    differs = report is not None and not report.identical
    if style == "json":
        emit_json(
            "flash",
            device,
            "differs" if differs else "done",
            target=target.kind,
            board=target.name,
            environment=environment(),
            image=image,
            self_test=self_test_content(report) if report else None,
            recordings=[streamed_content(streamed) for streamed in result.streamed],
            live=None
            if result.heard is None
            else {
                "output_events": len(result.heard.events),
                "counts": result.heard_counts.tolist(),
                "readout": readout_counts(result.heard.readout),
            },
        )
    else:
        emit(
            target.name,
            *(self_test_lines(report) if report else ["no self-test was run"]),
            *(streamed_table(streamed) for streamed in result.streamed),
        )
        if result.heard is not None:
            emit(f"heard {len(result.heard.events):,} output events in {listen:g} s")
    return DIFFERS if differs else 0
