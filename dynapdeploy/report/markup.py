"""Pieces of HTML. Whatever comes from outside goes through :func:`text`, nothing else does."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from typing import Any

LONG = 60
"""Characters from which on a cell of a table gets room."""


class Markup(str):
    """Text that is HTML already."""


def text(value: Any) -> Markup:
    """``value`` as HTML text, escaped; a dash for None."""
    if isinstance(value, Markup):
        return value
    return Markup("–" if value is None else html.escape(str(value), quote=True))


def tag(name: str, *inside: Any, **attributes: Any) -> Markup:
    """An element; ``class_`` stands for ``class``, ``data_x`` for ``data-x``."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value), quote=True)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{written}>{''.join(text(part) for part in inside)}</{name}>")


def join(parts: Sequence[Any]) -> Markup:
    """Parts one after the other."""
    return Markup("".join(text(part) for part in parts))


def table(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], words: Sequence[int] = (0,)
) -> Markup:
    """A table that scrolls sideways where it is too wide; ``words`` are the columns of text."""

    def cells(name: str, values: Sequence[Any]) -> Markup:
        return tag(
            "tr",
            *(
                tag(name, value, class_=_kind(value) if i in words else "number")
                for i, value in enumerate(values)
            ),
        )

    head = tag("thead", cells("th", columns))
    body = tag("tbody", *(cells("td", row) for row in rows))
    return tag("div", tag("table", head, body), class_="scroll")


def _kind(value: Any) -> str | None:
    return "long" if len(str(value)) > LONG else None


def section(identifier: str, title: str, *inside: Any) -> Markup:
    """A section with a heading."""
    return tag("section", tag("h2", title), *inside, id=identifier)


def chart(identifier: str, label: str, height: int = 320) -> Markup:
    """The place of a chart; ``label`` says what it shows."""
    return tag(
        "div",
        class_="chart",
        id=f"chart-{identifier}",
        role="img",
        aria_label=label,
        style=f"height:{height}px",
    )


def mode(name: str) -> Markup:
    """The tag of a figure: predicted, simulated or measured."""
    return tag("span", name, class_=f"mode {name}")


def embedded(identifier: str, content: Any) -> Markup:
    """JSON inside the page, safe whatever texts it holds."""
    written = json.dumps(content, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        written = written.replace(character, f"\\u{ord(character):04x}")
    return Markup(f'<script type="application/json" id="{identifier}">{written}</script>')
