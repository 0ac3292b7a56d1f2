"""``dynapdeploy check``: does a network fit a chip, and if not, why."""

from __future__ import annotations

import click

from dynapdeploy.cli.options import (
    compiler_options,
    device_option,
    format_option,
    pinned_cores,
    source_options,
    verb,
)

DOES_NOT_FIT = 1


@verb(
    "check",
    epilog="""\b
Examples:
  dynapdeploy check all_convnet --device speck2fdevkit
  dynapdeploy check all_convnet --suggest
  dynapdeploy check scnn.nir --input-shape 2,34,34 --format json
  dynapdeploy check model.py:build --input-shape 1,28,28""",
)
@source_options
@device_option()
@compiler_options
@click.option(
    "--suggest",
    "suggesting",
    is_flag=True,
    help="Look for the smallest set of changes that makes the whole network fit.",
)
@format_option()
def command(
    source, input_shape, weights, device, allow_bias, prefer, pins, suggesting, style
) -> int:
    """Check SOURCE against a chip: all violations, with what to do about them.

    SOURCE is a model's name, a training folder, a .nir file, or file.py:factory (which runs your
    code). Exit code 0 if it fits, 1 if not.
    """
    from dynapdeploy.cli.output import emit, emit_json
    from dynapdeploy.pipeline import compile_source
    from dynapdeploy.report.compilation import (
        diagnostic_lines,
        diagnostic_rows,
        layer_rows,
        placement_table,
    )
    from dynapdeploy.sources import read_source

    found = read_source(source, input_shape, weights)
    compilation = compile_source(
        found,
        device,
        allow_bias=allow_bias,
        prefer=prefer,
        cores=pinned_cores(pins),
    )
    status = "fits" if compilation.fits else "does_not_fit"
    extra: dict = {}
    lines: list[str] = []
    if suggesting:
        from dynapdeploy.chip.suggest import suggest
        from dynapdeploy.report.suggestion import suggestion_content, suggestion_lines

        suggestion = suggest(
            found.graph, compilation.profile, allow_bias=allow_bias, pinned=pinned_cores(pins)
        )
        extra["suggestion"] = suggestion_content(suggestion)
        lines = suggestion_lines(suggestion)
    if style == "json":
        emit_json(
            "check",
            device,
            status,
            **extra,
            diagnostics=diagnostic_rows(compilation.diagnostics),
            layers=layer_rows(compilation),
        )
    else:
        from rich.markup import escape

        named, chip = escape(source), escape(device)
        errors = sum(d.severity == "error" for d in compilation.diagnostics)
        verdict = (
            f"[green]{named} fits {chip}[/]"
            if compilation.fits
            else f"[red]{named} does not fit {chip}[/]: {errors} "
            f"violation{'' if errors == 1 else 's'}"
        )
        runnable = all(d.rule != "DYN001" for d in compilation.diagnostics)
        if errors and runnable and not suggesting:
            lines = ["--suggest looks for the smallest set of changes with which it fits"]
        emit(
            placement_table(compilation),
            *diagnostic_lines(compilation.diagnostics),
            verdict,
            *lines,
        )
    return 0 if compilation.fits else DOES_NOT_FIT
