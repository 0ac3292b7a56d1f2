"""The sections of the report that say where accuracy is won and lost."""

from __future__ import annotations

from dynapdeploy.estimate.ladder import TOLERANCE, Ladder
from dynapdeploy.estimate.study import Study
from dynapdeploy.estimate.trace import Trace
from dynapdeploy.report.figures import count, percent
from dynapdeploy.report.ladder import agreement, layer_rows, parted
from dynapdeploy.report.markup import Markup, chart, section, table, tag
from dynapdeploy.report.training import STAGES

MOST_FLIPS = 12


def ladder(found: Ladder) -> Markup:
    """Accuracy rung by rung, where spike counts part, and which samples flip."""
    rows = []
    for rung in found.rungs:
        if rung.reason:
            rows.append([rung.title, "skipped", "", "", rung.reason])
            continue
        rows.append(
            [
                rung.title,
                percent(rung.accuracy),
                "–" if rung.synops_per_sample is None else count(rung.synops_per_sample),
                agreement(rung),
                parted(rung.parting),
            ]
        )
    worst = found.largest_loss
    verdict = (
        "No rung loses accuracy against the one before."
        if worst is None
        else f"The largest loss of accuracy is at the rung {worst.title}."
    )
    flips = [
        tag(
            "li",
            f"{rung.title}: {len(rung.flips)} of {found.samples} decided otherwise than before"
            + (f" ({rung.lost} lost, {rung.gained} gained)" if rung.lost is not None else "")
            + ": "
            + ", ".join(rung.flips[:MOST_FLIPS])
            + (", ..." if len(rung.flips) > MOST_FLIPS else ""),
        )
        for rung in found.rungs
        if rung.flips
    ]
    columns = ("rung", "accuracy", "SynOps", "as before", f"first layer apart by > {TOLERANCE:.0%}")
    titles = [rung.title for rung in found.rungs if not rung.reason]
    return section(
        "ladder",
        "Accuracy ladder",
        tag("p", f"The same {found.samples} samples on every rung. {verdict}"),
        table(columns, rows, (0, 4)),
        chart("ladder", "Accuracy at each rung", 260) if found.labelled else "",
        tag("h3", "Spikes per sample and layer"),
        table(("layer", *titles), layer_rows(found)),
        tag("h3", "Samples that flip") if flips else "",
        tag("ul", *flips) if flips else "",
        tag("ul", *(tag("li", note, class_="faint") for note in found.notes)),
    )


def training(study: Study) -> Markup:
    """The stages of training."""
    rows = [
        [
            STAGES[name],
            percent(stage.get("accuracy")),
            "–" if stage.get("synops_per_sample") is None else count(stage["synops_per_sample"]),
        ]
        for name, stage in study.stages.items()
        if name in STAGES
    ]
    return section("training", "Training", table(("stage", "accuracy", "SynOps per sample"), rows))


def trade_off(study: Study) -> Markup:
    """Accuracy over SynOps."""
    missing = [str(row.get("name", "")) for row in study.sweep if row.get("accuracy") is None]
    gap = (
        tag("p", f"Without a result in the sweep ({len(missing)}): {', '.join(missing[:10])}.")
        if missing
        else ""
    )
    return section(
        "trade-off",
        "Accuracy and SynOps",
        gap,
        chart("trade-off", "Accuracy over SynOps per sample"),
    )


def confusion(study: Study) -> Markup:
    """Which class was taken for which."""
    classes = len(study.estimate.classes)
    return section(
        "confusion",
        "Confusion matrix",
        chart("confusion", "Decisions by class", min(640, 130 + 30 * classes)),
    )


def samples(study: Study) -> Markup:
    """A few samples with frame, output and rasters; the script fills in the one chosen."""
    options = [
        tag("option", sample_text(trace, study.estimate.classes), value=str(index))
        for index, trace in enumerate(study.traces)
    ]
    layers = max(len(trace.rasters) for trace in study.traces)
    return section(
        "samples",
        "Samples",
        tag("select", *options, id="sample", class_="screen", aria_label="Sample"),
        tag("p", id="sample-text", class_="faint"),
        tag(
            "div",
            tag("div", tag("h3", "Input events"), chart("sample-frame", "Input events", 240),
                tag("h3", "Output"), chart("sample-counts", "Output spikes per class", 220)),
            tag("div", tag("h3", "Spikes"),
                chart("sample-raster", "Spikes of every layer in time", 90 + 115 * layers)),
            class_="two",
        ),
    )  # fmt: skip


def sample_text(trace: Trace, classes: tuple[str, ...]) -> str:
    """What a sample is and what became of it."""
    outcome = trace.outcome

    def named(index: int | None) -> str:
        if index is None:
            return "undecided"
        return classes[index] if index < len(classes) else str(index)

    if outcome.label is None:
        return f"{outcome.name}: no label, decided {named(outcome.decision)}"
    verdict = "right" if outcome.decision == outcome.label else "wrong"
    decided = named(outcome.decision)
    return f"{outcome.name}: class {named(outcome.label)}, decided {decided}, {verdict}"
