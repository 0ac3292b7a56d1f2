"""Rules about the memory of the cores and their number."""

from __future__ import annotations

from collections.abc import Iterator

from dynapdeploy.chip.lower import Layer
from dynapdeploy.chip.memory import bits, kernel_words, neuron_words
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
                fix=_fewer_weights(layer, limit),
            )


def _fewer_weights(layer: Layer, limit: int) -> str:
    ways = []
    features = limit // (layer.channels << bits(layer.kernel[0] * layer.kernel[1]))
    if features:
        ways.append(f"at most {1 << (features.bit_length() - 1)} output channels")
    channels = limit >> (bits(layer.kernel[0] * layer.kernel[1]) + bits(layer.features))
    if channels:
        ways.append(f"at most {channels} input channels")
    for side in range(max(layer.kernel) - 1, 0, -1):
        if kernel_words(layer.channels, layer.features, (side, side)) <= limit:
            ways.append(f"a {side}x{side} kernel")
            break
    return f"Use {', or '.join(ways)}." if ways else "Use fewer channels and a smaller kernel."


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
                fix=_fewer_neurons(layer, limit, subject.profile.limits.strides),
            )


def _fewer_neurons(layer: Layer, limit: int, strides: tuple[int, ...]) -> str:
    features, height, width = layer.output_shape
    ways = []
    fewer = limit >> (bits(height) + bits(width))
    if fewer:
        ways.append(f"at most {fewer} output channels")
    for step in sorted(strides):
        if step <= max(layer.stride):
            continue
        extents = [
            (n + 2 * p - k) // step + 1
            for n, p, k in zip(layer.input_shape[1:], layer.padding, layer.kernel, strict=True)
        ]
        if min(extents) > 0 and neuron_words(features, *extents) <= limit:
            ways.append(f"stride {step}")
            break
    return f"Use {', or '.join(ways)}." if ways else "Use a smaller map and fewer channels."


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
                fix=f"Use at most {limit} output channels, or no bias.",
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
                fix=_fits_one(layer, subject),
            )


def _pairs(subject: Subject) -> str:
    pairs = dict.fromkeys((core.kernel, core.neuron) for core in subject.profile.cores)
    return ", ".join(f"{kernel}/{neuron}" for kernel, neuron in pairs)


def _fits_one(layer: Layer, subject: Subject) -> str:
    _, height, width = layer.output_shape
    for features in range(layer.features - 1, 0, -1):
        kernel = kernel_words(layer.channels, features, layer.kernel)
        neuron = neuron_words(features, height, width)
        if any(kernel <= c.kernel and neuron <= c.neuron for c in subject.profile.cores):
            return f"Use at most {features} output channels."
    return "Use a smaller map or fewer channels."


@rule("DYN025", "error")
def placement(subject: Subject) -> Iterator[Finding]:
    """All layers together find cores.

    Each layer may fit some core while several compete for the same ones.
    """
    found = subject.placement
    hopeless = {
        name
        for name, demand in subject.demands.items()
        if not any(demand.fits(core) for core in subject.profile.cores)
    }
    layers = [name for name in found.competing if name not in hopeless]
    pinned = [name for name in layers if name in subject.pinned]
    if len(layers) <= len(found.contested) and not pinned:
        return
    cores = ", ".join(map(str, found.contested)) or "none"
    chosen = "".join(f" ({name} was pinned to core {subject.pinned[name]})" for name in pinned)
    if layers:
        yield Finding(
            ", ".join(layers),
            f"{len(layers)} layers can only use {len(found.contested)} cores of "
            f"{subject.profile.name} ({cores}){chosen}",
            actual=len(layers),
            limit=len(found.contested),
            fix="Make one of them smaller so that it fits another core"
            + (", or choose other cores." if pinned else "."),
        )


@rule("DYN026", "warning")
def parallel_core(subject: Subject) -> Iterator[Finding]:
    """Cores 0 and 1 of the Speck 2E and 2F work in parallel inside.

    The order of neurons within one event is not fixed there, so a run may differ from the emulator
    in the order of spikes. Source: datasheet 2.4; sinabs' hardware tests leave them out.
    """
    for name, core in subject.placement.cores.items():
        if core in subject.profile.parallel_cores:
            yield Finding(
                name,
                f"runs on core {core}, whose internal event order the hardware does not fix",
                actual=core,
                limit="cores "
                + ", ".join(
                    str(i)
                    for i in range(len(subject.profile.cores))
                    if i not in subject.profile.parallel_cores
                ),
                fix="Nothing, if spike counts decide; see `estimate --jitter` for the effect.",
            )
