"""Rules about neurons and biases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from dynapdeploy.chip.changes import Change
from dynapdeploy.chip.place import demand_of
from dynapdeploy.chip.rules.rule import Finding, Subject, rule


@rule("DYN050", "error")
def bias(subject: Subject) -> Iterator[Finding]:
    """Layers have no bias, unless it is asked for as a leak.

    On the chip a bias is added to every neuron at every tick of the slow clock, not once per
    sample, and costs power. Accepted with ``--allow-bias``. Source: sinabs docs/dangers; datasheet
    3.2.4.7.
    """
    for layer in subject.layers:
        if layer.bias is not None and not subject.allow_bias:
            yield Finding(
                layer.name,
                f"{int(np.count_nonzero(layer.bias))} nonzero biases (largest magnitude "
                f"{np.abs(layer.bias).max():.4g}); on {subject.profile.name} a bias is a leak at "
                "every tick of the slow clock",
                actual=int(np.count_nonzero(layer.bias)),
                limit=0,
                fix="Train with bias=False, or accept the leak with --allow-bias.",
                changes=(Change(layer.name, "bias", None),),
            )


@rule("DYN051", "warning")
def leak(subject: Subject) -> Iterator[Finding]:
    """An accepted bias is a leak: what it does depends on the slow clock.

    It equals a bias per time step only if the clock ticks once per step. Source: sinabs
    docs/dangers, docs/notebooks/leak_neuron.
    """
    for layer in subject.layers:
        if layer.bias is not None and subject.allow_bias:
            yield Finding(
                layer.name,
                "its bias is added to every neuron at every tick of the slow clock",
                actual=int(np.count_nonzero(layer.bias)),
                limit=0,
                fix="Set the slow clock to one tick per time step of the training.",
            )


@rule("DYN052", "warning")
def zero_bound(subject: Subject) -> Iterator[Finding]:
    """The lower bound of the membrane is not 0.

    The chip has a fault at ``threshold_low`` = 0; -1 is written instead. Source: datasheet
    3.2.4.6.3.
    """
    for layer in subject.layers:
        quantized = subject.quantized.get(layer.name)
        if layer.neuron.lower_bound == 0 and (quantized is None or quantized.threshold_low != 0):
            yield Finding(
                layer.name,
                "lower bound 0; the chip has a fault there, threshold_low becomes -1",
                actual=0,
                limit=-1,
                fix="Nothing, or train with a lower bound below 0.",
                changes=(Change(layer.name, "lower_bound", -abs(layer.neuron.threshold) or -1.0),),
            )


@rule("DYN053", "error")
def threshold(subject: Subject) -> Iterator[Finding]:
    """The threshold of a neuron is above 0.

    Source: Speck Dev Kit Datasheet 3.2.4.4.
    """
    for layer in subject.layers:
        if not layer.neuron.threshold > 0:
            yield Finding(
                layer.name,
                f"threshold {layer.neuron.threshold}; it must be above 0",
                actual=layer.neuron.threshold,
                limit=0,
                fix="Use a positive threshold.",
                changes=(Change(layer.name, "threshold", 1.0),),
            )


@rule("DYN054", "error")
def positive_bound(subject: Subject) -> Iterator[Finding]:
    """The lower bound of the membrane is not above 0, where states begin.

    Source: Speck Dev Kit Datasheet 3.2.4.4.
    """
    for layer in subject.layers:
        bound = layer.neuron.lower_bound
        if bound is not None and bound > 0:
            yield Finding(
                layer.name,
                f"lower bound {bound}; it must not be above 0, where states begin",
                actual=bound,
                limit=0,
                fix="Use a lower bound of at most 0.",
                changes=(Change(layer.name, "lower_bound", -abs(layer.neuron.threshold) or -1.0),),
            )


@rule("DYN070", "advice")
def readout(subject: Subject) -> Iterator[Finding]:
    """The readout layer of the chip tells at most 15 classes apart.

    The emulator and the host count the output spikes of any number. Source: datasheet 3.2.5.
    """
    limit = subject.profile.limits.readout_classes
    if limit is None:
        return
    for layer in subject.layers:
        if any(target.layer is None for target in layer.targets) and layer.features > limit:
            yield Finding(
                layer.name,
                f"{layer.features} output channels; the readout layer has {limit} classes, "
                "the host has to count the spikes",
                actual=layer.features,
                limit=limit,
                fix=f"Use at most {limit} classes to read them from the chip's pins.",
            )


@rule("DYN071", "advice")
def readout_width(subject: Subject) -> Iterator[Finding]:
    """A last layer that is widened for the readout layer still fits its core.

    The readout layer of speck2e and speck2f takes class k from channel 4 (k - 1), so n classes
    need 4 (n - 1) + 1 channels. Source: chip errata of the Speck documentation.
    """
    profile = subject.profile
    classes = profile.limits.readout_classes
    for layer in subject.layers:
        core = subject.placement.cores.get(layer.name)
        ends = any(target.layer is None for target in layer.targets)
        if core is None or not ends or classes is None or profile.readout_stride == 1:
            continue
        wide = profile.readout_stride * (layer.features - 1) + 1
        demand = demand_of(
            replace(
                layer,
                weight=np.broadcast_to(0.0, (wide, *layer.weight.shape[1:])),
                output_shape=(wide, *layer.output_shape[1:]),
            )
        )
        if layer.features <= classes and not any(demand.fits(c) for c in profile.cores):
            yield Finding(
                layer.name,
                f"widened to {wide} channels for the readout layer it would take {demand.kernel:,} "
                f"words of kernel and {demand.neuron:,} of neuron memory; no core of "
                f"{profile.name} has both",
                actual=wide,
                limit=layer.features,
                fix="Count the output spikes on the host, or use fewer input channels.",
            )
