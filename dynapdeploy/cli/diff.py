"""``dynapdeploy diff``: two runs or images side by side."""

from __future__ import annotations

import click

from dynapdeploy.cli.options import data_options, device_option, format_option, verb, workers_option

CONDITION_HOLDS = 1


@verb(
    "diff",
    epilog="""\b
Examples:
  dynapdeploy diff old.dynap new.dynap
  dynapdeploy diff runs/a runs/b --data digits --fail-if "synops>+5%" --fail-if "accuracy<-0.01"
  dynapdeploy diff old.json new.json --fail-if "energy>+10%" --format json""",
)
@click.argument("a")
@click.argument("b")
@click.option("--data", metavar="KIND:PATH", help="Run both on this data set in the emulator.")
@data_options("test")
@device_option()
@click.option(
    "--fail-if",
    "conditions",
    multiple=True,
    metavar="COND",
    help="Exit with 1 if the change from A to B is so: 'synops>+5%', 'accuracy<-0.01'; repeatable.",
)
@workers_option()
@format_option()
def command(a, b, data, split, limit, seed, device, conditions, workers, style) -> int:
    """Say what changed from A to B: net, placement, accuracy, SynOps, energy.

    A and B are chip images, training folders or other networks, or files that estimate, report or
    demo wrote with --format json. Images and networks have no accuracy without --data.
    """
    from dynapdeploy.cli.output import emit, emit_json
    from dynapdeploy.report.difference import condition, difference_content, difference_tables

    wanted = [condition(text) for text in conditions]
    one, other = (_snapshot(name, data, split, limit, seed, device, workers) for name in (a, b))
    failed = [each for each in wanted if each.holds(one, other)]
    status = "differs" if failed else "done"
    if style == "json":
        emit_json("diff", one.device, status, **difference_content(one, other, failed))
    else:
        emit(*difference_tables(one, other))
        for each in failed:
            emit(f"[red]failed[/] {each.text}")
    return CONDITION_HOLDS if failed else 0


def _snapshot(name, data, split, limit, seed, device, workers):
    from dynapdeploy.cli.run import announce_compilation, worker_count
    from dynapdeploy.data import draw, open_dataset
    from dynapdeploy.estimate import estimate
    from dynapdeploy.estimate.gather import read_any
    from dynapdeploy.report.snapshot import of_image, of_result

    if name.endswith(".json"):
        return of_result(name)
    image, _, _ = read_any(name, device)
    if data is None:
        return of_image(name, image)
    announce_compilation()
    dataset = draw(open_dataset(data, split), limit, seed)
    return of_image(name, image, estimate(image, dataset, workers=worker_count(workers)))
