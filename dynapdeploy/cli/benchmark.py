"""``dynapdeploy benchmark``: networks as spiking ones in time steps, as the literature tests."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import click

from dynapdeploy.cli.options import COUNT, POSITIVE, data_option, data_options, format_option, verb


@verb(
    "benchmark",
    epilog="""\b
Examples:
  dynapdeploy benchmark runs/first --data digits --limit 50
  dynapdeploy benchmark runs/plain --data nmnist:PATH --scale-first 0.1 --scale-first 0.5
  dynapdeploy benchmark runs/a runs/b --data mnistdvs:PATH --npz benchmark.npz""",
)
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True)
@data_option()
@data_options("test")
@click.option(
    "--step-us",
    type=COUNT,
    default=1000,
    show_default=True,
    help="Length of a time step, for recordings.",
)
@click.option(
    "--inject",
    type=COUNT,
    metavar="N",
    help="Still images: put 1/N of the image into each of N steps as current, instead of events.",
)
@click.option(
    "--scale-first",
    "scales",
    type=POSITIVE,
    multiple=True,
    metavar="RHO",
    help="Multiply the first layer's weights; repeatable.  [default: 1]",
)
@click.option("--npz", metavar="FILE", help="Write accuracy and SynOps per layer as NumPy arrays.")
@format_option()
def command(sources, data, split, limit, seed, step_us, inject, scales, npz, style) -> None:
    """Accuracy and SynOps of each SOURCE as a spiking network in time steps, by sinabs.

    This is the test of the SynOp-loss paper, to compare with its figures: all input of a step is
    added up at once, and a neuron may fire several times in it. What the chip does is told by
    `estimate`. A sample without a single class of most output spikes counts as wrong.
    """
    from dynapdeploy.benchmark import benchmark, write_npz
    from dynapdeploy.cli.output import emit, emit_json, progress
    from dynapdeploy.data import draw, open_dataset
    from dynapdeploy.pipeline import require_weights
    from dynapdeploy.report.counting import synops_table
    from dynapdeploy.report.spiking import spiking_content, spiking_table
    from dynapdeploy.sources import read_source

    dataset = draw(open_dataset(data, split), limit, seed)
    scales = scales or (1.0,)
    runs, last = [], None
    with progress("running", len(sources) * len(scales) * len(dataset)) as step:
        done = 0
        for name in sources:
            source = read_source(name)
            require_weights(source)
            for scale in scales:
                last = benchmark(
                    source,
                    dataset,
                    scale_first=scale,
                    step_us=step_us,
                    inject=inject,
                    progress=partial(_advance, step, done),
                )
                done += len(dataset)
                runs.append(spiking_content(last, source=name, scale=scale))
    if npz:
        write_npz(npz, runs)
    if style == "json":
        emit_json("benchmark", None, "done", data=data, split=split, seed=seed, runs=runs)
        return
    emit(spiking_table(runs))
    if len(runs) == 1 and last is not None:
        emit(synops_table(last.rows, "all samples together"))


def _advance(step: Callable[[int], None], before: int, done: int) -> None:
    step(before + done)
