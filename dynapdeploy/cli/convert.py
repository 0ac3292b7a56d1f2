"""``dynapdeploy convert``: from a network to a chip image."""

from __future__ import annotations

import click

from dynapdeploy.cli.options import (
    compiler_options,
    device_option,
    format_option,
    source_options,
    verb,
)

DOES_NOT_FIT = 1


@verb(
    "convert",
    epilog="""\b
Examples:
  dynapdeploy convert runs/first --device speck2fdevkit -o first.dynap
  dynapdeploy convert scnn.nir --input-shape 2,34,34 -o scnn.dynap
  dynapdeploy convert model.py:build --weights model.safetensors -o model.dynap""",
)
@source_options
@device_option()
@click.option("-o", "--output", required=True, metavar="FILE", help="The chip image to write.")
@click.option(
    "--quantizer",
    type=click.Choice(["default", "sinabs"]),
    default="default",
    show_default=True,
    help="Ours, or exactly what sinabs 3.1.3 makes of it.",
)
@compiler_options
@click.option(
    "--merge-polarity/--separate-polarity",
    default=None,
    help="Both polarities to channel 0, or apart.  [default: what SOURCE says, else apart]",
)
@click.option(
    "--events-per-unit",
    type=click.FloatRange(min=0, min_open=True),
    help="For still images: events per unit of a pixel's value.",
)
@format_option()
def command(
    source,
    input_shape,
    weights,
    device,
    output,
    quantizer,
    allow_bias,
    prefer,
    pins,
    merge_polarity,
    events_per_unit,
    style,
) -> int:
    """Fold, check, quantize and place SOURCE, and write the chip image.

    The image is what the emulator runs and what a board gets, word for word. It carries a
    self-test. Exit code 1 if SOURCE does not fit; nothing is written then.
    """
    from dynapdeploy.cli.output import emit, emit_json, note
    from dynapdeploy.pipeline import build_image, compile_source, require_weights
    from dynapdeploy.report.compilation import (
        diagnostic_lines,
        diagnostic_rows,
        layer_rows,
        placement_table,
        quantization_table,
    )
    from dynapdeploy.sources import read_source, with_coding

    found = with_coding(read_source(source, input_shape, weights), merge_polarity, events_per_unit)
    require_weights(found)
    compilation = compile_source(
        found,
        device,
        quantizer=quantizer,
        allow_bias=allow_bias,
        prefer=prefer,
        cores=dict(pins),
    )
    content = {
        "diagnostics": diagnostic_rows(compilation.diagnostics),
        "layers": layer_rows(compilation),
    }
    if not compilation.fits:
        if style == "json":
            emit_json("convert", device, "does_not_fit", image=None, **content)
        else:
            emit(placement_table(compilation), *diagnostic_lines(compilation.diagnostics))
        note(f"{source} does not fit {device}: nothing was written")
        return DOES_NOT_FIT
    image = build_image(found, compilation, quantizer)
    image.save(output)
    if style == "json":
        emit_json("convert", device, "done", image=output, **content)
    else:
        emit(
            placement_table(compilation),
            quantization_table(compilation),
            *diagnostic_lines(compilation.diagnostics),
        )
        note(f"wrote {output}")
    return 0
