"""What calibration may choose for one layer, and what the layer becomes by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from dynapdeploy.chip.lower import Layer
from dynapdeploy.chip.quantize import QuantizedLayer, Rounding, nearest, quantize

RoundingName = Literal["nearest", "fitted"]
AS_WRITTEN = "as written"


@dataclass(frozen=True)
class LayerChoice:
    """Choices for one layer.

    Attributes:
        activity: spikes that the layer gives, relative to the float net; 2 means twice as many.
            The layers that take them weigh each half as much, so the function stays the same.
        lower_bound: of the membrane in thresholds (-1: minus one threshold), None for the lowest
            value from which no single weight leaves 16 bits, ``"as written"`` for that of the net.
        clip: quantile of the weights' magnitudes at which weights are cut off; 1: none is.
        rounding: ``"nearest"``, or ``"fitted"`` to the inputs that the layer gets.
    """

    activity: float = 1.0
    lower_bound: float | str | None = AS_WRITTEN
    clip: float = 1.0
    rounding: RoundingName = "nearest"


Choices = Mapping[str, LayerChoice]


def rescaled(layer: Layer, choice: LayerChoice, input_activity: float) -> Layer:
    """The layer with inputs ``input_activity`` times, and spikes ``choice.activity`` times as many.

    From v = sum w x + b against the threshold t follows, with a-fold inputs and c-fold spikes, the
    threshold t a / c and the bias a b.
    """
    factor = input_activity / choice.activity
    threshold = layer.neuron.threshold * factor
    bound = layer.neuron.lower_bound
    if choice.lower_bound is None:
        bound = None
    elif isinstance(choice.lower_bound, int | float):
        bound = choice.lower_bound * threshold
    elif bound is not None:
        bound *= factor
    neuron = replace(layer.neuron, threshold=threshold, lower_bound=bound)
    bias = None if layer.bias is None else layer.bias * input_activity
    return replace(layer, neuron=neuron, bias=bias)


def quantize_chosen(
    layer: Layer, choice: LayerChoice, input_activity: float, fitted: Rounding
) -> QuantizedLayer:
    """The layer in integers, as chosen; ``fitted`` is the rounding of that name."""
    rounding = fitted if choice.rounding == "fitted" else nearest
    found = quantize(rescaled(layer, choice, input_activity), choice.clip, rounding)
    return replace(found, layer=layer)
