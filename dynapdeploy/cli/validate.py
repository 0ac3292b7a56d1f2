"""``dynapdeploy validate``: where accuracy is lost between the float net and the chip."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from dynapdeploy.cli.options import (
    POSITIVE,
    FiniteRange,
    check_parts_options,
    data_option,
    data_options,
    device_option,
    format_option,
    parts_folder_option,
    parts_options,
    source_options,
    verb,
)


@verb(
    "validate",
    epilog="""\b
Examples:
  dynapdeploy validate runs/first --limit 100
  dynapdeploy validate scnn.nir --data nmnist:PATH --limit 60 --step 1
  dynapdeploy validate first.dynap --data digits --format json
  dynapdeploy validate runs/first --scheduler tcp://head:8786 -o runs/ladder""",
)
@source_options
@data_option(required=False)
@data_options("test")
@device_option()
@click.option(
    "--step",
    "step_ms",
    type=FiniteRange(min=0.001),
    default=1.0,
    show_default=True,
    metavar="MS",
    help="Time step of the simulations, in milliseconds.",
)
@click.option("--board", is_flag=True, help="Run the last rung on the board of --device.")
@click.option(
    "--merge-polarity/--separate-polarity",
    default=None,
    help="Both polarities to channel 0, or apart.  [default: what SOURCE says, else apart]",
)
@click.option(
    "--events-per-unit",
    type=POSITIVE,
    help="For still images: events per unit of a pixel's value.",
)
@parts_folder_option("validate.json")
@parts_options()
@format_option()
def command(
    source,
    input_shape,
    weights,
    data,
    split,
    limit,
    seed,
    device,
    step_ms,
    board,
    merge_polarity,
    events_per_unit,
    output,
    workers,
    scheduler,
    resume,
    style,
) -> None:
    """Climb the accuracy ladder with SOURCE: the same samples from the float net to the chip.

    Float, QReLU, SNN of sinabs in time steps, quantized in time steps, emulator, board: accuracy
    and SynOps of each, the samples that flip, and the first layer whose spike counts part. SOURCE
    is a training folder, a .nir file, file.py:factory, or a chip image (its last rungs only).
    """
    from dynapdeploy.cli.output import emit, result_text, stages
    from dynapdeploy.cli.run import announce_compilation, worker_count
    from dynapdeploy.data import Selection
    from dynapdeploy.estimate.gather import data_of, read_any
    from dynapdeploy.estimate.ladder_parts import climb_in_parts
    from dynapdeploy.estimate.ladder_run import climb
    from dynapdeploy.estimate.parts import Workers
    from dynapdeploy.report.ladder import ladder_content, ladder_lines, ladder_table
    from dynapdeploy.scale.paths import absolute_data
    from dynapdeploy.sources import with_coding

    check_parts_options(output, scheduler, resume)
    image, found, compilation = read_any(
        source,
        device,
        input_shape,
        weights,
        lambda read: with_coding(read, merge_polarity, events_per_unit),
    )
    spec = data_of(source, data, image)
    selection = Selection(absolute_data(spec), split, limit, seed)
    dataset = selection.open()
    announce_compilation()
    last = _board_rung(image, device, dataset) if board else "no board was asked for (--board)"
    with stages() as step:
        chosen: dict[str, Any] = {
            "step_us": max(1, round(step_ms * 1000)),
            "board": last,
            "progress": partial(step, "climbing the ladder"),
        }
        count = worker_count(workers)
        if output is None:
            ladder = climb(found, compilation, image, dataset, workers=count, **chosen)
        else:
            ladder = climb_in_parts(
                source,
                image,
                selection,
                Workers(output, resume, count, scheduler),
                device=device,
                input_shape=input_shape,
                weights=weights,
                merge_polarity=merge_polarity,
                events_per_unit=events_per_unit,
                **chosen,
            )
    text = result_text(
        output,
        "validate",
        image.device,
        source=source,
        data=spec,
        split=split,
        seed=seed,
        **ladder_content(ladder),
    )
    if style == "json":
        click.echo(text, nl=False)
        return
    emit(ladder_table(ladder), *ladder_lines(ladder))


def _board_rung(image, device, dataset):
    from dynapdeploy.estimate.board_rung import board_rung
    from dynapdeploy.hardware.opening import open_target
    from dynapdeploy.hardware.recordings import stream_all

    found, reason = open_target(image, device)
    target: Any = found
    if reason:
        return reason

    def run():
        with target:
            target.load(image, monitor=[core.core for core in image.cores])
            return board_rung(image, stream_all(target, image, dataset))

    return run
