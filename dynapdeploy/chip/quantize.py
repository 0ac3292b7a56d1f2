"""From float layers to the integers of a core: int8 weights, int16 bias, thresholds and bounds.

Weights, bias, threshold and lower bound of a layer share one scale, because multiplying all of
them by the same positive number leaves an integrate-and-fire neuron's spikes as they are. Only
rounding and clipping change the function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dynapdeploy.chip.image import STATE_MAX, STATE_MIN, WEIGHT_MAX, WEIGHT_MIN
from dynapdeploy.chip.lower import Layer
from dynapdeploy.errors import SourceError


@dataclass(frozen=True, eq=False)
class QuantizedLayer:
    """A layer in integers.

    Attributes:
        layer: the float layer it was made from.
        scale: integers per unit of the float layer.
        weights: int8 ``[out, in / groups, ky, kx]``.
        bias: int16 ``[out]`` or None.
        threshold_high, threshold_low: int16 range.
    """

    layer: Layer
    scale: float
    weights: np.ndarray
    bias: np.ndarray | None
    threshold_high: int
    threshold_low: int

    @property
    def zeroed(self) -> float:
        """Share of the nonzero weights that became zero."""
        nonzero = self.layer.weight != 0
        count = int(nonzero.sum())
        return float((nonzero & (self.weights == 0)).sum() / count) if count else 0.0

    @property
    def clipped(self) -> float:
        """Share of the weights that lay beyond the 8-bit range."""
        scaled = np.rint(self.layer.weight * self.scale)
        return float(((scaled < WEIGHT_MIN) | (scaled > WEIGHT_MAX)).mean())

    @property
    def effective_bits(self) -> float:
        """log2 of the number of different weights in use."""
        return float(np.log2(max(1, len(np.unique(self.weights)))))

    @property
    def signal_to_noise_db(self) -> float:
        """Power of the weights over the power of their rounding error, in dB; inf if exact."""
        return _decibels(self._error, self.layer.weight)

    @property
    def worst_channel_db(self) -> float:
        """The same for the output channel that has lost most, which an outlier elsewhere hides."""
        return min(map(_decibels, self._error, self.layer.weight), default=float("inf"))

    @property
    def _error(self) -> np.ndarray:
        return self.weights / self.scale - self.layer.weight


def _decibels(error: np.ndarray, weight: np.ndarray) -> float:
    noise, signal = float(np.square(error).sum()), float(np.square(weight).sum())
    return float(10 * np.log10(signal / noise)) if noise and signal else float("inf")


Quantizer = Callable[[Layer], QuantizedLayer]
Rounding = Callable[[str, np.ndarray], np.ndarray]
"""From a layer's name and its scaled weights to whole numbers, each the one below or above."""


def nearest(name: str, scaled: np.ndarray) -> np.ndarray:
    """The nearest whole numbers, half to even."""
    return np.rint(scaled)


def quantize(layer: Layer, clip: float = 1.0, rounding: Rounding = nearest) -> QuantizedLayer:
    """Quantize a layer with the largest scale that 8-bit weights and 16-bit states admit.

    The scale makes the largest weight 127 (or the smallest -128), but lets no single weight carry a
    neuron out of 16 bits from just below its threshold, nor from its lower bound. A neuron without
    lower bound gets the lowest value from which no single weight can leave 16 bits, and a bias has
    16 bits of its own: neither has a say in the scale unless the bias would leave its word.

    Args:
        layer: the float layer.
        clip: quantile of the weights' magnitudes at which they are cut off first; 1: none is.
        rounding: how scaled weights become whole numbers.
    """
    edge = float(np.quantile(np.abs(layer.weight), clip)) if clip < 1 else np.inf
    weight = np.clip(layer.weight, -edge, edge) if edge > 0 else layer.weight
    highest, lowest = float(weight.max(initial=0)), float(weight.min(initial=0))
    neuron = layer.neuron
    limits = [STATE_MAX / (neuron.threshold + max(highest, 0.0))]
    if highest > 0:
        limits.append(WEIGHT_MAX / highest)
    if lowest < 0:
        limits.append(WEIGHT_MIN / lowest)
    if neuron.lower_bound is not None and neuron.lower_bound < 0:
        limits.append(STATE_MIN / (neuron.lower_bound + min(lowest, 0.0)))
    if layer.bias is not None and layer.bias.any():
        limits.append(STATE_MAX / float(np.abs(layer.bias).max()))
    scale = min(limits)
    whole = rounding(layer.name, weight * scale)
    weights = np.clip(whole, WEIGHT_MIN, WEIGHT_MAX).astype(np.int8)
    reach = int(np.abs(weights.astype(int)).max(initial=0))
    if neuron.lower_bound is None:
        low = STATE_MIN + reach
    else:
        low = max(round(neuron.lower_bound * scale), STATE_MIN + reach)
        low = -1 if low == 0 else low
    high = min(max(1, round(neuron.threshold * scale)), STATE_MAX)
    return QuantizedLayer(layer, scale, weights, _bias(layer, scale), high, low)


def quantize_as_sinabs(layer: Layer) -> QuantizedLayer:
    """Quantize as sinabs 3.1.3 does (``backend/dynapcnn/discretize.py``), its traps included.

    One float32 scale per layer, the smallest that weights (8 bit), bias (8 bit), threshold and
    lower bound (16 bit) ask for. A missing lower bound counts as -32768, so that every weight
    below 0.5 in magnitude becomes zero; a lower bound of 0 stays 0, which the chip does not bear.
    """
    single = np.float32
    _check_finite(layer)
    weight = layer.weight.astype(single)
    bound = STATE_MIN if layer.neuron.lower_bound is None else layer.neuron.lower_bound
    thresholds = np.array([bound, layer.neuron.threshold], single)
    scales = [_sinabs_scale(weight, 8), _sinabs_scale(thresholds, 16)]
    if layer.bias is not None:
        scales.append(_sinabs_scale(layer.bias.astype(single), 8))
    scale = single(min(scales))
    low, high = np.rint(thresholds * scale).astype(int)
    bias = None
    if layer.bias is not None:
        bias = np.rint(layer.bias.astype(single) * scale).astype(np.int16)
    weights = np.clip(np.rint(weight * scale), WEIGHT_MIN, WEIGHT_MAX).astype(np.int8)
    high, low = int(np.clip(high, 0, STATE_MAX)), int(np.clip(low, STATE_MIN, STATE_MAX))
    return QuantizedLayer(layer, float(scale), weights, bias, high, low)


QUANTIZERS: dict[str, Quantizer] = {"default": quantize, "sinabs": quantize_as_sinabs}
"""Quantizers by the name that ``convert --quantizer`` takes."""


def quantizer_named(name: str) -> Quantizer:
    """The quantizer with this name. Raises ``SourceError`` for an unknown one."""
    if name not in QUANTIZERS:
        raise SourceError(f"unknown quantizer {name!r}, expected one of {', '.join(QUANTIZERS)}")
    return QUANTIZERS[name]


def _check_finite(layer: Layer) -> None:
    bias = () if layer.bias is None else layer.bias
    bound = layer.neuron.lower_bound or 0.0
    for values in (layer.weight, bias, (layer.neuron.threshold, bound)):
        if not np.isfinite(values).all():
            raise SourceError(f"{layer.name}: weights and thresholds must be finite numbers")


def _bias(layer: Layer, scale: float) -> np.ndarray | None:
    if layer.bias is None:
        return None
    return np.clip(np.rint(layer.bias * scale), STATE_MIN, STATE_MAX).astype(np.int16)


def _sinabs_scale(values: np.ndarray, width: int) -> np.float32:
    low, high = -(2 ** (width - 1)), 2 ** (width - 1) - 1
    least, most = values.min(), values.max()
    with np.errstate(divide="ignore", over="ignore"):
        if abs(least) <= abs(most) * np.float32(abs(low / high)):
            return np.float32(abs(np.float32(high) / most))
        return np.float32(abs(np.float32(low) / least))
