"""The report: one HTML file that needs nothing else, neither a network nor a server."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from dynapdeploy.estimate.study import Study
from dynapdeploy.files import write_text
from dynapdeploy.report import accuracy_sections, charts, sections
from dynapdeploy.report.markup import Markup, embedded, join, tag, text
from dynapdeploy.report.sample_charts import sample_charts

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:"
)
"""The browser is told to load nothing from anywhere."""


def write_report(study: Study, path) -> None:
    """Write the report of ``study``. Raises ``OutputError``."""
    write_text(path, report_page(study))


def report_page(study: Study) -> str:
    """The whole page."""
    parts = report_sections(study)
    links = [tag("a", title, href=f"#{name}") for name, title in _headings(parts)]
    head = join(
        [
            Markup('<meta charset="utf-8">'),
            Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
            Markup(f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'),
            Markup('<link rel="icon" href="data:,">'),
            tag("title", f"{study.title} on {study.image.device}"),
            Markup(f"<style>{_asset('page.css')}</style>"),
        ]
    )
    shown = f"{study.estimate.samples} samples of {study.data}, {study.split} split"
    top = tag(
        "header",
        tag(
            "div",
            tag("h1", study.title),
            tag("p", f"on {study.image.device}; {shown}", class_="faint"),
            tag("nav", *links),
        ),
        tag("button", "light / dark", id="theme", type="button"),
    )
    version = study.versions.get("dynapdeploy", "")
    body = tag(
        "body",
        top,
        tag("main", *parts.values()),
        tag("footer", tag("p", f"dynapdeploy {version}")),
        embedded("chart-data", report_charts(study)),
        embedded("sample-data", _samples(study)),
        Markup(f'<script type="text/plain" id="plotly">{_plotly()}</script>'),
        Markup(f"<script>{_asset('page.js')}</script>"),
    )
    return f'<!doctype html>\n<html lang="en" class="no-script"><head>{head}</head>{body}</html>\n'


def report_sections(study: Study) -> dict[str, Markup]:
    """The sections that this study has something for, by name and in order."""
    found = study.estimate
    parts = {"summary": sections.summary(study), "plan": sections.plan(study)}
    parts["layers"] = sections.layers(study)
    if study.stages:
        parts["training"] = accuracy_sections.training(study)
    if study.ladder is not None:
        parts["ladder"] = accuracy_sections.ladder(study.ladder)
    if study.sweep:
        parts["trade-off"] = accuracy_sections.trade_off(study)
    parts["energy"] = sections.energy(study)
    parts["load"] = sections.load(study)
    if found.labelled:
        parts["confusion"] = accuracy_sections.confusion(study)
    if study.traces:
        parts["samples"] = accuracy_sections.samples(study)
    parts["diagnostics"] = sections.diagnostics(study)
    parts["again"] = sections.again(study)
    return parts


def report_charts(study: Study) -> dict[str, Any]:
    """The charts that this study has something for, by the name of their place."""
    found = study.estimate
    drawn = {"layers": charts.layer_bars(found), "load": charts.load_lines(found)}
    if found.latency.accuracy:
        drawn["accuracy"] = charts.accuracy_over_time(found)
    if found.labelled:
        drawn["confusion"] = charts.confusion(found)
    if study.ladder is not None and study.ladder.labelled:
        drawn["ladder"] = charts.ladder_bars(study.ladder)
    if study.sweep:
        here = found.synops_per_sample, found.accuracy
        drawn["trade-off"] = charts.trade_off(study.sweep, here)
    return drawn


def _samples(study: Study) -> list[dict[str, Any]]:
    classes = study.estimate.classes
    return [
        {"text": accuracy_sections.sample_text(trace, classes), **sample_charts(trace)}
        for trace in study.traces
    ]


TITLES = {
    "summary": "Summary", "plan": "Floor plan", "layers": "Layers", "training": "Training",
    "ladder": "Accuracy ladder", "trade-off": "Accuracy and SynOps", "energy": "Energy",
    "load": "Load and latency", "confusion": "Confusion", "samples": "Samples",
    "diagnostics": "Diagnostics", "again": "To run it again",
}  # fmt: skip


def _headings(parts: dict[str, Markup]) -> list[tuple[str, Markup]]:
    return [(name, text(TITLES[name])) for name in parts]


def _asset(name: str) -> str:
    return (files("dynapdeploy.report") / "assets" / name).read_text(encoding="utf-8")


def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    return get_plotlyjs()
