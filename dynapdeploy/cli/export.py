"""``dynapdeploy export``: the network for other tools."""

from __future__ import annotations

import click

from dynapdeploy.cli.options import source_options, verb


@verb(
    "export",
    epilog="""\b
Examples:
  dynapdeploy export runs/first --to sinabs -o first.py
  dynapdeploy export runs/first --to nir -o first.nir""",
)
@source_options
@click.option(
    "--to", "target", type=click.Choice(["sinabs", "nir"]), required=True, help="Which form."
)
@click.option("-o", "--output", required=True, metavar="FILE", help="File to write.")
def command(source, input_shape, weights, target, output) -> None:
    """Write SOURCE as a sinabs IAFSqueeze network, or as a NIR file.

    For sinabs two files are written: FILE.py, a few lines that build the network, and its weights.
    A NIR file read back gives the same chip image; BatchNorm, which NIR lacks, is folded first.
    """
    from dynapdeploy.cli.output import note
    from dynapdeploy.files import not_the_input
    from dynapdeploy.graph import fold, write_sinabs
    from dynapdeploy.pipeline import export_nir, require_weights
    from dynapdeploy.sources import read_source

    found = read_source(source, input_shape, weights)
    require_weights(found)
    not_the_input(output, source)
    if target == "nir":
        export_nir(found, output)
        written = [output]
    else:
        written = [str(path) for path in write_sinabs(fold(found.graph), output)]
    note(f"wrote {' and '.join(written)}")
