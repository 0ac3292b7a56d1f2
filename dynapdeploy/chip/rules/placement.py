"""Rules about which layer runs on which core."""

from __future__ import annotations

from collections.abc import Iterator

from dynapdeploy.chip.changes import SEVERAL, Change
from dynapdeploy.chip.memory import bias_words, bits, kernel_words, neuron_words
from dynapdeploy.chip.place import Demand, place
from dynapdeploy.chip.rules.rule import Finding, Subject, rule


@rule("DYN025", "error")
def placement(subject: Subject) -> Iterator[Finding]:
    """All layers together find cores.

    Each layer may fit some core while several compete for the same ones.
    """
    hopeless = {
        name
        for name, demand in subject.demands.items()
        if not any(demand.fits(core) for core in subject.profile.cores)
    } | {name for name in subject.pinned if not _pin_holds(subject, name)}
    for shortage in subject.placement.shortages:
        layers = [name for name in shortage.layers if name not in hopeless]
        count = len(shortage.cores)
        if len(layers) <= count or count == len(subject.profile.cores):
            continue
        pinned = [name for name in layers if name in subject.pinned]
        chosen = "".join(f" ({name} was put on core {subject.pinned[name]})" for name in pinned)
        changes = tuple(_smaller_one(subject, layers))
        yield Finding(
            ", ".join(layers),
            f"{len(layers)} layers can only use {count} core{'' if count == 1 else 's'} of "
            f"{subject.profile.name} ({', '.join(map(str, shortage.cores))}){chosen}; "
            f"{_needs(subject, layers)}",
            actual=len(layers),
            limit=count,
            fix=_untangling(changes, pinned),
            changes=changes,
        )


def _needs(subject: Subject, layers: list[str]) -> str:
    """Kernel and neuron memory of each, for the reader to see why."""
    demands = ((name, subject.demands[name]) for name in layers)
    each = ", ".join(f"{name}: {d.kernel:,} and {d.neuron:,}" for name, d in demands)
    return f"words of kernel and neuron memory needed: {each}"


def _pin_holds(subject: Subject, name: str) -> bool:
    cores, core = subject.profile.cores, subject.pinned[name]
    return core < len(cores) and subject.demands[name].fits(cores[core])


@rule("DYN027", "error")
def chosen_core(subject: Subject) -> Iterator[Finding]:
    """A core chosen with ``--core`` exists and holds its layer.

    sinabs does not check the memory of a core that was chosen by hand. Source: sinabs 3.1.3
    ``layer2core_map``.
    """
    cores = subject.profile.cores
    if subject.profile.unlimited_cores:
        return
    for name, core in subject.pinned.items():
        if _pin_holds(subject, name):
            continue
        demand = subject.demands[name]
        fitting = [i for i, other in enumerate(cores) if demand.fits(other)]
        needs = f"it needs {demand.kernel:,} words of kernel and {demand.neuron:,} of neuron memory"
        has = (
            f"which has {cores[core].kernel:,} and {cores[core].neuron:,}"
            if core < len(cores)
            else f"but {subject.profile.name} has cores 0 to {len(cores) - 1}"
        )
        yield Finding(
            name,
            f"put on core {core}, {has}; {needs}",
            actual=core,
            limit=", ".join(map(str, fitting)) or "none",
            fix=f"Choose one of the cores {', '.join(map(str, fitting))}."
            if fitting
            else "Make it smaller, no core holds it.",
        )


def _untangling(changes: tuple[Change, ...], pinned: list[str]) -> str:
    ways = [change.text_for(None) for change in changes]
    ways += ["another --core for " + " or ".join(pinned)] if pinned else []
    return f"Use {', or '.join(ways)}." if ways else SEVERAL


def _smaller_one(subject: Subject, names: list[str]) -> Iterator[Change]:
    """For each layer the most output channels with which all of ``names`` find cores."""
    ends = [layer for layer in subject.layers if any(t.layer is None for t in layer.targets)]
    for layer in subject.layers:
        if layer.name not in names or layer in ends:
            continue
        features = 1 << (bits(layer.features) - 1) if layer.features > 1 else 0
        while features:
            _, height, width = layer.output_shape
            smaller = Demand(
                layer.name,
                kernel_words(layer.channels, features, layer.kernel),
                neuron_words(features, height, width),
                bias_words(features, layer.bias is not None),
            )
            demands = list({**subject.demands, layer.name: smaller}.values())
            found = place(demands, subject.profile, pinned=subject.pinned)
            if not any(set(names) & set(shortage.layers) for shortage in found.shortages):
                yield Change(layer.name, "features", features)
                break
            features //= 2


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
