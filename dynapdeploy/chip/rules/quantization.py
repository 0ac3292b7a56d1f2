"""Rules about what quantization did: nothing is lost silently."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dynapdeploy.chip.image import STATE_MAX, STATE_MIN
from dynapdeploy.chip.rules.rule import Finding, Subject, rule

LARGE_SHARE_ZEROED = 0.5
COARSE_THRESHOLD = 8
FEW_LEVELS = 64


@rule("DYN060", "warning")
def weak_threshold(subject: Subject) -> Iterator[Finding]:
    """The quantized threshold is not so small that it has lost its meaning.

    At 0 a neuron fires at every event that reaches it, whatever the weight.
    """
    for name, layer in subject.quantized.items():
        if layer.threshold_high < COARSE_THRESHOLD:
            yield Finding(
                name,
                f"threshold {layer.threshold_high} after quantization, its weights are up to "
                f"{int(np.abs(layer.weights.astype(int)).max(initial=0))}",
                actual=layer.threshold_high,
                limit=COARSE_THRESHOLD,
                fix="Train with smaller weights, or scale the threshold up.",
            )


@rule("DYN061", "warning")
def large_weights(subject: Subject) -> Iterator[Finding]:
    """No weight exceeds the threshold.

    One event then leaves more than a threshold behind, but a neuron fires at most once per event.
    Source: sinabs docs/faqs/tips_for_training.
    """
    for name, layer in subject.quantized.items():
        above = int((layer.weights > layer.threshold_high).sum())
        if above:
            yield Finding(
                name,
                f"{above} of {layer.weights.size} weights exceed the threshold "
                f"{layer.threshold_high}; a neuron fires at most once per event",
                actual=int(layer.weights.max()),
                limit=layer.threshold_high,
                fix="Fine-tune in the chip's arithmetic, or keep weights below the threshold.",
            )


@rule("DYN062", "warning")
def headroom(subject: Subject) -> Iterator[Finding]:
    """No single event carries a state out of 16 bits from between its bounds.

    What the chip does on overflow no public source says.
    """
    for name, layer in subject.quantized.items():
        weights = layer.weights.astype(int)
        top = layer.threshold_high + int(weights.max(initial=0))
        bottom = layer.threshold_low + int(weights.min(initial=0))
        if top > STATE_MAX or bottom < STATE_MIN:
            yield Finding(
                name,
                f"one event can carry a state to {top if top > STATE_MAX else bottom}, "
                "beyond 16 bits",
                actual=top if top > STATE_MAX else bottom,
                limit=STATE_MAX if top > STATE_MAX else STATE_MIN,
                fix="Use the default quantizer, which keeps the distance.",
            )


@rule("DYN063", "warning")
def zeroed_weights(subject: Subject) -> Iterator[Finding]:
    """Quantization does not turn most weights of a layer into zero.

    One outlier takes the whole range of 8 bits and leaves nothing for the others.
    """
    for name, layer in subject.quantized.items():
        if layer.zeroed > LARGE_SHARE_ZEROED:
            magnitudes = np.abs(layer.layer.weight)
            reach = int(np.abs(layer.weights.astype(int)).max(initial=0))
            yield Finding(
                name,
                f"{layer.zeroed:.1%} of its nonzero weights became 0 (largest weight "
                f"{magnitudes.max():.3g}, now {reach} of 127; median {np.median(magnitudes):.3g})",
                actual=round(layer.zeroed, 4),
                limit=LARGE_SHARE_ZEROED,
                fix="Clip the outliers in training, or convert with --calibrate."
                if reach >= FEW_LEVELS
                else "Use the default quantizer, or a threshold and a lower bound nearer to the "
                "weights: 16 bits of those take all the range.",
            )


@rule("DYN064", "warning")
def dead_channels(subject: Subject) -> Iterator[Finding]:
    """Every output channel has a positive weight left.

    Without one its neurons can never fire.
    """
    for name, layer in subject.quantized.items():
        living = np.any(layer.weights > 0, axis=(1, 2, 3))
        if layer.bias is not None:
            living = living | (layer.bias > 0)
        dead = np.flatnonzero(~living)
        if len(dead):
            shown = ", ".join(map(str, dead[:8])) + (", ..." if len(dead) > 8 else "")
            lost = int(np.any(layer.layer.weight[dead] > 0, axis=(1, 2, 3)).sum())
            yield Finding(
                name,
                f"{len(dead)} of {len(living)} output channels can never fire ({shown})"
                + (f"; {lost} of them could before quantization" if lost else ""),
                actual=len(dead),
                limit=0,
                fix="Remove them, or train longer."
                if not lost
                else "Clip the outliers in training, or convert with --calibrate.",
            )


@rule("DYN065", "warning")
def clipped_weights(subject: Subject) -> Iterator[Finding]:
    """No weight lies beyond 8 bits.

    What lies beyond is clipped to -128 or 127.
    """
    for name, layer in subject.quantized.items():
        if layer.clipped:
            yield Finding(
                name,
                f"{layer.clipped:.2%} of its weights were clipped to 8 bits",
                actual=round(layer.clipped, 6),
                limit=0,
                fix="Use the default quantizer without calibration, which never clips.",
            )


@rule("DYN066", "warning")
def zero_threshold_low(subject: Subject) -> Iterator[Finding]:
    """``threshold_low`` is not 0 and lies below ``threshold_high``.

    The chip has a fault at 0. Source: datasheet 3.2.4.6.3.
    """
    for name, layer in subject.quantized.items():
        if layer.threshold_low == 0 or layer.threshold_low >= layer.threshold_high:
            yield Finding(
                name,
                f"threshold_low {layer.threshold_low} with threshold_high {layer.threshold_high}",
                actual=layer.threshold_low,
                limit=-1,
                fix="Use the default quantizer, which writes -1 instead of 0.",
            )


@rule("DYN067", "warning")
def threshold_at_its_limit(subject: Subject) -> Iterator[Finding]:
    """Weights use at least half of their 8 bits.

    Where the threshold is so much larger than the weights that 16 bits end first, weights become
    coarse. Source: ``threshold_high`` has 16 bits (datasheet 3.2.4.4).
    """
    for name, layer in subject.quantized.items():
        largest = int(np.abs(layer.weights.astype(int)).max(initial=0))
        if 0 < largest < FEW_LEVELS and layer.threshold_high > STATE_MAX // 2:
            yield Finding(
                name,
                f"its largest weight is {largest} of 127 with threshold {layer.threshold_high}; "
                "16 bits of the threshold leave no more",
                actual=largest,
                limit=FEW_LEVELS,
                fix="Train with larger weights or a smaller threshold, or convert with "
                "--calibrate.",
            )
