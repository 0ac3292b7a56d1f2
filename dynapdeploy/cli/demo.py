"""``dynapdeploy demo``: the whole pipeline on the embedded data."""

from __future__ import annotations

import click

from dynapdeploy.cli.options import device_option, format_option, verb, workers_option


@verb(
    "demo",
    epilog="\b\nExamples:\n  dynapdeploy demo\n  dynapdeploy demo -o mydemo --device speck2e",
)
@click.option(
    "-o",
    "--output",
    default="dynapdeploy-demo",
    show_default=True,
    metavar="DIR",
    help="Folder for the run and the image.",
)
@device_option()
@click.option("--epochs", type=click.IntRange(1), help="Passes over the data.")
@click.option("--limit", type=click.IntRange(1), help="Emulate this many held-out digits only.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@workers_option()
@format_option()
def command(output, device, epochs, limit, seed, workers, style) -> None:
    """Train on the embedded digits, check, convert, emulate, and estimate the energy.

    Needs no download, no board and no argument.
    """
    from dynapdeploy.cli.output import emit, emit_json, stages
    from dynapdeploy.cli.run import announce_compilation, worker_count
    from dynapdeploy.demo import IMAGE, REPORT, run_demo
    from dynapdeploy.report.compilation import diagnostic_lines, layer_rows
    from dynapdeploy.report.demo import demo_stages
    from dynapdeploy.report.estimation import cost_table, estimate_content, estimate_lines
    from dynapdeploy.report.training import stage_table

    announce_compilation()
    with stages() as step:
        demo = run_demo(
            output,
            device,
            epochs=epochs,
            limit=limit,
            seed=seed,
            workers=worker_count(workers),
            progress=step,
        )
    rows = layer_rows(demo.compilation)
    if style == "json":
        emit_json(
            "demo",
            device,
            "done",
            output=output,
            report=f"{output}/{REPORT}",
            stages=demo_stages(demo)["stages"],
            memory=rows,
            **estimate_content(demo.estimate),
        )
        return
    memory = {row["layer"]: (row["kernel_memory"], row["neuron_memory"]) for row in rows}
    emit(
        *diagnostic_lines(demo.compilation.diagnostics),
        cost_table(demo.estimate, memory),
        *estimate_lines(demo.estimate),
        stage_table(demo_stages(demo)),
        f"The run, its plots and the chip image {IMAGE} are in {output}. Next:",
        f"  dynapdeploy flash {output}/{IMAGE} --device {device}",
        f"  dynapdeploy estimate {output}/{IMAGE} --data digits --jitter 3",
        f"The report: {output}/{REPORT}",
    )
