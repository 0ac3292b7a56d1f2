"""Options that the verbs which train share."""

from __future__ import annotations

import click

from dynapdeploy.cli.options import COUNT, POSITIVE, Decorator, data_option, strict_option, together


class Devices(click.ParamType):
    """A whole number from 1 on, or ``auto``, which becomes 0."""

    name = "N|auto"

    def convert(self, value, param, ctx) -> int:
        """The number, 0 for ``auto``."""
        return 0 if value == "auto" else COUNT.convert(value, param, ctx)


def net_options(what: str) -> Decorator:
    """``--data``, ``--model`` and ``--output``, the folder for ``what``."""
    return together(
        data_option(),
        click.option(
            "--model", required=True, metavar="M", help="Known model, or file.py:factory."
        ),
        click.option(
            "-o", "--output", required=True, metavar="DIR", help=f"Folder for the {what}."
        ),
    )


def target_options(kind: click.ParamType, synops: str, *metavars: str) -> Decorator:
    """``--target-synops``, ``--target-energy`` and ``--target-ratio``; ``synops`` is the help."""
    names = iter(metavars)
    return together(
        click.option("--target-synops", type=kind, metavar=next(names, None), help=synops),
        click.option(
            "--target-energy",
            "target_energy_j",
            type=kind,
            metavar=next(names, None),
            help="The same in joules per sample, at 1e-11 J per SynOp.",
        ),
        click.option(
            "--target-ratio",
            type=kind,
            metavar=next(names, None),
            help="The same as a share of the untrained net's SynOps.",
        ),
    )


def step_options() -> Decorator:
    """``--epochs``, ``--batch`` and ``--learning-rate``."""
    return together(
        click.option("--epochs", type=COUNT, help="Passes over the data.  [default: the model's]"),
        click.option("--batch", type=COUNT, help="Samples per step.  [default: the model's]"),
        click.option("--learning-rate", type=POSITIVE, help="Of Adam.  [default: the model's]"),
    )


def limit_option() -> Decorator:
    """``--limit N``."""
    return click.option("--limit", type=COUNT, help="Use this many training samples.")


def finetune_option() -> Decorator:
    """``--finetune/--no-finetune``."""
    return click.option(
        "--finetune/--no-finetune",
        default=True,
        show_default=True,
        help="Train on with the emulator's spike counts afterwards.",
    )


def machine_options(*more: Decorator) -> Decorator:
    """``--accelerator``, ``more``, ``--precision``, ``--threads`` and ``--strict``."""
    return together(
        click.option(
            "--accelerator",
            type=click.Choice(["auto", "cpu", "gpu"]),
            default="auto",
            show_default=True,
            help="Where to train.",
        ),
        *more,
        click.option(
            "--precision",
            type=click.Choice(["32-true", "16-mixed", "bf16-mixed"]),
            default="32-true",
            show_default=True,
            help="Floats of the QReLU net while it trains; fine-tuning takes 32 bits.",
        ),
        click.option(
            "--threads", type=COUNT, help="Of torch; recorded in the run.  [default: the model's]"
        ),
        strict_option(),
    )


def several_devices() -> Decorator:
    """``--devices`` and ``--nodes``."""
    return together(
        click.option(
            "--devices",
            type=Devices(),
            metavar="N|auto",
            default=1,
            show_default=True,
            help="GPUs of this machine, each takes its share of a batch; with --accelerator cpu, "
            "processes.",
        ),
        click.option(
            "--nodes",
            type=COUNT,
            default=1,
            show_default=True,
            help="Machines with so many devices each; start the command on each of them.",
        ),
    )
