"""Rules about kernels, strides, paddings, maps and channels."""

from __future__ import annotations

from collections.abc import Iterator

from dynapdeploy.chip.changes import SEVERAL, Change, What
from dynapdeploy.chip.lower import Layer
from dynapdeploy.chip.rules.rule import Finding, Subject, rule


def _size(pair: tuple[int, ...]) -> str:
    return "x".join(str(n) for n in pair)


@rule("DYN010", "error")
def square_kernel(subject: Subject) -> Iterator[Finding]:
    """Kernels are square.

    The chip holds one integer for height and width. Source: samna
    ``CnnLayerDimensions.kernel_size``.
    """
    if subject.profile.limits.kernel is None:
        return
    for layer in subject.layers:
        height, width = layer.kernel
        if height != width:
            side = max(height, width)
            grown = [side - height, side - width]
            same = all(more % 2 == 0 for more in grown)
            padding = tuple(p + more // 2 for p, more in zip(layer.padding, grown, strict=True))
            exact = (
                f" (zeros around the kernel and padding {_size(padding)} keep the function)"
                if same
                else ""
            )
            helped = same or not layer.covers_map
            yield Finding(
                layer.name,
                f"kernel {_size(layer.kernel)}; {subject.profile.name} has square kernels only",
                actual=_size(layer.kernel),
                limit="square",
                fix=f"Use a {side}x{side} kernel{exact}."
                if helped
                else "It covers its whole map: make that square, or its sides differ by an even "
                "number.",
                changes=(Change(layer.name, "kernel", side),) if helped else (),
            )


@rule("DYN011", "error")
def kernel_size(subject: Subject) -> Iterator[Finding]:
    """Kernels are at most 16x16.

    Source: Speck Dev Kit Datasheet 2.4 ("up to 16x16").
    """
    limit = subject.profile.limits.kernel
    if limit is None:
        return
    for layer in subject.layers:
        if max(layer.kernel) > limit:
            yield Finding(
                layer.name,
                f"kernel {_size(layer.kernel)}{' (its whole map)' if layer.covers_map else ''}; "
                f"the largest of {subject.profile.name} is {limit}x{limit}",
                actual=max(layer.kernel),
                limit=limit,
                changes=tuple(pooled_input(subject, layer, limit))
                if layer.covers_map
                else (Change(layer.name, "kernel", limit),),
                otherwise=SEVERAL,
            )


def pooled_input(subject: Subject, layer: Layer, largest: int) -> Iterator[Change]:
    """Pooling of what feeds a layer that covers its map, for a map of at most ``largest`` pixels.

    None where the input of the net feeds it, or maps that are joined.
    """
    feeding = subject.network.feeders(layer.name)
    if layer.name in subject.network.entry or len({t.feature_shift for _, t in feeding}) != 1:
        return
    before, target = feeding[0]
    for size in subject.profile.limits.pooling:
        sides = [n // size for n in before.output_shape[1:]]
        if size > target.pooling and min(sides) > 0 and max(sides) <= largest:
            yield Change(before.name, "pooling", size)
            return


@rule("DYN012", "error")
def stride(subject: Subject) -> Iterator[Finding]:
    """The stride of either axis is 1, 2, 4 or 8.

    Source: Speck Dev Kit Datasheet 2.4.
    """
    allowed = subject.profile.limits.strides
    for layer in subject.layers:
        if allowed and not set(layer.stride) <= set(allowed):
            near = (_nearest(layer.stride[0], allowed), _nearest(layer.stride[1], allowed))
            yield Finding(
                layer.name,
                f"stride {_size(layer.stride)}; {subject.profile.name} has "
                f"{', '.join(map(str, allowed))}",
                actual=_size(layer.stride),
                limit=", ".join(map(str, allowed)),
                changes=(Change(layer.name, "stride", near),),
            )


def _nearest(value: int, allowed: tuple[int, ...]) -> int:
    return min(allowed, key=lambda other: (abs(other - value), other))


@rule("DYN013", "error")
def padding(subject: Subject) -> Iterator[Finding]:
    """The padding of either axis is at most 7.

    Source: Speck Dev Kit Datasheet 2.4.
    """
    limit = subject.profile.limits.padding
    if limit is None:
        return
    for layer in subject.layers:
        if max(layer.padding) > limit:
            yield Finding(
                layer.name,
                f"padding {_size(layer.padding)}; {subject.profile.name} has at most {limit}",
                actual=max(layer.padding),
                limit=limit,
                changes=(
                    Change(
                        layer.name,
                        "padding",
                        (min(layer.padding[0], limit), min(layer.padding[1], limit)),
                    ),
                ),
            )


@rule("DYN014", "error")
def input_map(subject: Subject) -> Iterator[Finding]:
    """The map that a core takes is at most 128 wide and 128 high.

    Source: Speck Dev Kit Datasheet 2.4.
    """
    limit = subject.profile.limits.input_map
    if limit is None:
        return
    for layer in subject.layers:
        height, width = layer.input_shape[1:]
        if max(height, width) > limit:
            yield Finding(
                layer.name,
                f"input map {height}x{width}; a core of {subject.profile.name} takes at most "
                f"{limit}x{limit}",
                actual=f"{height}x{width}",
                limit=f"{limit}x{limit}",
                fix=f"Scale or pool its input to at most {limit}x{limit}.",
                changes=(Change("", "input_size", limit),)
                if layer.name in subject.network.entry
                else (),
            )


@rule("DYN015", "error")
def neuron_map(subject: Subject) -> Iterator[Finding]:
    """The map of neurons, before pooling, is at most 64 wide and 64 high.

    Source: Speck Dev Kit Datasheet 3.2.4.1; sinabs docs/faqs/available_network_arch.
    """
    limit = subject.profile.limits.neuron_map
    if limit is None:
        return
    for layer in subject.layers:
        height, width = layer.output_shape[1:]
        if max(height, width) > limit:
            yield Finding(
                layer.name,
                f"neuron map {height}x{width}; a core of {subject.profile.name} holds at most "
                f"{limit}x{limit}",
                actual=f"{height}x{width}",
                limit=f"{limit}x{limit}",
                changes=tuple(_smaller_map(layer, limit, subject.profile.limits.strides)),
                otherwise=SEVERAL,
            )


def _smaller_map(layer: Layer, limit: int, strides: tuple[int, ...]) -> Iterator[Change]:
    for step in sorted(strides):
        used = (max(step, layer.stride[0]), max(step, layer.stride[1]))
        extents = extents_with(layer, stride=used)
        if min(extents) > 0 and max(extents) <= limit:
            yield Change(layer.name, "stride", used)
            return


def extents_with(
    layer: Layer,
    *,
    kernel: tuple[int, int] | None = None,
    stride: tuple[int, int] | None = None,
    padding: tuple[int, int] | None = None,
) -> tuple[int, int]:
    """Height and width of the neuron map with another kernel, stride or padding."""
    sizes = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, p, d, k, s in zip(
            layer.input_shape[1:],
            padding or layer.padding,
            layer.dilation,
            kernel or layer.kernel,
            stride or layer.stride,
            strict=True,
        )
    ]
    return sizes[0], sizes[1]


@rule("DYN016", "error")
def channels(subject: Subject) -> Iterator[Finding]:
    """A core has at most 1024 input and 1024 output channels.

    Source: Speck Dev Kit Datasheet 3.2.4.1.
    """
    limit = subject.profile.limits.channels
    if limit is None:
        return
    for layer in subject.layers:
        sides: tuple[tuple[str, What, int], ...] = (
            ("input", "channels", layer.channels),
            ("output", "features", layer.features),
        )
        for side, what, count in sides:
            if count > limit:
                yield Finding(
                    layer.name,
                    f"{count} {side} channels; a core of {subject.profile.name} has at most "
                    f"{limit}",
                    actual=count,
                    limit=limit,
                    changes=(Change(layer.name, what, limit),),
                )


@rule("DYN017", "error")
def dilation(subject: Subject) -> Iterator[Finding]:
    """Kernels are not dilated.

    The chip has no field for it (inferred); sinabs 3.1.3 does not check it.
    """
    for layer in subject.layers:
        if layer.dilation != (1, 1):
            full = tuple((k - 1) * d + 1 for k, d in zip(layer.kernel, layer.dilation, strict=True))
            yield Finding(
                layer.name,
                f"dilation {_size(layer.dilation)}; {subject.profile.name} has none",
                actual=_size(layer.dilation),
                limit="1x1",
                fix=f"Write it as a {_size(full)} kernel with zeros between the weights.",
                changes=(Change(layer.name, "dilation", 1),),
            )


@rule("DYN018", "error")
def groups(subject: Subject) -> Iterator[Finding]:
    """A convolution has one group.

    The chip has no field for it (inferred); sinabs 3.1.3 does not check it.
    """
    for layer in subject.layers:
        if layer.groups != 1:
            yield Finding(
                layer.name,
                f"{layer.groups} groups; {subject.profile.name} has full convolutions only",
                actual=layer.groups,
                limit=1,
                fix="Write it as one convolution with zero weights between the groups.",
                changes=(Change(layer.name, "groups", 1),),
            )


@rule("DYN019", "error")
def padding_mode(subject: Subject) -> Iterator[Finding]:
    """Padding is with zeros.

    An address outside the map simply holds no event (inferred).
    """
    for layer in subject.layers:
        if layer.padding_mode != "zeros" and any(layer.padding):
            yield Finding(
                layer.name,
                f"padding mode {layer.padding_mode}; {subject.profile.name} pads with zeros",
                actual=layer.padding_mode,
                limit="zeros",
                changes=(Change(layer.name, "padding_mode", "zeros"),),
            )
