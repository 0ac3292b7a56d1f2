"""``dynapdeploy count``: neurons, synapses, parameters, operations, fan-out."""

from __future__ import annotations

from dynapdeploy.cli.options import format_option, source_options, verb


@verb(
    "count",
    epilog="""\b
Examples:
  dynapdeploy count all_convnet
  dynapdeploy count scnn.nir --input-shape 2,34,34 --format json
  dynapdeploy count first.dynap""",
)
@source_options
@format_option()
def command(source, input_shape, weights, style) -> None:
    """Count neurons, synapses, parameters, MACs and fan-out of SOURCE or of a chip image.

    Nominal counts ignore borders, as most tables in the literature do; exact ones are the
    connections that exist.
    """
    from dynapdeploy.cli.output import emit, emit_json
    from dynapdeploy.report.counting import count_content, count_table
    from dynapdeploy.synops import count

    if source.endswith(".dynap"):
        from dynapdeploy.chip.image_file import load_image

        counted = count(load_image(source))
    else:
        from dynapdeploy.sources import read_source

        counted = count(read_source(source, input_shape, weights).graph)
    if style == "json":
        emit_json("count", None, "done", source=source, **count_content(counted))
    else:
        emit(count_table(counted))
