"""Rules about the camera's layer in front of the cores."""

from __future__ import annotations

from collections.abc import Iterator

from dynapdeploy.chip.image import MAX_DESTINATIONS
from dynapdeploy.chip.rules.rule import Finding, Subject, rule


@rule("DYN080", "error")
def sensor_map(subject: Subject) -> Iterator[Finding]:
    """The map that the sensor's layer gives is the one that the net takes.

    Polarity decides the channels (two for both, else one), pooling, region and diagonal the size.
    Source: Speck Dev Kit Datasheet 3.2.3; sinabs 3.1.3 ``DVSLayer``.
    """
    if subject.sensor is None:
        return
    found, wanted = subject.sensor.output_shape, subject.network.input_shape
    if found != wanted:
        yield Finding(
            next(iter(subject.network.entry), None),
            f"the sensor gives {_text(found)} (channels x height x width), the net takes "
            f"{_text(wanted)}",
            actual=_text(found),
            limit=_text(wanted),
            fix="Change --sensor: its polarity for the channels, pool= and crop= for the size.",
        )


@rule("DYN081", "error")
def sensor_destinations(subject: Subject) -> Iterator[Finding]:
    """The sensor's layer sends to at most two cores.

    Source: samna ``dvs_layer.destinations`` has two entries.
    """
    entry = subject.network.entry
    if subject.sensor is not None and len(entry) > MAX_DESTINATIONS:
        yield Finding(
            entry[MAX_DESTINATIONS],
            f"{len(entry)} layers take the input; the sensor has at most {MAX_DESTINATIONS} "
            "destinations",
            actual=len(entry),
            limit=MAX_DESTINATIONS,
            fix=f"Let at most {MAX_DESTINATIONS} layers take the input.",
        )


@rule("DYN082", "error")
def event_filter(subject: Subject) -> Iterator[Finding]:
    """An event filter is asked only of chips that have one.

    Source: Speck Dev Kit Datasheet 3.2.3.5.
    """
    if _filtered(subject) and subject.profile.event_filter is False:
        yield Finding(
            next(iter(subject.network.entry), None),
            f"{subject.profile.name} has no event filter behind its sensor",
            fix="Leave filter= out of --sensor.",
        )


@rule("DYN083", "warning")
def event_filter_unsure(subject: Subject) -> Iterator[Finding]:
    """The event filter is not emulated, and sources disagree about which chips have it.

    The datasheet, made with Speck 2F samples, switches it on; a public program of the vendor says
    that Speck 2F does not support it.
    """
    if _filtered(subject) and subject.profile.event_filter is not False:
        doubt = (
            "" if subject.profile.event_filter else "; it is not sure that this chip has the filter"
        )
        yield Finding(
            next(iter(subject.network.entry), None),
            f"the emulator does not filter events, the chip would{doubt}",
            fix="Compare with a recording made behind the filter, or leave filter= out.",
        )


def _filtered(subject: Subject) -> bool:
    return subject.sensor is not None and subject.sensor.event_filter is not None


def _text(shape: tuple[int, int, int]) -> str:
    return "x".join(map(str, shape))
