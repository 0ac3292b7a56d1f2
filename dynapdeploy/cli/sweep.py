"""``dynapdeploy sweep``: a network for each of many SynOp targets."""

from __future__ import annotations

import click

from dynapdeploy.cli.options import COUNT, POSITIVE, FiniteRange, format_option, parts_options, verb
from dynapdeploy.cli.training_options import (
    finetune_option,
    limit_option,
    machine_options,
    net_options,
    step_options,
    target_options,
)

MOST_TARGETS = 10_000


class Targets(click.ParamType):
    """``A,B,C`` or ``FROM:TO:COUNT`` (each the same factor from the one before it)."""

    name = "TARGETS"

    def convert(self, value, param, ctx) -> tuple[float, ...]:
        """The targets as numbers."""
        from dynapdeploy.errors import InputError
        from dynapdeploy.training.sweep_plan import geometric

        if isinstance(value, tuple):
            return value
        try:
            if ":" in value:
                first, last, count = value.split(":")
                if int(count) > MOST_TARGETS:
                    raise ValueError(f"at most {MOST_TARGETS:,} targets")
                return geometric(float(first), float(last), int(count))
            return tuple(float(part) for part in value.split(","))
        except (ValueError, InputError) as fault:
            self.fail(f"{value!r}: A,B,C or FROM:TO:COUNT was expected ({fault})")


class Seeds(click.ParamType):
    """``0,1,2``."""

    name = "SEEDS"

    def convert(self, value, param, ctx) -> tuple[int, ...]:
        """The seeds as numbers."""
        if isinstance(value, tuple):
            return value
        parts = value.split(",")
        if not all(part.strip().isdecimal() for part in parts):
            self.fail(f"{value!r}: whole numbers were expected, as in 0,1,2")
        return tuple(int(part) for part in parts)


@verb(
    "sweep",
    epilog="""\b
Examples:
  dynapdeploy sweep --data digits --model digits --target-ratio 0.8:0.1:6 -o runs/sweep
  dynapdeploy sweep --data nmnist:PATH --model mnist_dvs --chain --nets 30 -o runs/chain
  dynapdeploy sweep --data nmnist:PATH --model mnist_dvs --target-synops 1e5:1e6:10 --seeds 0,1,2 \\
      --scheduler tcp://head:8786 -o runs/many
  dynapdeploy sweep ... -o runs/many --resume""",
)
@net_options("sweep")
@target_options(Targets(), "SynOps per sample: A,B,C or FROM:TO:COUNT.")
@click.option("--chain", is_flag=True, help="Each net starts with the weights of the one before.")
@click.option(
    "--nets",
    type=COUNT,
    help="Length of a chain that starts at one target.  [default: 30]",
)
@click.option(
    "--factor",
    type=FiniteRange(min=0, max=1, min_open=True, max_open=True),
    help="From one target of that chain to the next.  [default: 0.7]",
)
@click.option("--seeds", type=Seeds(), default="0", show_default=True, help="As in 0,1,2.")
@click.option(
    "--scale-up",
    "scale_ups",
    type=POSITIVE,
    multiple=True,
    default=(1.5, 2.0),
    show_default=True,
    help="Test each net also with its first layer's weights times this; repeatable.",
)
@step_options()
@limit_option()
@finetune_option()
@machine_options()
@parts_options("Processes side by side.")
@format_option()
def command(
    data, model, output, target_synops, target_energy_j, target_ratio, chain, nets, factor, seeds,
    scale_ups, workers, scheduler, resume, style, **chosen,
) -> None:  # fmt: skip
    """Train a network for each of many SynOp targets; one table and one curve as result.

    DIR gets a training folder per network, sweep.csv, sweep.json and sweep.png. The same command
    gives the same files whatever the number of workers, killed and resumed or not.
    """
    from dynapdeploy.cli.output import emit, emit_json, stages
    from dynapdeploy.cli.run import worker_count
    from dynapdeploy.report.sweep import sweep_table
    from dynapdeploy.scale.paths import absolute_data, absolute_model
    from dynapdeploy.training.settings import TrainingSettings
    from dynapdeploy.training.sweep import sweep
    from dynapdeploy.training.sweep_plan import SweepPlan

    if scheduler and workers:
        raise click.UsageError("--workers is for this machine, --scheduler takes its place")
    unit, targets = _targets(target_synops, target_energy_j, target_ratio, chain, nets, factor)
    plan = SweepPlan(
        settings=TrainingSettings(data=absolute_data(data), model=absolute_model(model), **chosen),
        targets=targets,
        unit=unit,
        seeds=seeds,
        chain=chain,
        scale_ups=tuple(scale_ups),
    )
    with stages() as step:
        found = sweep(
            plan,
            output,
            resume=resume,
            workers=worker_count(workers),
            scheduler=scheduler,
            progress=step,
        )
    if style == "json":
        emit_json("sweep", None, "done", output=output, rows=list(found.rows))
        return
    emit(sweep_table(found.rows))
    click.echo(f"the sweep is in {output}")


def _targets(synops, energy, ratio, chain, nets, factor) -> tuple[str, tuple[float, ...]]:
    from dynapdeploy.training.sweep_plan import falling, geometric

    given = {"synops": synops, "energy_j": energy, "ratio": ratio}
    chosen = {unit: values for unit, values in given.items() if values is not None}
    if len(chosen) > 1:
        raise click.UsageError("one of --target-synops, --target-energy, --target-ratio at most")
    if not chain and (nets is not None or factor is not None):
        raise click.UsageError("--nets and --factor belong to --chain")
    if not chosen:
        chosen = {"ratio": (1.0,) if chain else geometric(0.8, 0.1, 6)}
    unit, values = next(iter(chosen.items()))
    if chain and len(values) == 1:
        return unit, falling(values[0], factor or 0.7, nets or 30)
    if chain and (nets is not None or factor is not None):
        raise click.UsageError("--nets and --factor go with a single first target")
    return unit, values
