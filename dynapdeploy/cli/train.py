"""``dynapdeploy train``: a QReLU network for few SynOps."""

from __future__ import annotations

import click

from dynapdeploy.cli.options import COUNT, POSITIVE, FiniteRange, format_option, given_options, verb
from dynapdeploy.cli.training_options import (
    finetune_option,
    limit_option,
    machine_options,
    net_options,
    several_devices,
    step_options,
    target_options,
)

MOST_NAMES = 10
"""Damaged recordings that are named on the screen; ``run.json`` names all."""


@verb(
    "train",
    epilog="""\b
Examples:
  dynapdeploy train --data digits --model digits -o runs/digits
  dynapdeploy train --data nmnist:PATH --model mnist_dvs -o runs/first
  dynapdeploy train --data nmnist:PATH --model mnist_dvs --target-synops 500000 -o runs/frugal
  dynapdeploy train --data nmnist:PATH --model mnist_dvs -o runs/first --resume""",
)
@net_options("run")
@target_options(POSITIVE, "SynOps per sample to train towards.", "N", "J", "R")
@click.option(
    "--mode",
    type=click.Choice(["nopenalty", "weightscaling", "weightscale", "nonquantized", "quantized"]),
    help="One of SynOpLoss' modes: without SynOp loss (to scale with `benchmark --scale-first`), "
    "with it, with it and rounding.",
)
@click.option(
    "--penalty",
    type=FiniteRange(min=0),
    default=3.0,
    show_default=True,
    help="Factor of the SynOp loss; 0 for none.",
)
@click.option(
    "--fanout",
    type=click.Choice(["exact", "nominal"]),
    default="exact",
    show_default=True,
    help="How the SynOp loss counts: connections that exist, or kernel times features.",
)
@click.option(
    "--quantize-weights",
    is_flag=True,
    help="Train with the 8-bit weights and whole thresholds that the chip gets.",
)
@step_options()
@click.option(
    "--shift",
    type=click.IntRange(0),
    help="Move samples about by up to this many pixels.  [default: the model's]",
)
@click.option(
    "--turn",
    type=FiniteRange(0, 180),
    help="Turn samples by up to this many degrees.  [default: the model's]",
)
@click.option(
    "--zoom",
    type=FiniteRange(0, 0.9),
    help="Make samples larger or smaller by up to this share.  [default: the model's]",
)
@click.option(
    "--bend",
    type=FiniteRange(0, 100),
    help="Bend samples, smoothly, by about this many pixels.  [default: the model's]",
)
@click.option(
    "--dropout",
    type=FiniteRange(0, 1, max_open=True),
    help="Share of every dropout layer.  [default: the model's]",
)
@limit_option()
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Of weights, data order and dropout.",
)
@finetune_option()
@click.option(
    "--finetune-epochs",
    type=click.IntRange(0),
    default=60,
    show_default=True,
    help="Passes of fine-tuning.",
)
@click.option(
    "--finetune-samples",
    type=COUNT,
    default=1000,
    show_default=True,
    help="Samples per pass at most.",
)
@machine_options(several_devices())
@click.option("--resume", is_flag=True, help="Go on from the folder's last checkpoint, if any.")
@format_option()
@click.pass_context
def command(context, output, mode, resume, style, devices, **chosen) -> None:
    """Train a network with quantized ReLUs and SynOp loss, and tell its accuracy stage by stage.

    DIR gets model.safetensors, run.json, metrics.csv and plots. The same command gives the same
    files on one machine, killed and resumed or not.
    """
    from dynapdeploy.cli.output import emit, emit_json, note, stages
    from dynapdeploy.report.training import stage_content, stage_table
    from dynapdeploy.training.baselines import settings_for
    from dynapdeploy.training.settings import TrainingSettings
    from dynapdeploy.training.trainer import train

    _check_together(context, mode)
    if not devices:
        from dynapdeploy.training.machine import device_count

        devices = device_count(chosen["accelerator"])
    settings = TrainingSettings(devices=devices, **chosen)
    if mode is not None:
        settings = settings_for(mode, settings)
    with stages() as step:
        run = train(settings, output, resume=resume, progress=step)
    for split, key in (("training", "skipped_recordings"), ("test", "skipped_test_recordings")):
        if skipped := run.metrics[key]:
            more = ", ..." if len(skipped) > MOST_NAMES else ""
            names = ", ".join(skipped[:MOST_NAMES]) + more
            note(f"{len(skipped)} damaged {split} recordings were left out: {names}")
    if style == "json":
        emit_json("train", None, "done", output=output, **stage_content(run.metrics))
        return
    emit(stage_table(run.metrics))
    click.echo(f"the run is in {output}")


def _check_together(context: click.Context, mode: str | None) -> None:
    """Refuse options that the others leave without effect."""
    given = given_options(context)
    if not context.params["finetune"]:
        for name in sorted(given & {"--finetune-epochs", "--finetune-samples"}):
            raise click.UsageError(f"{name} goes with fine-tuning, --no-finetune leaves it out")
    if mode in ("nopenalty", "weightscaling", "weightscale"):
        targets = {"--target-synops", "--target-energy", "--target-ratio"}
        for name in sorted(given & {"--penalty", *targets}):
            raise click.UsageError(f"--mode {mode} trains without SynOp loss, {name} is of no use")
