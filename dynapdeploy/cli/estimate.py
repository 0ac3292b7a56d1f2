"""``dynapdeploy estimate``: accuracy, SynOps and energy of an image, without hardware."""

from __future__ import annotations

import click

from dynapdeploy.cli.options import (
    FiniteRange,
    battery_option,
    budget_option,
    check_parts_options,
    data_option,
    data_options,
    format_option,
    parts_folder_option,
    parts_options,
    strict_option,
    verb,
)


@verb(
    "estimate",
    epilog="""\b
Examples:
  dynapdeploy estimate scnn.dynap --data nmnist:PATH --split test
  dynapdeploy estimate first.dynap --data digits --limit 100 --jitter 5 --format json
  dynapdeploy estimate scnn.dynap --data nmnist:PATH --scheduler tcp://head:8786 -o runs/cost
  dynapdeploy estimate ... -o runs/cost --resume""",
)
@click.argument("image")
@data_option()
@data_options("test")
@click.option(
    "--jitter",
    "jitters",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Repeat with N perturbed event orders.",
)
@click.option(
    "--jitter-window",
    type=click.IntRange(0),
    default=100,
    show_default=True,
    metavar="US",
    help="How far apart events may change places, in microseconds.",
)
@budget_option()
@click.option(
    "--window",
    "window_ms",
    type=FiniteRange(min=0.001),
    default=10.0,
    show_default=True,
    metavar="MS",
    help="Window that the peak load is looked for in, in milliseconds.",
)
@battery_option()
@strict_option()
@parts_folder_option("estimate.json")
@parts_options()
@format_option()
def command(
    image,
    data,
    split,
    limit,
    seed,
    jitters,
    jitter_window,
    budget,
    window_ms,
    battery_wh,
    strict,
    output,
    workers,
    scheduler,
    resume,
    style,
) -> None:
    """Run a data set through IMAGE in the emulator: accuracy, SynOps, energy, load, latency.

    A sample without a single class of most output spikes counts as wrong.
    """
    from dynapdeploy.chip.image_file import load_image
    from dynapdeploy.cli.output import emit, note, progress, result_text
    from dynapdeploy.cli.run import announce_compilation, jitter_seeds, worker_count
    from dynapdeploy.data import Selection
    from dynapdeploy.estimate import check_match, estimate
    from dynapdeploy.estimate.estimate_parts import estimate_in_parts
    from dynapdeploy.estimate.parts import Workers
    from dynapdeploy.report.estimation import cost_table, estimate_content, estimate_lines
    from dynapdeploy.report.timing import load_table
    from dynapdeploy.scale.paths import absolute_data

    check_parts_options(output, scheduler, resume)
    loaded = load_image(image)
    selection = Selection(absolute_data(data), split, limit, seed, strict)
    dataset = selection.open()
    check_match(loaded, dataset)
    announce_compilation()
    with progress("emulating", len(dataset) * (1 + jitters)) as step:
        chosen = {
            "jitters": jitter_seeds(jitters, jitter_window),
            "window_us": max(1, round(window_ms * 1000)),
            "budget": budget,
            "battery_wh": battery_wh,
            "progress": step,
        }
        count = worker_count(workers)
        if output is None:
            result = estimate(loaded, dataset, workers=count, keep=False, **chosen)
        else:
            where = Workers(output, resume, count, scheduler)
            result = estimate_in_parts(loaded, selection, where, **chosen)
    found = result_text(
        output,
        "estimate",
        loaded.device,
        image=image,
        data=data,
        split=split,
        seed=seed,
        **estimate_content(result),
    )
    if style == "json":
        click.echo(found, nl=False)
        return
    if result.skipped:
        note(f"{len(result.skipped)} damaged recordings were left out")
    emit(cost_table(result), load_table(result.load), *estimate_lines(result))
