"""``dynapdeploy train``: a QReLU network for few SynOps."""

from __future__ import annotations

import click

from dynapdeploy.cli.options import FiniteRange, format_option, verb


@verb(
    "train",
    epilog="""\b
Examples:
  dynapdeploy train --data digits --model digits -o runs/digits
  dynapdeploy train --data nmnist:PATH --model mnist_dvs -o runs/first
  dynapdeploy train --data nmnist:PATH --model mnist_dvs --target-synops 500000 -o runs/frugal
  dynapdeploy train --data nmnist:PATH --model mnist_dvs -o runs/first --resume""",
)
@click.option(
    "--data", required=True, metavar="KIND:PATH", help="Data set, as digits or nmnist:PATH."
)
@click.option("--model", required=True, metavar="M", help="Known model, or file.py:factory.")
@click.option("-o", "--output", required=True, metavar="DIR", help="Folder for the run.")
@click.option(
    "--target-synops",
    type=FiniteRange(min=0, min_open=True),
    metavar="N",
    help="SynOps per sample to train towards.",
)
@click.option(
    "--target-energy",
    type=FiniteRange(min=0, min_open=True),
    metavar="J",
    help="The same in joules per sample, at 1e-11 J per SynOp.",
)
@click.option(
    "--target-ratio",
    type=FiniteRange(min=0, min_open=True),
    metavar="R",
    help="The same as a share of the untrained net's SynOps.",
)
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
@click.option(
    "--epochs", type=click.IntRange(1), help="Passes over the data.  [default: the model's]"
)
@click.option("--batch", type=click.IntRange(1), help="Samples per step.  [default: the model's]")
@click.option(
    "--learning-rate",
    type=FiniteRange(min=0, min_open=True),
    help="Of Adam.  [default: the model's]",
)
@click.option(
    "--shift", type=click.IntRange(0), help="Move batches about by up to this many pixels."
)
@click.option(
    "--dropout",
    type=FiniteRange(0, 1, max_open=True),
    help="Share of every dropout layer.  [default: the model's]",
)
@click.option("--limit", type=click.IntRange(1), help="Use this many training samples.")
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Of weights, data order and dropout.",
)
@click.option(
    "--finetune/--no-finetune",
    default=True,
    show_default=True,
    help="Train on with the emulator's spike counts afterwards.",
)
@click.option(
    "--finetune-epochs",
    type=click.IntRange(0),
    default=30,
    show_default=True,
    help="Passes of fine-tuning.",
)
@click.option(
    "--finetune-samples",
    type=click.IntRange(1),
    default=1000,
    show_default=True,
    help="Samples per pass at most.",
)
@click.option(
    "--accelerator",
    type=click.Choice(["auto", "cpu", "gpu"]),
    default="auto",
    show_default=True,
    help="Where to train.",
)
@click.option(
    "--threads",
    type=click.IntRange(1),
    help="Of torch; recorded in the run.  [default: the model's]",
)
@click.option("--strict", is_flag=True, help="Refuse damaged recordings instead of skipping them.")
@click.option("--resume", is_flag=True, help="Go on from the folder's last checkpoint, if any.")
@format_option()
def command(
    output, mode, resume, style, target_energy, **chosen
) -> None:  # fmt: skip
    """Train a network with quantized ReLUs and SynOp loss, and tell its accuracy stage by stage.

    DIR gets model.safetensors, run.json, metrics.csv and plots. The same command gives the same
    files on one machine, killed and resumed or not.
    """
    from dynapdeploy.cli.output import emit, emit_json, stages
    from dynapdeploy.report.training import stage_content, stage_table
    from dynapdeploy.training.baselines import settings_for
    from dynapdeploy.training.settings import TrainingSettings
    from dynapdeploy.training.trainer import train

    settings = TrainingSettings(target_energy_j=target_energy, **chosen)
    if mode is not None:
        settings = settings_for(mode, settings)
    with stages() as step:
        run = train(settings, output, resume=resume, progress=step)
    if style == "json":
        emit_json("train", None, "done", output=output, **stage_content(run.metrics))
        return
    emit(stage_table(run.metrics), f"the run is in {output}")
