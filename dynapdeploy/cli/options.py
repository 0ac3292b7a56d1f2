"""Options that several verbs share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from dynapdeploy.events import Shape

LARGEST_NUMBER = 1e15
DEFAULT_DEVICE = "speck2fdevkit"
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class ShapeParameter(click.ParamType):
    """``C,H,W``: three whole numbers of at least 1."""

    name = "C,H,W"

    def convert(self, value, param, ctx) -> Shape:
        """The shape as a tuple."""
        if isinstance(value, tuple):
            return value
        parts = value.replace("x", ",").split(",")
        if len(parts) != 3 or not all(part.strip().isdecimal() and int(part) for part in parts):
            self.fail(f"{value!r}: channels, height and width were expected, as in 2,34,34")
        channels, height, width = (int(part) for part in parts)
        return channels, height, width


class FiniteRange(click.FloatRange):
    """A range of numbers without NaN and infinity."""

    def convert(self, value, param, ctx) -> float:
        """The number."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number) or abs(number) > LARGEST_NUMBER:
            self.fail(f"{value!r} is not a finite number of a size that makes sense")
        return number


POSITIVE = FiniteRange(min=0, min_open=True)
"""A number above 0."""
COUNT = click.IntRange(1)
"""A whole number from 1 on."""


class PinParameter(click.ParamType):
    """``LAYER=CORE``."""

    name = "LAYER=CORE"

    def convert(self, value, param, ctx) -> tuple[str, int]:
        """The layer name and the physical core id."""
        if isinstance(value, tuple):
            return value
        layer, equals, core = value.rpartition("=")
        if not equals or not layer or not core.isdecimal():
            self.fail(f"{value!r}: a layer and a core were expected, as in conv2=3")
        return layer, int(core)


def pinned_cores(pins: Sequence[tuple[str, int]]) -> dict[str, int]:
    """Core by layer. Raises ``click.UsageError`` for a layer named twice."""
    layers = [layer for layer, _ in pins]
    for layer in layers:
        if layers.count(layer) > 1:
            raise click.UsageError(f"--core names the layer {layer} twice")
    return dict(pins)


def only_with(given: str | None, option: str, *names: str) -> None:
    """Raise ``click.UsageError`` where the user wrote one of ``names``, which say how to do
    ``option``, without that option.

    Args:
        given: value of ``option``, None if it was not written.
        option: as written, with its dashes.
        names: parameters of the command.
    """
    context = click.get_current_context()
    for parameter in context.command.params:
        written = parameter.name in names and (
            context.get_parameter_source(parameter.name) is click.core.ParameterSource.COMMANDLINE
        )
        if given is None and written:
            raise click.UsageError(f"{parameter.opts[0]} goes with {option}, which was not given")


def verb(name: str, epilog: str = "") -> Decorator:
    """A click command with the options that every verb has."""

    def decorate(function: Callable[..., Any]) -> Any:
        function = click.option(
            "--debug", is_flag=True, expose_value=False, help="Show the traceback of an error."
        )(function)
        return click.command(name, epilog=epilog)(function)

    return decorate


def together(*options: Decorator) -> Decorator:
    """Several options as one decorator; ``--help`` shows them in this order."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def given_options(context: click.Context) -> set[str]:
    """The options that stand on the command line, by their first long name."""
    return {
        next(name for name in parameter.opts if name.startswith("--"))
        for parameter in context.command.params
        if isinstance(parameter, click.Option)
        and context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
    }


def format_option() -> Decorator:
    """``--format table|json``."""
    return click.option(
        "--format",
        "style",
        type=click.Choice(["table", "json"]),
        default="table",
        show_default=True,
        help="Output for people, or one JSON object.",
    )


def device_option(required: bool = False) -> Decorator:
    """``--device NAME``."""
    return click.option(
        "--device",
        metavar="NAME",
        default=None if required else DEFAULT_DEVICE,
        required=required,
        show_default=not required,
        help="Hardware profile (see `dynapdeploy profiles`) or a .toml file.",
    )


def source_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """SOURCE, ``--input-shape`` and ``--weights``."""
    return together(
        click.argument("source"),
        click.option(
            "--input-shape",
            type=ShapeParameter(),
            help="Channels, height, width of the input, where SOURCE does not say it.",
        ),
        click.option(
            "--weights",
            metavar="FILE",
            help="Weights for a factory or a model: safetensors, or a torch state dict.",
        ),
    )(function)


def compiler_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--allow-bias``, ``--prefer`` and ``--core``."""
    return together(
        click.option(
            "--allow-bias", is_flag=True, help="Accept biases as a leak at every slow-clock tick."
        ),
        click.option(
            "--prefer",
            type=click.Choice(["reproducible", "throughput"]),
            default="reproducible",
            show_default=True,
            help="Use the cores with a fixed event order first, or the parallel ones for the "
            "input.",
        ),
        click.option(
            "--core",
            "pins",
            type=PinParameter(),
            multiple=True,
            help="Put a layer on a core of your choice; repeatable.",
        ),
    )(function)


def data_option(required: bool = True) -> Decorator:
    """``--data KIND:PATH``; where it is not required, SOURCE says what it was made with."""
    return click.option(
        "--data",
        required=required,
        metavar="KIND:PATH",
        help="Data set, as digits or nmnist:PATH."
        if required
        else "Data set.  [default: what SOURCE was made with]",
    )


def data_options(split: str) -> Decorator:
    """``--split``, ``--limit`` and ``--seed``."""
    return together(
        click.option(
            "--split",
            type=click.Choice(["train", "test"]),
            default=split,
            show_default=True,
            help="Part of the data set.",
        ),
        click.option("--limit", type=COUNT, help="Use this many samples, drawn with --seed."),
        click.option(
            "--seed", type=click.IntRange(0), default=0, show_default=True, help="For --limit."
        ),
    )


def strict_option() -> Decorator:
    """``--strict``."""
    return click.option(
        "--strict", is_flag=True, help="Refuse damaged recordings instead of skipping them."
    )


def budget_option() -> Decorator:
    """``--budget N``."""
    return click.option(
        "--budget",
        type=POSITIVE,
        metavar="N",
        help="SynOps per second that a core may take; no public source gives a limit.",
    )


def battery_option() -> Decorator:
    """``--battery WH``."""
    return click.option(
        "--battery",
        "battery_wh",
        type=POSITIVE,
        metavar="WH",
        help="Say how long a battery of this capacity lasts.",
    )


def workers_option(text: str = "Threads side by side.") -> Decorator:
    """``--workers N``."""
    return click.option("--workers", type=COUNT, help=f"{text}  [default: one per processor core]")


def parts_options(text: str = "Threads side by side; with -o processes.") -> Decorator:
    """``--workers N``, ``--scheduler ADDRESS``, ``--resume``: work in many parts."""
    return together(
        workers_option(text),
        click.option(
            "--scheduler", metavar="ADDRESS", help="A Dask scheduler in place of this machine."
        ),
        click.option(
            "--resume", is_flag=True, help="Go on with what is in the folder, if anything."
        ),
    )


def parts_folder_option(result: str) -> Decorator:
    """``-o DIR``, for a verb that leaves ``result`` there."""
    return click.option(
        "-o",
        "--output",
        metavar="DIR",
        help=f"Folder that keeps the finished parts, and in the end {result}: what --format json "
        "prints.",
    )


def check_parts_options(output: str | None, scheduler: str | None, resume: bool) -> None:
    """Raise ``click.UsageError`` where ``--scheduler`` or ``--resume`` comes without ``-o``."""
    for name, given in (("--scheduler", scheduler), ("--resume", resume)):
        if given and output is None:
            raise click.UsageError(f"{name} needs -o DIR, which keeps the finished parts")
