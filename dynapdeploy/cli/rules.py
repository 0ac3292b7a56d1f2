"""``dynapdeploy rules``: the catalogue of rules."""

from __future__ import annotations

import click

from dynapdeploy.cli.options import verb


@verb("rules", epilog="\b\nExamples:\n  dynapdeploy rules\n  dynapdeploy rules --format markdown")
@click.option(
    "--format",
    "style",
    type=click.Choice(["table", "json", "markdown"]),
    default="table",
    show_default=True,
    help="For people, for programs, or as a page.",
)
def command(style) -> None:
    """Print the catalogue of rules, generated from the code that applies them."""
    from dynapdeploy.chip.rules import RULES
    from dynapdeploy.cli.output import emit, emit_json
    from dynapdeploy.report.rules import rules_page, rules_table

    if style == "json":
        rules = [
            {"rule": r.number, "severity": r.severity, "title": r.title, "text": r.text}
            for r in RULES
        ]
        emit_json("rules", None, "done", rules=rules)
    elif style == "markdown":
        click.echo(rules_page(RULES), nl=False)
    else:
        emit(rules_table(RULES))
