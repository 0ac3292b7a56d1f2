"""Rules about neurons and biases."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

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
        if layer.neuron.lower_bound == 0:
            yield Finding(
                layer.name,
                "lower bound 0; the chip has a fault there, threshold_low becomes -1",
                actual=0,
                limit=-1,
                fix="Nothing, or train with a lower bound below 0.",
            )


@rule("DYN053", "error")
def threshold(subject: Subject) -> Iterator[Finding]:
    """The threshold of a neuron is above 0, and above its lower bound, which is not above 0.

    Source: Speck Dev Kit Datasheet 3.2.4.4.
    """
    for layer in subject.layers:
        neuron = layer.neuron
        if not neuron.threshold > 0:
            yield Finding(
                layer.name,
                f"threshold {neuron.threshold}; it must be above 0",
                actual=neuron.threshold,
                limit=0,
                fix="Use a positive threshold.",
            )
        elif neuron.lower_bound is not None and neuron.lower_bound > 0:
            yield Finding(
                layer.name,
                f"lower bound {neuron.lower_bound}; it must not be above 0, where states begin",
                actual=neuron.lower_bound,
                limit=0,
                fix="Use a lower bound of at most 0.",
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
