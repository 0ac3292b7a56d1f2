"""Rules about pooling, which on the chip is a division of spike addresses."""

from __future__ import annotations

from collections.abc import Iterator

from dynapdeploy.chip.changes import Change
from dynapdeploy.chip.lower import Layer, Target
from dynapdeploy.chip.rules.rule import Finding, Subject, rule


def _pooled(subject: Subject) -> Iterator[tuple[Layer, Target]]:
    for layer in subject.layers:
        for target in layer.targets:
            if target.pools:
                yield layer, target


def _to(target: Target) -> str:
    return f"towards {target.layer}" if target.layer else "towards the output"


@rule("DYN030", "error")
def pooling_kind(subject: Subject) -> Iterator[Finding]:
    """Pooling is sum pooling; average pooling becomes sum pooling with scaled weights.

    Spikes of a window all go to one address, so they add up; a maximum cannot be formed. Source:
    Speck Dev Kit Datasheet 3.2.4.
    """
    for layer, target in _pooled(subject):
        if any(pool.kind == "max" for pool in target.pools):
            yield Finding(
                layer.name,
                f"max pooling {_to(target)}; {subject.profile.name} has sum pooling only",
                actual="max",
                limit="sum or average",
                fix="Train with average pooling instead.",
                changes=(Change(layer.name, "pooling", target.pooling),),
            )


@rule("DYN031", "error")
def pooling_window(subject: Subject) -> Iterator[Finding]:
    """Pooling windows are square and do not overlap, without padding.

    Source: Speck Dev Kit Datasheet 3.2.4 (one pooling value per destination).
    """
    for layer, target in _pooled(subject):
        for pool in target.pools:
            plain = (pool.kernel[0],) * 2
            if pool.kernel != plain or pool.stride != plain or pool.padding != (0, 0):
                yield Finding(
                    layer.name,
                    f"pooling {pool.kernel[0]}x{pool.kernel[1]} with stride "
                    f"{pool.stride[0]}x{pool.stride[1]} and padding "
                    f"{pool.padding[0]}x{pool.padding[1]} {_to(target)}; windows must be "
                    "square, side by side, without padding",
                    actual=f"{pool.kernel[0]}x{pool.kernel[1]}",
                    limit="square, stride = kernel, padding 0",
                    fix=f"Use kernel and stride {min(pool.kernel)}, and padding 0.",
                    changes=(Change(layer.name, "pooling", min(pool.kernel)),),
                )


@rule("DYN032", "error")
def pooling_size(subject: Subject) -> Iterator[Finding]:
    """Pooling on the way to a core is by 1, 2 or 4; pools in a row multiply.

    Source: Speck Dev Kit Datasheet 3.2.4.
    """
    allowed = subject.profile.limits.pooling
    for layer, target in _pooled(subject):
        size = target.pooling
        if allowed and target.layer is not None and size not in allowed:
            near = max((a for a in allowed if a < size), default=min(allowed))
            yield Finding(
                layer.name,
                f"pooling by {size} {_to(target)}; {subject.profile.name} has "
                f"{', '.join(map(str, allowed))}",
                actual=size,
                limit=", ".join(map(str, allowed)),
                fix=f"Use pooling {near}, and a stride for the rest.",
                changes=(Change(layer.name, "pooling", near),),
            )


@rule("DYN033", "warning")
def divisible(subject: Subject) -> Iterator[Finding]:
    """A map is divisible by its pooling.

    Otherwise the last rows and columns go to an address outside the next map. Networks drop them;
    so does the emulator, which counts them. What the chip does with them no public source says. On
    the way to the output nothing drops them, so they count there.
    """
    for layer, target in _pooled(subject):
        _, height, width = layer.output_shape
        if height % target.pooling or width % target.pooling:
            lost = "sent outside the next map" if target.layer else "given out, the net drops them"
            near = tuple(n - n % target.pooling for n in (height, width))
            yield Finding(
                layer.name,
                f"map {height}x{width} is not divisible by the pooling {target.pooling} "
                f"{_to(target)}; spikes of the rest are {lost}",
                actual=f"{height}x{width}",
                limit=f"multiples of {target.pooling}",
                fix=f"Use padding or another kernel so that the map is {near[0]}x{near[1]}, "
                "or accept that the border is lost.",
            )


@rule("DYN034", "warning")
def exit_pooling(subject: Subject) -> Iterator[Finding]:
    """Pooling on the way to the output does not happen on the chip.

    Spikes that leave the chip carry un-pooled addresses; dividing them is left to who reads them.
    Features, and so the classes, are the same. Source: sinabs 3.1.3 drops it.
    """
    for layer, target in _pooled(subject):
        if target.layer is None:
            yield Finding(
                layer.name,
                f"pooling by {target.pooling} towards the output; the reader of the spikes does it",
                actual=target.pooling,
                limit=1,
                fix="Nothing, if only the spikes per feature count and the map is divisible by it.",
            )
