"""``validate_configuration``. The vendor's rules and texts are unknown (S11): these are this
double's own, from the datasheet's limits and the memory formulas (H5, H9, H13 to H20, H58)."""

from __future__ import annotations

import math

KERNEL = [16, 16, 16, 32, 32, 64, 64, 16, 16]
NEURON = [64, 64, 64, 32, 32, 16, 16, 16, 16]
BIAS = 1024


def validate_configuration(configuration) -> tuple[bool, str]:
    for core, layer in enumerate(configuration.cnn_layers):
        if layer.dimensions.input_shape.feature_count == 0:
            continue
        fault = _fault(core, layer, configuration)
        if fault:
            return False, f"cnn_layers[{core}]: {fault}"
    return True, ""


def _fault(core, layer, configuration) -> str:
    dims = layer.dimensions
    kernel, features = dims.kernel_size, dims.output_shape.feature_count
    channels = dims.input_shape.feature_count
    shape = layer._store["weights"].shape
    if shape != (features, channels, kernel, kernel):
        return f"weights have shape {shape}"
    if len(layer.biases) != features:
        return f"{len(layer.biases)} biases"
    width, height = dims.output_shape.size.x, dims.output_shape.size.y
    for axis, out in (("x", width), ("y", height)):
        size, pad, stride = (
            getattr(part, axis) for part in (dims.input_shape.size, dims.padding, dims.stride)
        )
        if size > 128 or out > 64 or pad > 7 or stride not in (1, 2, 4, 8) or kernel > 16:
            return f"limits along {axis}"
        if (size + 2 * pad - kernel) // stride + 1 != out:
            return f"output size along {axis}"
    if layer._store["neurons_initial_value"].shape != (features, width, height):
        return "neurons_initial_value has another shape"
    words = channels * 2 ** (_bits(kernel * kernel) + _bits(features))
    if words > KERNEL[core] * 1024:
        return f"kernel memory {words}"
    words = features * 2 ** (_bits(width) + _bits(height))
    if words > NEURON[core] * 1024:
        return f"neuron memory {words}"
    if features > BIAS:
        return "bias memory"
    if layer.threshold_low == 0:
        return "threshold_low is 0"
    if layer.threshold_low >= layer.threshold_high:
        return "threshold_low is not below threshold_high"
    for destination in layer.destinations:
        if destination.enable and destination.layer < len(KERNEL):
            target = configuration.cnn_layers[destination.layer]
            if target.dimensions.input_shape.feature_count == 0:
                return f"destination {destination.layer} is not configured"
    return ""


def _bits(count: int) -> int:
    return math.ceil(math.log2(count))


def configuration_to_flash_binary(configuration) -> list[int]:
    """The vendor's format is not public; here the JSON text, one byte per entry."""
    return list(configuration.to_json().encode())
