"""``dynapdeploy shrink``: a network in sizes that fit a chip, as a file to train."""

from __future__ import annotations

import click

from dynapdeploy.cli.options import (
    compiler_options,
    device_option,
    pinned_cores,
    source_options,
    verb,
)

DOES_NOT_FIT = 1


@verb(
    "shrink",
    epilog="""\b
Examples:
  dynapdeploy shrink all_convnet --device speck2fdevkit -o small.py
  dynapdeploy train --data cifar10:PATH --model small.py:build -o runs/small""",
)
@source_options
@device_option()
@compiler_options
@click.option("-o", "--output", required=True, metavar="FILE.py", help="The file to write.")
def command(source, input_shape, weights, device, allow_bias, prefer, pins, output) -> int:
    """Make the changes of `check --suggest` to SOURCE, an nn.Sequential, and write it as FILE.py.

    The file has a function `build` for `train --model FILE.py:build`; weights are not kept, the net
    has to be trained again. Exit code 1 if no changes of size make SOURCE fit; nothing is written.
    """
    from dynapdeploy.chip.profile import load_profile
    from dynapdeploy.chip.suggest import suggest
    from dynapdeploy.cli.output import emit, note
    from dynapdeploy.errors import SourceError
    from dynapdeploy.files import not_the_input, write_text
    from dynapdeploy.report.suggestion import suggestion_lines
    from dynapdeploy.sources import read_source
    from dynapdeploy.training.shrunk import shrunk, written

    if not output.endswith(".py"):
        raise click.UsageError(f"--output {output}: a name that ends in .py was expected")
    found = read_source(source, input_shape, weights)
    if found.module is None:
        raise SourceError(f"{source}: only models and factories can be shrunk, it has no modules")
    not_the_input(output, source)
    suggestion = suggest(
        found.graph, load_profile(device), allow_bias=allow_bias, pinned=pinned_cores(pins)
    )
    emit(*suggestion_lines(suggestion))
    if suggestion is None:
        note(f"{source} does not fit {device}: nothing was written")
        return DOES_NOT_FIT
    pieces = shrunk(found.module, suggestion.network, batchnorm=allow_bias)
    if not allow_bias and any(type(m).__name__ == "BatchNorm2d" for m in found.module.modules()):
        note("BatchNorm was left out: trained, it becomes biases (--allow-bias keeps it)")
    about = f"{source}, made to fit {device} by `dynapdeploy shrink`."
    write_text(output, written(pieces, about, suggestion.network.input_shape, found.coding))
    note(f"wrote {output}; train it with --model {output}:build")
    return 0
