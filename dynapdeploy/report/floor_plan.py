"""The chip's floor plan: its cores, the layers on them, and how full their memories are."""

from __future__ import annotations

from dynapdeploy.chip.image import ChipImage, CoreImage
from dynapdeploy.chip.memory import kernel_words, neuron_words
from dynapdeploy.chip.profile import CoreMemory, Profile
from dynapdeploy.report.figures import percent
from dynapdeploy.report.markup import Markup, join, tag


def used_words(core: CoreImage) -> tuple[int, int]:
    """Words of kernel and of neuron memory that a core's layer takes."""
    features, channels, ky, kx = core.weights.shape
    return kernel_words(channels, features, (ky, kx)), neuron_words(*core.output_shape)


def floor_plan(image: ChipImage, profile: Profile) -> Markup:
    """All cores of the chip in the order of their ids; of an unlimited chip only those in use."""
    used = {core.core: core for core in image.cores}
    ids = sorted(set(range(len(profile.cores))) | set(used))
    cells = []
    for core in ids:
        memory = profile.cores[core] if core < len(profile.cores) else None
        cells.append(_used(image, used[core], memory) if core in used else _unused(core, memory))
    return tag("div", *cells, class_="plan")


def _used(image: ChipImage, core: CoreImage, memory: CoreMemory | None) -> Markup:
    kernel, neuron = used_words(core)
    goes = ", ".join(
        ("output" if d.core is None else f"core {d.core}")
        + (f" (pool {d.pooling})" if d.pooling > 1 else "")
        for d in core.destinations
    )
    comes = "input events; " if core.core in image.entry else ""
    shape = "x".join(map(str, core.output_shape))
    features, channels, ky, kx = core.weights.shape
    return tag(
        "div",
        tag("div", f"core {core.core}", class_="small"),
        tag("div", core.name, class_="name"),
        tag(
            "div", f"{channels} to {features} channels, {ky}x{kx}; {shape} neurons", class_="small"
        ),
        _meter("kernel", kernel, memory.kernel if memory else None, ""),
        _meter("neuron", neuron, memory.neuron if memory else None, " second"),
        tag("div", f"{comes}to {goes or 'nowhere'}", class_="small"),
        class_="core",
    )


def _unused(core: int, memory: CoreMemory | None) -> Markup:
    size = (
        "" if memory is None else f"kernel {memory.kernel:,} words, neuron {memory.neuron:,} words"
    )
    return tag(
        "div",
        tag("div", f"core {core}", class_="small"),
        tag("div", "unused"),
        tag("div", size, class_="small"),
        class_="core unused",
    )


def _meter(name: str, words: int, available: int | None, style: str) -> Markup:
    if available is None:
        return tag("div", f"{name} {words:,} words", class_="small")
    share = words / available if available else 1.0
    label = f"{name} {words:,} of {available:,} words, {percent(share)}"
    bar = tag("i", style=f"width:{min(share, 1) * 100:.1f}%")
    return join(
        [
            tag("div", label, class_="small"),
            tag("div", bar, class_=f"meter{style}", role="img", aria_label=label),
        ]
    )
