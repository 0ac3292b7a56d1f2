"""``dynapdeploy validate``: where accuracy is lost between the float net and the chip."""

from __future__ import annotations

from typing import Any

import click

from dynapdeploy.cli.options import (
    POSITIVE,
    FiniteRange,
    data_option,
    data_options,
    device_option,
    format_option,
    source_options,
    verb,
    workers_option,
)


@verb(
    "validate",
    epilog="""\b
Examples:
  dynapdeploy validate runs/first --limit 100
  dynapdeploy validate scnn.nir --data nmnist:PATH --limit 60 --step 1
  dynapdeploy validate first.dynap --data digits --format json""",
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
@workers_option()
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
    workers,
    style,
) -> None:
    """Climb the accuracy ladder with SOURCE: the same samples from the float net to the chip.

    Float, QReLU, SNN of sinabs in time steps, quantized in time steps, emulator, board: accuracy
    and SynOps of each, the samples that flip, and the first layer whose spike counts part. SOURCE
    is a training folder, a .nir file, file.py:factory, or a chip image (its last rungs only).
    """
    from dynapdeploy.cli.output import emit, emit_json, stages
    from dynapdeploy.cli.run import announce_compilation, worker_count
    from dynapdeploy.data import draw, open_dataset
    from dynapdeploy.estimate.gather import data_of, read_any
    from dynapdeploy.estimate.ladder_run import climb
    from dynapdeploy.report.ladder import ladder_content, ladder_lines, ladder_table
    from dynapdeploy.sources import with_coding

    image, found, compilation = read_any(
        source,
        device,
        input_shape,
        weights,
        lambda read: with_coding(read, merge_polarity, events_per_unit),
    )
    dataset = draw(open_dataset(data_of(source, data, image), split), limit, seed)
    announce_compilation()
    last = _board_rung(image, device, dataset) if board else "no board was asked for (--board)"
    with stages() as step:
        ladder = climb(
            found,
            compilation,
            image,
            dataset,
            step_us=max(1, round(step_ms * 1000)),
            workers=worker_count(workers),
            board=last,
            progress=lambda done, total, text: step("climbing the ladder", done, total, text),
        )
    if style == "json":
        emit_json(
            "validate",
            image.device,
            "done",
            source=source,
            data=dataset.spec,
            split=split,
            seed=seed,
            **ladder_content(ladder),
        )
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
