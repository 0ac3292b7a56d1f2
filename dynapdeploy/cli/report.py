"""``dynapdeploy report``: one HTML file about a run or an image."""

from __future__ import annotations

import click

from dynapdeploy.cli.options import (
    battery_option,
    budget_option,
    data_option,
    data_options,
    device_option,
    format_option,
    verb,
    workers_option,
)


@verb(
    "report",
    epilog="""\b
Examples:
  dynapdeploy report runs/first -o first.html
  dynapdeploy report first.dynap --data nmnist:PATH --limit 100 -o first.html --csv tables
  dynapdeploy report scnn.nir --data nmnist:PATH --png charts -o scnn.html""",
)
@click.argument("source")
@click.option("-o", "--output", required=True, metavar="FILE", help="The HTML file to write.")
@data_option(required=False)
@data_options("test")
@device_option()
@click.option("--sweep", metavar="DIR", help="Show the runs of this sweep beside it.")
@click.option(
    "--ladder/--no-ladder",
    default=True,
    show_default=True,
    help="Climb the accuracy ladder on at most 100 samples.",
)
@budget_option()
@battery_option()
@click.option("--png", metavar="DIR", help="Write the charts as PNG files too; needs no browser.")
@click.option("--csv", "tables", metavar="DIR", help="Write the tables as CSV files too.")
@workers_option()
@format_option()
def command(
    source,
    output,
    data,
    split,
    limit,
    seed,
    device,
    sweep,
    ladder,
    budget,
    battery_wh,
    png,
    tables,
    workers,
    style,
) -> None:
    """Write one self-contained HTML file about SOURCE: a training folder, a net, or an image.

    It needs no network and no server: verdict, floor plan, layers, accuracy ladder, energy, load,
    latency, confusion matrix, samples, and what is needed to run it again.
    """
    from dynapdeploy.cli.output import emit_json, stages
    from dynapdeploy.cli.run import announce_compilation, worker_count
    from dynapdeploy.estimate.gather import gather
    from dynapdeploy.files import not_the_input
    from dynapdeploy.report.csv_files import write_tables
    from dynapdeploy.report.estimation import estimate_content
    from dynapdeploy.report.ladder import ladder_content
    from dynapdeploy.report.page import write_report

    not_the_input(output, source)
    announce_compilation()
    with stages() as step:
        study = gather(
            source,
            data,
            split,
            limit,
            seed,
            device=device,
            sweep=sweep,
            with_ladder=ladder,
            budget=budget,
            battery_wh=battery_wh,
            workers=worker_count(workers),
            progress=step,
        )
        step("writing", 0, 1, "")
        write_report(study, output)
        written = [output]
        if tables:
            written += write_tables(study, tables)
        if png:
            from dynapdeploy.report.png_files import write_charts

            written += write_charts(study, png)
        step("writing", 1, 1, "")
    if style == "json":
        emit_json(
            "report",
            study.image.device,
            "done",
            source=source,
            data=study.data,
            split=split,
            seed=seed,
            report=output,
            files=[str(path) for path in written],
            ladder=None if study.ladder is None else ladder_content(study.ladder),
            **estimate_content(study.estimate),
        )
        return
    for path in written:
        click.echo(path)
