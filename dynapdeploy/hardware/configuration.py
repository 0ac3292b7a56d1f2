"""From a chip image to the configuration object of samna, and back to files.

Fields and their types: sinabs 3.1.3 ``backend/dynapcnn/chips/dynapcnn.py``; Speck datasheet 3.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dynapdeploy.chip.image import ChipImage, CoreImage
from dynapdeploy.chip.profile import load_profile
from dynapdeploy.chip.sensor import Sensor
from dynapdeploy.errors import Mismatch

READOUT_LAYER = 12
READOUT_PINS = 24
"""``factory_config.io_sel`` that puts the readout on its pins."""
ONE_BY_ONE, LARGEST_AVERAGE = 3, 1
"""``readout_configuration_sel`` for a 1x1x16 map, ``output_mode_sel`` as in the vendor's recipe."""


@dataclass(frozen=True)
class Readout:
    """The chip's own decision, taken once per tick of the slow clock (datasheet 3.2.5).

    Attributes:
        threshold: 0 to 65535, what the average of a class must exceed.
        average: clocks of the moving average: 1, 16 or 32.
        pins: put the decision on the pins instead of into readout events.
    """

    threshold: int = 1
    average: int = 16
    pins: bool = False


def configuration(
    image: ChipImage, chip: Any, *, monitor: Sequence[int] = (), readout: Readout | None = None
) -> Any:
    """A ``SpeckConfiguration`` that holds ``image``.

    A core that sends to the chip's output is monitored: that is how its spikes reach the host,
    un-pooled; the host divides the addresses (:mod:`dynapdeploy.hardware.packing`).

    Args:
        image: the chip image.
        chip: samna's module of the chip, as ``samna.speck2f``.
        monitor: further cores whose spikes are to be sent to the host.
        readout: use the readout layer; the output core then sends to it.

    Raises:
        Mismatch: the image holds what the configuration has no field for.
    """
    target = chip.configuration.SpeckConfiguration()
    target.dvs_layer.pass_sensor_events = False
    for core in image.cores:
        _write_core(core, target.cnn_layers[core.core])
        for destination in core.destinations:
            if destination.core is None and readout is None:
                _monitor(target, core)
    if image.sensor is not None:
        _write_sensor(image.sensor, image.entry, target)
    if readout is not None:
        _write_readout(image, readout, target)
    for number in monitor:
        _monitor(target, image[number])
    return target


def validate(chip: Any, target: Any) -> None:
    """Raise ``Mismatch`` with samna's own words where it refuses the configuration."""
    valid, message = chip.validate_configuration(target)
    if not valid:
        raise Mismatch(f"samna refuses the configuration: {message or 'no reason given'}")


def flash_binary(chip: Any, target: Any, pins: bool = False) -> bytes:
    """The content of the board's flash memory for ``target``."""
    if pins:
        target.factory_config.io_sel = READOUT_PINS
    return bytes(chip.configuration_to_flash_binary(target))


def difference(wanted: Any, found: Any, path: str = "") -> str | None:
    """Name and values of the first field that differs in two ``to_json`` texts, parsed."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key in wanted.keys() | found.keys():
            part = difference(wanted.get(key), found.get(key), f"{path}.{key}".lstrip("."))
            if part:
                return part
        return None
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for number, (one, other) in enumerate(zip(wanted, found, strict=True)):
            part = difference(one, other, f"{path}[{number}]") if one != other else None
            if part:
                return part
        return None
    return None if wanted == found else f"{path} is {_short(found)}, written was {_short(wanted)}"


def _write_core(core: CoreImage, layer: Any) -> None:
    features, _, height, width = core.weights.shape
    if height != width:
        raise Mismatch(
            f"core {core.core} ({core.name}): a {height}x{width} kernel; the chip has one number "
            "for both sides"
        )
    layer.dimensions = {
        "input_shape": _map(core.input_shape),
        "output_shape": _map(core.output_shape),
        "padding": {"x": core.padding[1], "y": core.padding[0]},
        "stride": {"x": core.stride[1], "y": core.stride[0]},
        "kernel_size": height,
    }
    bias = np.zeros(features, np.int16) if core.bias is None else core.bias
    state = core.initial_state
    if state is None:
        state = np.zeros(core.output_shape, np.int16)
    layer.weights = core.weights.swapaxes(2, 3).tolist()
    layer.biases = bias.tolist()
    layer.leak_enable = bool(bias.any())
    layer.neurons_initial_value = state.swapaxes(1, 2).tolist()
    layer.threshold_high = int(core.threshold_high)
    layer.threshold_low = int(core.threshold_low)
    layer.return_to_zero = core.return_to_zero
    layer.monitor_enable = False
    if core.decimator is not None:
        layer.output_decimator_enable = True
        layer.output_decimator_interval = int(core.decimator)
    inner = [d for d in core.destinations if d.core is not None]
    for slot, destination in enumerate(inner):
        layer.destinations[slot].layer = int(destination.core)  # type: ignore[arg-type]
        layer.destinations[slot].enable = True
        layer.destinations[slot].pooling = int(destination.pooling)
        layer.destinations[slot].feature_shift = int(destination.feature_shift)


def _monitor(target: Any, core: CoreImage) -> None:
    if core.decimator is not None:
        raise Mismatch(
            f"core {core.core} ({core.name}) has a decimator and is to be monitored: whether "
            "monitored spikes are decimated is not known; take the decimator off"
        )
    target.cnn_layers[core.core].monitor_enable = True


def _write_sensor(sensor: Sensor, entry: Sequence[int], target: Any) -> None:
    top, bottom, left, right = sensor.region
    layer = target.dvs_layer
    layer.merge = sensor.polarity != "both"
    layer.on_channel = sensor.polarity != "off"
    layer.off_channel = sensor.polarity != "on"
    layer.pooling = {"x": sensor.pooling[1], "y": sensor.pooling[0]}
    layer.origin = {"x": left, "y": top}
    layer.cut = {"x": right - 1, "y": bottom - 1}
    layer.mirror = {"x": sensor.mirror[1], "y": sensor.mirror[0]}
    layer.mirror_diagonal = sensor.diagonal
    layer.pass_sensor_events = sensor.camera
    for slot, core in enumerate(entry):
        layer.destinations[slot].layer = int(core)
        layer.destinations[slot].enable = True
    chosen = sensor.event_filter
    if chosen is None:
        return
    target.dvs_filter.enable = True
    target.dvs_filter.filter_size = {"x": chosen.size[1], "y": chosen.size[0]}
    target.dvs_filter.threshold = int(chosen.threshold)
    target.dvs_filter.hot_pixel_filter_enable = chosen.mode == "hot-pixel"
    target.dvs_filter.low_pass_mode_enable = chosen.mode == "low-pass"
    target.factory_config.dvs_filter.filter_clk_enable = True


def _write_readout(image: ChipImage, readout: Readout, target: Any) -> None:
    profile = load_profile(image.device)
    outputs = [core for core in image.cores for d in core.destinations if d.core is None]
    if len(outputs) != 1 or outputs[0].output_shape[1:] != (1, 1):
        raise Mismatch("the readout layer needs one output core with a 1x1 map")
    core = outputs[0]
    output = next(d for d in core.destinations if d.core is None)
    most = profile.limits.readout_classes
    classes = -(-image.output_features // image.readout_stride)
    if image.readout_stride != profile.readout_stride or (most and classes > most):
        raise Mismatch(
            f"the readout layer of {profile.name} takes class k from channel "
            f"{profile.readout_stride} k, at most {most} classes; the image has {classes} classes "
            f"at distance {image.readout_stride}"
        )
    slot = target.cnn_layers[core.core].destinations[len(core.destinations) - 1]
    slot.layer, slot.enable = READOUT_LAYER, True
    slot.pooling, slot.feature_shift = int(output.pooling), int(output.feature_shift)
    layer = target.readout
    layer.enable = True
    layer.readout_configuration_sel = ONE_BY_ONE
    layer.output_mode_sel = LARGEST_AVERAGE
    layer.low_pass_filter_disable = readout.average == 1
    layer.low_pass_filter32_not16 = readout.average == 32
    layer.threshold = int(readout.threshold)
    layer.readout_pin_monitor_enable = readout.pins
    layer.monitor_enable = not readout.pins


def _map(shape: tuple[int, int, int]) -> dict[str, Any]:
    return {"size": {"x": shape[2], "y": shape[1]}, "feature_count": shape[0]}


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
