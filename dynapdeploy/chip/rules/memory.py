"""Rules about the memory of the cores and their number."""

from __future__ import annotations

from collections.abc import Iterator

from dynapdeploy.chip.changes import SEVERAL, Change
from dynapdeploy.chip.lower import Layer
from dynapdeploy.chip.memory import bias_words, bits, kernel_words, neuron_words
from dynapdeploy.chip.place import Demand
from dynapdeploy.chip.profile import CoreMemory
from dynapdeploy.chip.rules.geometry import extents_with, pooled_input
from dynapdeploy.chip.rules.rule import Finding, Subject, rule


@rule("DYN020", "error")
def core_count(subject: Subject) -> Iterator[Finding]:
    """Every layer takes a core of its own.

    Source: Speck Dev Kit Datasheet 2.4 (nine cores); mini chips: five.
    """
    if subject.profile.unlimited_cores:
        return
    count, limit = len(subject.layers), len(subject.profile.cores)
    if count > limit:
        yield Finding(
            None,
            f"{count} layers with weights; {subject.profile.name} has {limit} cores",
            actual=count,
            limit=limit,
            fix=f"Remove at least {count - limit} layers.",
        )


@rule("DYN021", "error")
def kernel_memory(subject: Subject) -> Iterator[Finding]:
    """The weights of a layer fit the kernel memory of some core.

    They take c * 2^(ceil(log2(kh kw)) + ceil(log2(f))) words of 8 bits. Source: Speck Dev Kit
    Datasheet 3.2.4.1; sinabs ``DynapcnnLayer.memory_summary``.
    """
    limit = subject.profile.largest("kernel")
    for layer in subject.layers:
        words = subject.demands[layer.name].kernel
        if limit is not None and words > limit:
            size = f"{layer.kernel[0]}x{layer.kernel[1]}"
            yield Finding(
                layer.name,
                f"kernel memory {words:,} words ({layer.channels} to {layer.features} channels, "
                f"{size}); "
                f"the largest core of {subject.profile.name} has {limit:,}",
                actual=words,
                limit=limit,
                changes=tuple(_fewer_weights(subject, layer, limit)),
                otherwise=SEVERAL,
            )


def _fewer_weights(subject: Subject, layer: Layer, limit: int) -> Iterator[Change]:
    place = bits(layer.kernel[0] * layer.kernel[1])
    features = limit // (layer.channels << place)
    if features:
        yield Change(layer.name, "features", 1 << (features.bit_length() - 1))
    channels = limit >> (place + bits(layer.features))
    if channels:
        yield Change(layer.name, "channels", channels)
    for side in range(max(layer.kernel) - 1, 0, -1):
        if kernel_words(layer.channels, layer.features, (side, side)) <= limit:
            if layer.covers_map:
                yield from pooled_input(subject, layer, side)
            else:
                yield Change(layer.name, "kernel", side)
            return


@rule("DYN022", "error")
def neuron_memory(subject: Subject) -> Iterator[Finding]:
    """The neurons of a layer, before pooling, fit the neuron memory of some core.

    They take f * 2^(ceil(log2(h)) + ceil(log2(w))) words of 16 bits. Source: Speck Dev Kit
    Datasheet 3.2.4.1; sinabs ``DynapcnnLayer.memory_summary``.
    """
    limit = subject.profile.largest("neuron")
    for layer in subject.layers:
        words = subject.demands[layer.name].neuron
        if limit is not None and words > limit:
            features, height, width = layer.output_shape
            yield Finding(
                layer.name,
                f"neuron memory {words:,} words ({features} channels of {height}x{width}); "
                f"the largest core of {subject.profile.name} has {limit:,}",
                actual=words,
                limit=limit,
                changes=tuple(_fewer_neurons(layer, limit, subject.profile.limits.strides)),
                otherwise=SEVERAL,
            )


def _fewer_neurons(layer: Layer, limit: int, strides: tuple[int, ...]) -> Iterator[Change]:
    features, height, width = layer.output_shape
    fewer = limit >> (bits(height) + bits(width))
    if fewer:
        yield Change(layer.name, "features", fewer)
    for step in sorted(strides):
        if step > max(layer.stride):
            extents = extents_with(layer, stride=(step, step))
            if min(extents) > 0 and neuron_words(features, *extents) <= limit:
                yield Change(layer.name, "stride", (step, step))
                return


@rule("DYN023", "error")
def bias_memory(subject: Subject) -> Iterator[Finding]:
    """The biases of a layer fit the bias memory of some core.

    One word per output channel; the mini chips have three cores without any. Source: datasheet
    table 1; sinabs before 3.0, chips/speck2dmini.
    """
    limit = subject.profile.largest("bias")
    for layer in subject.layers:
        words = subject.demands[layer.name].bias
        if limit is not None and words > limit:
            yield Finding(
                layer.name,
                f"bias memory {words:,} words; the largest core of {subject.profile.name} has "
                f"{limit:,}",
                actual=words,
                limit=limit,
                changes=(
                    *([Change(layer.name, "features", limit)] if limit else []),
                    Change(layer.name, "bias", None),
                ),
            )


@rule("DYN024", "error")
def one_core(subject: Subject) -> Iterator[Finding]:
    """Kernels, neurons and biases of a layer fit one and the same core.

    A core has much kernel memory or much neuron memory, not both. Source: datasheet table 1.
    """
    profile = subject.profile
    if profile.unlimited_cores:
        return
    for layer in subject.layers:
        demand = subject.demands[layer.name]
        needs = ((kind, getattr(demand, kind)) for kind in ("kernel", "neuron", "bias"))
        if any(words > (profile.largest(kind) or 0) for kind, words in needs):
            continue
        if not any(demand.fits(core) for core in profile.cores):
            yield Finding(
                layer.name,
                f"kernel memory {demand.kernel:,} and neuron memory {demand.neuron:,} words; "
                f"no core of {profile.name} has both",
                actual=f"{demand.kernel}/{demand.neuron}",
                limit=_pairs(subject),
                changes=tuple(_fits_one(layer, subject)),
                otherwise=SEVERAL,
            )


def _pairs(subject: Subject) -> str:
    pairs = dict.fromkeys((core.kernel, core.neuron) for core in subject.profile.cores)
    return ", ".join(f"{kernel}/{neuron}" for kernel, neuron in pairs)


def _fits_one(layer: Layer, subject: Subject) -> Iterator[Change]:
    features = layer.features
    bias = layer.bias is not None

    def fits(features: int, kernel: tuple[int, int], extents: tuple[int, int]) -> bool:
        demand = Demand(
            layer.name,
            kernel_words(layer.channels, features, kernel),
            neuron_words(features, *extents),
            bias_words(features, bias),
        )
        return any(demand.fits(core) for core in subject.profile.cores)

    most = max(_most_features(layer, core) for core in subject.profile.cores)
    if most:
        yield Change(layer.name, "features", most)
    for step in sorted(subject.profile.limits.strides):
        extents = extents_with(layer, stride=(step, step))
        if step > max(layer.stride) and min(extents) > 0 and fits(features, layer.kernel, extents):
            yield Change(layer.name, "stride", (step, step))
            break


def _most_features(layer: Layer, core: CoreMemory) -> int:
    """Output channels with which the layer fits the core; 0 if it never does."""
    _, height, width = layer.output_shape
    kernel = core.kernel // (layer.channels << bits(layer.kernel[0] * layer.kernel[1]))
    whole = 1 << (kernel.bit_length() - 1) if kernel else 0
    neuron = core.neuron >> (bits(height) + bits(width))
    return min(whole, neuron, core.bias if layer.bias is not None else neuron)
