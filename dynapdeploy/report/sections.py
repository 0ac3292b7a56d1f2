"""The sections of the report that say what an image does."""

from __future__ import annotations

from dynapdeploy.chip.profile import load_profile
from dynapdeploy.estimate.plausibility import comparisons
from dynapdeploy.estimate.study import Study
from dynapdeploy.report.figures import count, duration, percent, si
from dynapdeploy.report.floor_plan import floor_plan, used_words
from dynapdeploy.report.markup import Markup, chart, join, mode, section, table, tag, text


def summary(study: Study) -> Markup:
    """The verdict and the figures that matter most."""
    found = study.estimate
    energy, latency = found.energy, found.latency
    profile = load_profile(study.image.device)
    errors = [] if study.compilation is None else _severity(study, "error")
    warnings = [] if study.compilation is None else _severity(study, "warning")
    fits = f"runs on {profile.name}" if profile.board else f"is laid out for {profile.name}"
    verdict = f"The net {fits}" if not errors else f"The net does not fit {profile.name}"
    if found.accuracy is None:
        verdict += "; the samples have no labels, so there is no accuracy."
    else:
        verdict += (
            f" and decides {percent(found.accuracy)} of {found.labelled} samples rightly "
            "in the chip's arithmetic."
        )
    doubts = [f"Warnings: {len(warnings)}, see diagnostics."] if warnings else []
    if found.skipped:
        doubts.append(f"{len(found.skipped)} damaged recordings were left out.")
    if found.labelled and found.labelled < 100:
        doubts.append(f"Only {found.labelled} samples: the accuracy is rough.")
    cards = [
        _card("accuracy", percent(found.accuracy), "simulated"),
        _card("SynOps per sample", count(found.synops_per_sample), "simulated"),
        _card("SynOps per MAC of the same CNN", f"{found.synops_per_mac:.3g}", "simulated"),
        _card("dynamic energy per sample", si(energy.dynamic_j_per_sample, "J"), "predicted"),
        _card(
            "energy per sample, static included", si(energy.total_j_per_sample, "J"), "predicted"
        ),
        _card("average power", si(energy.average_power_w, "W"), "predicted"),
        _card("decision stands after (mean)", si(latency.mean_s, "s"), "simulated"),
        _card("undecided samples", f"{found.undecided} of {found.samples}", "simulated"),
    ]
    good = "bad" if errors else "good"
    return section(
        "summary",
        "Summary",
        tag("p", verdict, class_=f"verdict {good}"),
        tag("p", " ".join(doubts), class_="faint") if doubts else "",
        tag("div", *cards, class_="cards"),
    )


def plan(study: Study) -> Markup:
    """Where the layers lie and what they take."""
    profile = load_profile(study.image.device)
    return section(
        "plan",
        f"Floor plan of {profile.title}",
        floor_plan(study.image, profile),
    )


def layers(study: Study) -> Markup:
    """One row per layer, and bars."""
    found = study.estimate
    rows = []
    for layer, core in zip(found.layers, study.image.cores, strict=True):
        kernel, neuron = used_words(core)
        rows.append(
            [
                layer.layer,
                layer.core,
                "x".join(map(str, core.output_shape)),
                f"{kernel:,}",
                f"{neuron:,}",
                core.threshold_high,
                count(layer.spikes_per_sample),
                count(layer.synops_per_sample),
                si(layer.energy_j_per_sample, "J"),
                count(layer.dropped_per_sample),
            ]
        )
    columns = (
        "layer", "core", "neurons", "kernel words", "neuron words", "threshold",
        "spikes", "SynOps", "energy", "dropped",
    )  # fmt: skip
    return section(
        "layers",
        "Layers",
        tag(
            "p",
            "Means per sample. ",
            mode("simulated"),
            " Energy is that of the SynOps alone. ",
            mode("predicted"),
        ),
        table(columns, rows),
        chart("layers", "Spikes and SynOps per layer and sample"),
    )


def energy(study: Study) -> Markup:
    """Energy with all its assumptions, and what others measured."""
    found = study.estimate
    e = found.energy
    idle = si(e.static_w, "W")
    uncertain = "" if e.static_w_uncertainty is None else f" ± {si(e.static_w_uncertainty, 'W')}"
    per_range = f"{si(e.low_j_per_sample, 'J')} to {si(e.high_j_per_sample, 'J')}"
    total_range = f"{si(e.total_low_j_per_sample, 'J')} to {si(e.total_high_j_per_sample, 'J')}"
    rows = [
        ["SynOps, per sample", si(e.dynamic_j_per_sample, "J"), per_range, mode("predicted")],
        ["idle power, all rails", idle, uncertain, mode("measured")],
        ["static, per sample", si(e.static_j_per_sample, "J"), "", mode("predicted")],
        ["in all, per sample", si(e.total_j_per_sample, "J"), total_range, mode("predicted")],
        ["in all, per second", si(e.average_power_w, "W"), "", mode("predicted")],
        ["up to a stable decision", si(e.j_per_inference, "J"), "", mode("predicted")],
    ]
    if e.battery_life_s is not None:
        rows.append(
            [
                f"battery of {e.battery_wh:g} Wh lasts",
                duration(e.battery_life_s),
                "",
                mode("predicted"),
            ]
        )
    rails = [[rail.replace("_", " "), si(watts, "W")] for rail, watts in e.rails_w.items()]
    macs = (
        f"The same net as a conventional CNN takes {found.macs:,} multiplications per pass; the "
        f"chip does {count(found.synops_per_sample)} additions per sample, "
        f"{found.synops_per_mac:.3g} per MAC."
    )
    published = [
        [
            row.published.what,
            _span(row.published.low_w, row.published.high_w, "W"),
            _span(row.needed_low, row.needed_high, "SynOps/s"),
            row.published.comment,
            row.published.source,
        ]
        for row in comparisons(load_profile(study.image.device))
    ]
    return section(
        "energy",
        "Energy",
        table(("", "figure", "range", "how it was come by"), rows, (0, 3)),
        tag("p", macs),
        tag("h3", "Idle power by rail") if rails else "",
        table(("rail", "power"), rails) if rails else "",
        tag("h3", "Assumptions"),
        tag("ul", *(tag("li", line) for line in e.assumptions)),
        tag("h3", "Is that plausible?"),
        tag(
            "p",
            "Published measurements of Speck chips, and the rate of SynOps that the model "
            "needs to reach them. None of them comes with its SynOps, so they do not prove the "
            "model; they bound it.",
        ),
        table(("measured", "power", "the model needs", "comment", "source"), published, (0, 3, 4)),
    )


def load(study: Study) -> Markup:
    """Load over time and against the budget; latency."""
    found = study.estimate
    rows = [
        [
            core.layer,
            core.core,
            si(core.mean_synops_per_s, "/s"),
            si(core.peak_synops_per_s, "/s"),
            core.peak_sample or "–",
            "–" if core.synops_per_event is None else count(core.synops_per_event),
            percent(core.peak_share),
            si(core.saturating_events_per_s, "events/s"),
        ]
        for core in found.load.cores
    ]
    columns = (
        "layer", "core", "mean SynOps", "peak SynOps", "peak in sample", "SynOps per input event",
        "peak of budget", "saturates at",
    )  # fmt: skip
    window = si(found.load.window_us * 1e-6, "s")
    parts = [
        tag(
            "p",
            f"Additions per second and core; the peak is the most in any window of {window}. ",
            mode("simulated"),
            f" Budget: {found.load.source}.",
        ),
        table(columns, rows),
        chart("load", "SynOps per second over time, by core"),
        tag("p", "Mean over the samples that last that long.", class_="faint"),
    ]
    if found.latency.accuracy:
        parts += [
            tag("h3", "Accuracy if the recording ended here"),
            chart("accuracy", "Accuracy over time", 280),
        ]
    latency = found.latency
    if latency.mean_s is not None and latency.mean_events is not None:
        parts.append(
            tag(
                "p",
                f"The decision stands after {si(latency.mean_s, 's')} on average (median "
                f"{si(latency.median_s, 's')}, worst {si(latency.worst_s, 's')}), or "
                f"{count(latency.mean_events)} input events; the chip's own delay, a few µs, "
                "comes on top.",
            )
        )
    return section("load", "Load and latency", *parts)


def diagnostics(study: Study) -> Markup:
    """What the rules of the chip say."""
    if study.compilation is None:
        inside = tag("p", "The report was made from an image; `check` on its source has them.")
    elif not study.compilation.diagnostics:
        inside = tag("p", "No rule has anything to say.")
    else:
        inside = tag(
            "ul",
            *(
                tag("li", tag("b", d.severity, class_=d.severity), " ", str(d))
                for d in study.compilation.diagnostics
            ),
        )
    return section("diagnostics", "Diagnostics", inside)


def again(study: Study) -> Markup:
    """What is needed to run it again."""
    settings = study.estimate.settings
    rows = [
        ["data", f"{study.data}, {study.split} split"],
        ["samples", f"{study.estimate.samples}, seed {study.seed}"],
        ["device", study.image.device],
        *([f"image: {name}", value] for name, value in study.image.provenance.items() if value),
        *([f"emulator: {name}", getattr(settings, name)] for name in settings.__dataclass_fields__),
        *([f"version of {name}", value] for name, value in study.versions.items()),
        *([f"SHA-256 of {name}", value] for name, value in study.hashes.items()),
    ]
    return section(
        "again",
        "To run it again",
        tag("pre", study.command),
        table(("what", "value"), rows, (0, 1)),
    )


def _severity(study: Study, severity: str) -> list:
    found = study.compilation.diagnostics if study.compilation else []
    return [d for d in found if d.severity == severity]


def _card(label: str, value: str, how: str) -> Markup:
    return tag(
        "div",
        tag("div", value, class_="value"),
        tag("div", join([text(label), Markup(" "), mode(how)]), class_="label"),
        class_="card",
    )


def _span(low: float | None, high: float | None, unit: str) -> str:
    if low is None:
        return "–"
    return si(low, unit) if low == high else f"{si(low, unit)} to {si(high, unit)}"
