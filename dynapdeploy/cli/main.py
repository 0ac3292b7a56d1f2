"""The command ``dynapdeploy``: finds the verb, and turns every refusal into one message."""

from __future__ import annotations

import importlib
import os
import sys
import traceback

import click

from dynapdeploy import __version__
from dynapdeploy.errors import DeployError
from dynapdeploy.garbage import collect_seldom

VERBS = (
    "demo",
    "train",
    "sweep",
    "check",
    "shrink",
    "convert",
    "flash",
    "estimate",
    "validate",
    "report",
    "diff",
    "count",
    "benchmark",
    "export",
    "power",
    "devices",
    "profiles",
    "rules",
)
INTERRUPTED = 130


class Verbs(click.Group):
    """Loads the module of a verb when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the verbs, in the order of the work."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The verb ``name``, None if there is none."""
        if name not in VERBS:
            return None
        return importlib.import_module(f"dynapdeploy.cli.{name}").command

    def resolve_command(self, ctx, args):
        """As click does, with the nearest verb in the message for an unknown one."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as fault:
            import difflib

            near = difflib.get_close_matches(args[0], VERBS, n=1)
            if near and "did you mean" not in fault.message.lower():
                raise click.UsageError(f"{fault.message} Did you mean {near[0]}?", ctx) from None
            raise


@click.command(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Three commands to start with:
  dynapdeploy demo
  dynapdeploy check all_convnet --device speck2fdevkit
  dynapdeploy train --data nmnist:PATH --model mnist_dvs -o runs/first

\b
Exit codes: 0 done; 1 it does not fit, does not match or a check failed;
2 wrong usage or unreadable input; 3 a board, samna or an extra package is missing.""",
)
@click.version_option(__version__, prog_name="dynapdeploy")
def main() -> None:
    """Deploy spiking CNNs on DYNAP-CNN and Speck chips: train for few SynOps, check, quantize,
    place, emulate bit for bit, flash, and estimate the energy without a board."""


def run() -> None:
    """Entry point. Returns the exit codes of the contract; shows no traceback without --debug."""
    debug = "--debug" in sys.argv or bool(os.environ.get("DYNAPDEPLOY_DEBUG"))
    collect_seldom()
    try:
        code = main.main(standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as fault:
        fault.show()
        sys.exit(fault.exit_code)
    except DeployError as fault:
        _fail(debug, str(fault), fault.exit_code)
    except (KeyboardInterrupt, click.Abort):
        _fail(False, "interrupted", INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except MemoryError:
        _fail(debug, "out of memory", 1)
    except OSError as fault:
        _fail(debug, f"{fault.filename or 'input or output'}: {fault.strerror or fault}", 2)
    except Exception as fault:
        _fail(
            debug,
            f"internal error, {type(fault).__name__}: {fault} (--debug shows where; please report)",
            1,
        )


def _fail(debug: bool, message: str, code: int) -> None:
    if debug:
        traceback.print_exc()
    click.echo(f"{click.style('error:', fg='red')} {message}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    run()
