"""``dynapdeploy power``: measure a board's power, and calibrate joules per SynOp from it."""

from __future__ import annotations

import click

from dynapdeploy.cli.options import FiniteRange, data_options, device_option, format_option, verb


@verb(
    "power",
    epilog="""\b
Examples:
  dynapdeploy power first.dynap --device speck2fdevkit --data events:recording.npz
  dynapdeploy power first.dynap --device speck2fdevkit --data nmnist:PATH --limit 20 \\
      --calibrate myboard.toml""",
)
@click.argument("image")
@device_option(required=True)
@click.option("--data", required=True, metavar="KIND:PATH", help="Recordings to play in a loop.")
@data_options("test")
@click.option(
    "--seconds",
    type=FiniteRange(min=0, min_open=True),
    default=10.0,
    show_default=True,
    help="How long each recording plays, and how long the idle chip is measured.",
)
@click.option("--calibrate", "profile", metavar="FILE.toml", help="Fit energies, write a profile.")
@click.option("--without-spikes", is_flag=True, help="Fit joules per SynOp only.")
@format_option()
def command(
    image, device, data, split, limit, seed, seconds, profile, without_spikes, style
) -> None:
    """Measure the power of a board's rails, idle and while recordings play in a loop.

    --calibrate fits P = idle + e_syn SynOps/s + e_spk spikes/s, the counts from the emulator, and
    writes a hardware profile for `estimate`; it refuses a fit that the data cannot carry. Needs a
    board. Untested on real boards.
    """
    from dynapdeploy.chip.image_file import load_image
    from dynapdeploy.cli.output import emit, emit_json, progress
    from dynapdeploy.cli.run import announce_compilation
    from dynapdeploy.data import draw, open_dataset
    from dynapdeploy.estimate import check_match
    from dynapdeploy.hardware.opening import require_board
    from dynapdeploy.hardware.power_run import calibrated, measure_all
    from dynapdeploy.report.power import calibration_content, power_content, power_lines

    loaded = load_image(image)
    dataset = draw(open_dataset(data, split), limit, seed)
    check_match(loaded, dataset)
    target = require_board(loaded, device)
    announce_compilation()
    with progress("measuring", 1 + len(dataset)) as step:
        run = measure_all(target, loaded, dataset, seconds, step)
    result = None
    if profile is not None:
        result = calibrated(run, target, profile, not without_spikes)
    if style == "json":
        emit_json(
            "power",
            device,
            "done",
            image=image,
            data=data,
            board=target.name,
            **power_content(run),
            calibration=None if result is None else calibration_content(result, profile),
        )
        return
    emit(target.name, *power_lines(run, result, profile))
