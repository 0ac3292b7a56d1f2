"""``dynapdeploy convert``: from a network to a chip image."""

from __future__ import annotations

import click

from dynapdeploy.cli.adapting import adapting_options
from dynapdeploy.cli.options import (
    FiniteRange,
    compiler_options,
    device_option,
    format_option,
    only_with,
    pinned_cores,
    source_options,
    verb,
)

DOES_NOT_FIT = 1


@verb(
    "convert",
    epilog="""\b
Examples:
  dynapdeploy convert runs/first --device speck2fdevkit -o first.dynap
  dynapdeploy convert scnn.nir --input-shape 2,34,34 --calibrate nmnist:PATH -o scnn.dynap
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
@click.option(
    "--calibrate",
    "data",
    metavar="KIND:PATH",
    help="Choose thresholds, lower bounds, clipping and rounding on these training samples.",
)
@click.option(
    "--calibrate-limit",
    "limit",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="Samples to calibrate on.",
)
@click.option(
    "--calibrate-seed",
    "seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="They are drawn with it.",
)
@click.option("--picture", metavar="FILE.png", help="Draw the cores with their layers and memory.")
@compiler_options
@click.option(
    "--merge-polarity/--separate-polarity",
    default=None,
    help="Both polarities to channel 0, or apart.  [default: what SOURCE says, else apart]",
)
@click.option(
    "--sensor",
    metavar="WORDS",
    help="Put the camera's layer before the net, as merged,pool=2,crop=0:64:0:64,mirror-x "
    "(also both, on, off, mirror-y, diagonal, camera, filter=).",
)
@click.option(
    "--events-per-unit",
    type=FiniteRange(min=0, min_open=True),
    help="For still images: events per unit of a pixel's value.",
)
@adapting_options
@format_option()
def command(
    source,
    input_shape,
    weights,
    device,
    output,
    quantizer,
    data,
    limit,
    seed,
    picture,
    allow_bias,
    prefer,
    pins,
    merge_polarity,
    sensor,
    events_per_unit,
    adapting,
    style,
) -> int:
    """Fold, check, quantize and place SOURCE, and write the chip image.

    The image is what the emulator runs and what a board gets, word for word. It carries a
    self-test. Exit code 1 if SOURCE does not fit; nothing is written then.
    """
    from dynapdeploy.chip.sensor import sensor_from_text
    from dynapdeploy.cli.output import emit, emit_json, note, progress
    from dynapdeploy.conversion import adapted
    from dynapdeploy.files import not_the_input
    from dynapdeploy.pipeline import (
        build_image,
        calibrate_source,
        compile_source,
        require_weights,
    )
    from dynapdeploy.report.calibration import calibration_content, calibration_table, choices_table
    from dynapdeploy.report.compilation import (
        diagnostic_lines,
        diagnostic_rows,
        layer_rows,
        placement_table,
        quantization_table,
    )
    from dynapdeploy.sources import read_source, with_coding

    only_with(data, "--calibrate", "limit", "seed")
    if data is not None and quantizer != "default":
        raise click.UsageError(f"--calibrate chooses for the default quantizer, not {quantizer}")
    if sensor is not None and (merge_polarity is not None or events_per_unit is not None):
        option = "--events-per-unit" if merge_polarity is None else "--merge-polarity"
        raise click.UsageError(f"with --sensor, recordings enter as they are: {option} has no say")
    found = with_coding(read_source(source, input_shape, weights), merge_polarity, events_per_unit)
    require_weights(found)
    for written in (output, *([picture] if picture else [])):
        not_the_input(written, source, *([weights] if weights else []))
    if picture == output:
        raise click.UsageError("--output and --picture name the same file")
    found, told = adapted(found, adapting)
    for line in told:
        note(line)
    compilation = compile_source(
        found,
        device,
        quantizer=quantizer,
        allow_bias=allow_bias,
        prefer=prefer,
        cores=pinned_cores(pins),
        sensor=None if sensor is None else sensor_from_text(sensor),
    )
    calibration = None
    if data is not None and compilation.fits:
        with progress("calibrating", None) as step:
            calibration, compilation = calibrate_source(
                found,
                compilation,
                data,
                quantizer=quantizer,
                limit=limit,
                seed=seed,
                progress=lambda judged, _: step(judged),
            )
    content = {
        "calibration": None if calibration is None else calibration_content(calibration),
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
    made = quantizer if calibration is None else f"{quantizer}, calibrated on {calibration.spec}"
    image = build_image(found, compilation, made)
    image.save(output)
    if picture:
        from dynapdeploy.report.chip_picture import draw_chip

        draw_chip(compilation, picture)
    if style == "json":
        emit_json("convert", device, "done", image=output, **content)
    else:
        emit(
            placement_table(compilation),
            quantization_table(compilation),
            *([] if calibration is None else [calibration_table(calibration)]),
            *([] if calibration is None else [choices_table(calibration)]),
            *diagnostic_lines(compilation.diagnostics),
        )
        note(f"wrote {output}")
    return 0
