"""Rules about the kinds of module and how they are connected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from dynapdeploy.chip.changes import Change
from dynapdeploy.chip.rules.rule import Finding, Subject, rule

SENSOR_CHANNELS = 2
RUNNABLE = "convolution or linear, ReLU or IAF, sum or average pooling"


@rule("DYN001", "error")
def runnable(subject: Subject) -> Iterator[Finding]:
    """Every module must be something that a core runs.

    A core runs one convolution or linear layer, then integrate-and-fire neurons without leak, then
    sum pooling of the spike addresses. Source: Speck Dev Kit Datasheet 3.2.4; sinabs 3.1.3 accepts
    IAFSqueeze only.
    """
    for obstacle in subject.network.obstacles:
        yield Finding(
            obstacle.node,
            obstacle.reason
            if obstacle.fix
            else f"{obstacle.kind} cannot run on {subject.profile.name}: {obstacle.reason}",
            actual=obstacle.kind,
            limit=RUNNABLE,
            fix=obstacle.fix or f"Leave it out, or take what a core runs: {RUNNABLE}.",
        )


@rule("DYN002", "advice")
def spiking_output(subject: Subject) -> Iterator[Finding]:
    """A last layer without neurons gets integrate-and-fire neurons with threshold 1.

    A core cannot give out sums, only spikes.
    """
    obstructed = {obstacle.node for obstacle in subject.network.obstacles}
    for layer in subject.layers:
        if not layer.spiking and layer.name not in obstructed:
            yield Finding(
                layer.name,
                "it ends in sums; on the chip its neurons have threshold 1 and give spikes",
                fix="Put a ReLU after it in training, or compare spike counts instead of sums.",
            )


@rule("DYN003", "error")
def destinations(subject: Subject) -> Iterator[Finding]:
    """A core sends its spikes to at most two destinations.

    The chip's output counts as one. A layer that takes the same spikes through two pools, or at two
    places among its channels, counts twice. Source: samna ``CnnLayerConfig.destinations`` has two
    entries.
    """
    limit = subject.profile.limits.destinations
    for layer in subject.layers:
        if len(layer.targets) > limit:
            counts = Counter(target.layer or "the output" for target in layer.targets)
            names = ", ".join(n if k == 1 else f"{n} {k} times" for n, k in counts.items())
            twice = [n for n, k in counts.items() if k > 1]
            yield Finding(
                layer.name,
                f"{len(layer.targets)} destinations ({names}); a core of {subject.profile.name} "
                f"has at most {limit}",
                actual=len(layer.targets),
                limit=limit,
                fix=f"Let {' and '.join(twice)} take its spikes once only."
                if len(counts) <= limit
                else f"Let at most {limit} layers take its spikes.",
            )


@rule("DYN004", "warning")
def connected(subject: Subject) -> Iterator[Finding]:
    """A layer sends its spikes somewhere.

    One whose spikes go nowhere takes a core and does nothing.
    """
    for layer in subject.layers:
        if not layer.targets:
            change = Change(layer.name, "removed")
            yield Finding(layer.name, "its spikes go nowhere", 0, 1, "Remove it.", (change,))


@rule("DYN005", "warning")
def feature_shift(subject: Subject) -> Iterator[Finding]:
    """Channels that are put side by side rely on the feature shift of a destination.

    That the chip adds the shift to the channel, and how far it reaches, is inferred from public
    demos that concatenate channels; no document says it.
    """
    for layer in subject.layers:
        for target in layer.targets:
            if target.feature_shift:
                yield Finding(
                    layer.name,
                    f"its channels go to channel {target.feature_shift} on of "
                    f"{target.layer or 'the output'}; the range of this shift is not documented",
                    actual=target.feature_shift,
                    limit=0,
                    fix="Add the maps up instead of joining them, or try it on a board first.",
                )


@rule("DYN006", "advice")
def sensor_channels(subject: Subject) -> Iterator[Finding]:
    """The sensor of the chip gives one channel (polarities merged) or two.

    Inputs with more channels can only be sent from the host. Source: sinabs ``DVSLayer``;
    synsense/sinabs issue 177.
    """
    channels = subject.network.input_shape[0]
    if channels > SENSOR_CHANNELS and not subject.profile.unlimited_cores:
        yield Finding(
            None,
            f"the input has {channels} channels; the sensor of {subject.profile.name} gives at "
            f"most {SENSOR_CHANNELS}",
            actual=channels,
            limit=SENSOR_CHANNELS,
            fix="Nothing, if the events come from the host.",
        )
