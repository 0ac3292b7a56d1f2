"""Options that several verbs share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

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


def verb(name: str, epilog: str = "") -> Decorator:
    """A click command with the options that every verb has."""

    def decorate(function: Callable[..., Any]) -> Any:
        function = click.option(
            "--debug", is_flag=True, expose_value=False, help="Show the traceback of an error."
        )(function)
        return click.command(name, epilog=epilog)(function)

    return decorate


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
    function = click.option(
        "--weights",
        metavar="FILE",
        help="Weights for a factory or a model: safetensors, or a torch state dict.",
    )(function)
    function = click.option(
        "--input-shape",
        type=ShapeParameter(),
        help="Channels, height, width of the input, where SOURCE does not say it.",
    )(function)
    return click.argument("source")(function)


def compiler_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--allow-bias``, ``--prefer`` and ``--core``."""
    function = click.option(
        "--core",
        "pins",
        type=PinParameter(),
        multiple=True,
        help="Put a layer on a core of your choice; repeatable.",
    )(function)
    function = click.option(
        "--prefer",
        type=click.Choice(["reproducible", "throughput"]),
        default="reproducible",
        show_default=True,
        help="Use the cores with a fixed event order first, or the parallel ones for the input.",
    )(function)
    return click.option(
        "--allow-bias", is_flag=True, help="Accept biases as a leak at every slow-clock tick."
    )(function)


def data_options(split: str) -> Decorator:
    """``--data``, ``--split``, ``--limit`` and ``--seed``."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        function = click.option(
            "--seed", type=click.IntRange(0), default=0, show_default=True, help="For --limit."
        )(function)
        function = click.option(
            "--limit", type=click.IntRange(1), help="Use this many samples, drawn with --seed."
        )(function)
        return click.option(
            "--split",
            type=click.Choice(["train", "test"]),
            default=split,
            show_default=True,
            help="Part of the data set.",
        )(function)

    return decorate


def workers_option(text: str = "Threads side by side.") -> Decorator:
    """``--workers N``."""
    return click.option(
        "--workers",
        type=click.IntRange(1),
        default=None,
        help=f"{text}  [default: one per processor core]",
    )


def parts_options(required: bool = False) -> Decorator:
    """``-o DIR``, ``--workers N``, ``--scheduler ADDRESS``, ``--resume``: work in many parts."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        function = click.option(
            "--resume", is_flag=True, help="Go on with what is in the folder, if anything."
        )(function)
        function = click.option(
            "--scheduler", metavar="ADDRESS", help="A Dask scheduler in place of this machine."
        )(function)
        text = "Processes side by side." if required else "Threads side by side; with -o processes."
        function = workers_option(text)(function)
        kept = "Folder for the results." if required else "Folder that keeps the finished parts."
        return click.option("-o", "--output", required=required, metavar="DIR", help=kept)(function)

    return decorate


def check_parts_options(output: str | None, scheduler: str | None, resume: bool) -> None:
    """Raise ``click.UsageError`` where ``--scheduler`` or ``--resume`` comes without ``-o``."""
    for name, given in (("--scheduler", scheduler), ("--resume", resume)):
        if given and output is None:
            raise click.UsageError(f"{name} needs -o DIR, which keeps the finished parts")
