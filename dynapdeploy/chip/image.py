"""The chip image: every number that the chip holds, and nothing that it does not.

What is emulated is what is flashed: both read these classes and nothing else. The constructors
check structure and integer ranges only. Whether an image is wise is the business of the rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

import numpy as np

from dynapdeploy.chip.fields import check_integer, entries, integers, put, sizes
from dynapdeploy.chip.input_coding import InputCoding
from dynapdeploy.chip.sensor import Sensor
from dynapdeploy.errors import ImageError
from dynapdeploy.events import EVENT, Shape

Pair = tuple[int, int]
"""y, x."""

STATE_MIN, STATE_MAX = -(2**15), 2**15 - 1
WEIGHT_MIN, WEIGHT_MAX = -(2**7), 2**7 - 1
MAX_DESTINATIONS = 2
DECIMATION = (2, 4, 8, 16, 32, 128, 256, 512)
"""Spikes per passed spike for decimator codes 0 to 7 (Speck datasheet, table 4: no 64)."""


@dataclass(frozen=True)
class Destination:
    """Where the spikes of a core go.

    Attributes:
        core: physical id of the receiving core, None for the chip's output.
        pooling: addresses are divided by this on the way, x and y alike.
        feature_shift: added to the feature on the way.
    """

    core: int | None
    pooling: int = 1
    feature_shift: int = 0

    def __post_init__(self) -> None:
        if self.core is not None:
            check_integer(self.core, 0, 2**15 - 1, "destination", "core")
        check_integer(self.pooling, 1, 2**15 - 1, "destination", "pooling")
        check_integer(self.feature_shift, 0, 2**15 - 1, "destination", "feature_shift")


@dataclass(frozen=True, eq=False, kw_only=True)
class CoreImage:
    """One core: a convolution, its integrate-and-fire neurons, and where their spikes go.

    Attributes:
        core: physical id.
        name: of the layer it runs.
        weights: int8 ``[out, in, ky, kx]``.
        bias: int16 ``[out]``, added to every neuron at every tick of the slow clock; None for no
        leak. input_shape: ``(c, h, w)``.
        output_shape: ``(f, h, w)`` of the neurons, before any pooling.
        stride: ``(y, x)``.
        padding: ``(y, x)``.
        threshold_high: a neuron at or above it fires when an event reaches it.
        threshold_low: the state is clamped here from below.
        return_to_zero: a spike sets the state to 0 instead of lowering it by ``threshold_high``.
        destinations: at most two.
        decimator: code 0 to 7 of the output decimator (:data:`DECIMATION`), None for off.
        initial_state: int16 ``[f, h, w]``, None for all zero.
    """

    core: int
    name: str
    weights: np.ndarray
    bias: np.ndarray | None = None
    input_shape: Shape
    output_shape: Shape
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    threshold_high: int
    threshold_low: int
    return_to_zero: bool = False
    destinations: tuple[Destination, ...]
    decimator: int | None = None
    initial_state: np.ndarray | None = None

    def __post_init__(self) -> None:
        where = f"core {self.core} ({self.name})"
        check_integer(self.core, 0, 2**15 - 1, where, "core")
        if not isinstance(self.name, str) or not self.name:
            raise ImageError(f"{where}: name must be a non-empty text, got {self.name!r}")
        put(self, "weights", integers(self.weights, np.int8, 4, where, "weights"))
        put(self, "input_shape", sizes(self.input_shape, 3, 1, where, "input_shape"))
        put(self, "output_shape", sizes(self.output_shape, 3, 1, where, "output_shape"))
        put(self, "stride", sizes(self.stride, 2, 1, where, "stride"))
        put(self, "padding", sizes(self.padding, 2, 0, where, "padding"))
        check_integer(self.threshold_high, 0, STATE_MAX, where, "threshold_high")
        check_integer(self.threshold_low, STATE_MIN, STATE_MAX, where, "threshold_low")
        if not isinstance(self.return_to_zero, bool | np.bool_):
            raise ImageError(
                f"{where}: return_to_zero must be true or false, got {self.return_to_zero!r}"
            )
        put(self, "return_to_zero", bool(self.return_to_zero))
        if self.decimator is not None:
            check_integer(self.decimator, 0, len(DECIMATION) - 1, where, "decimator")
        self._check_shapes(where)
        self._check_destinations(where)

    def _check_shapes(self, where: str) -> None:
        features, channels, *kernel = self.weights.shape
        if 0 in self.weights.shape:
            raise ImageError(f"{where}: weights are empty, shape {self.weights.shape}")
        if channels != self.input_shape[0]:
            raise ImageError(
                f"{where}: weights are for {channels} input channels, "
                f"the input map has {self.input_shape[0]}"
            )
        extent = tuple(
            (size + 2 * pad - k) // step + 1
            for size, pad, k, step in zip(
                self.input_shape[1:], self.padding, kernel, self.stride, strict=True
            )
        )
        if (features, *extent) != self.output_shape:
            raise ImageError(
                f"{where}: output_shape is {self.output_shape}, but weights "
                f"{self.weights.shape} with "
                f"stride {self.stride} and padding {self.padding} on {self.input_shape} "
                f"give {(features, *extent)}"
            )
        if self.bias is not None:
            put(self, "bias", integers(self.bias, np.int16, 1, where, "bias"))
            if len(self.bias) != features:
                raise ImageError(f"{where}: {len(self.bias)} biases for {features} output channels")
        if self.initial_state is not None:
            state = integers(self.initial_state, np.int16, 3, where, "initial_state")
            if state.shape != self.output_shape:
                raise ImageError(
                    f"{where}: initial_state has shape {state.shape}, expected {self.output_shape}"
                )
            put(self, "initial_state", state)

    def _check_destinations(self, where: str) -> None:
        destinations = entries(self.destinations, where, "destinations")
        if not all(isinstance(d, Destination) for d in destinations):
            raise ImageError(f"{where}: destinations must be Destination objects")
        if len(destinations) > MAX_DESTINATIONS:
            raise ImageError(
                f"{where}: {len(destinations)} destinations, a core has at most {MAX_DESTINATIONS}"
            )
        put(self, "destinations", destinations)


@dataclass(frozen=True, eq=False)
class SelfTest:
    """A recorded input and what the emulator made of it when the image was built.

    Attributes:
        events: input events, as they enter the entry cores.
        output: the output events.
        spikes: spikes per core.
    """

    events: np.ndarray
    output: np.ndarray
    spikes: Mapping[int, int]

    def __post_init__(self) -> None:
        for name in ("events", "output"):
            array = getattr(self, name)
            if not isinstance(array, np.ndarray) or array.dtype != EVENT or array.ndim != 1:
                raise ImageError(f"self-test: {name} must be a one-dimensional array of events")
        put(self, "spikes", {int(core): int(count) for core, count in self.spikes.items()})


@dataclass(frozen=True, eq=False)
class ChipImage:
    """A whole chip, ready to be emulated or flashed.

    Attributes:
        device: name of the hardware profile.
        cores: in topological order.
        entry: physical ids of the cores that get the input events.
        input: the input coding that belongs to the net.
        self_test: an input and the output it must give, None where there is none.
        provenance: how the image came to be (source, quantizer, version), text by name.
        readout_stride: output feature ``readout_stride * k`` stands for class k = 0, 1, ...: 1
            where every feature is a class, 4 where the net was widened for the readout layer of
            speck2e and speck2f, which takes class k from channel 4 k (Speck chip errata).
        sensor: the camera's layer in front of the entry cores, which then get what it makes of
            128x128 events; None for events that enter the cores as they are.
    """

    device: str
    cores: tuple[CoreImage, ...]
    entry: tuple[int, ...]
    input: InputCoding = field(default_factory=InputCoding)
    self_test: SelfTest | None = None
    provenance: Mapping[str, str] = field(default_factory=dict)
    readout_stride: int = 1
    sensor: Sensor | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.device, str) or not self.device:
            raise ImageError(f"image: device must be a non-empty text, got {self.device!r}")
        put(self, "cores", entries(self.cores, "image", "cores"))
        put(self, "entry", entries(self.entry, "image", "entry"))
        put(self, "provenance", dict(self.provenance))
        check_integer(self.readout_stride, 1, 2**10, "image", "readout_stride")
        if not self.cores:
            raise ImageError("image: it has no cores")
        if not all(isinstance(core, CoreImage) for core in self.cores):
            raise ImageError("image: cores must be CoreImage objects")
        ids = [core.core for core in self.cores]
        if len(set(ids)) != len(ids):
            raise ImageError(f"image: a core appears twice, ids {ids}")
        self._check_order(ids)
        self._check_entry(ids)

    def _check_order(self, ids: list[int]) -> None:
        position = {core: i for i, core in enumerate(ids)}
        for core in self.cores:
            for destination in core.destinations:
                if destination.core is not None and destination.core not in position:
                    raise ImageError(
                        f"core {core.core} ({core.name}): destination core {destination.core} "
                        f"is not in the image (cores {ids})"
                    )
        following = {
            c.core: {d.core for d in c.destinations if d.core is not None} for c in self.cores
        }
        try:
            TopologicalSorter(following).prepare()
        except CycleError as fault:
            loop = " -> ".join(str(core) for core in reversed(fault.args[1]))
            raise ImageError(f"image: the destinations form a loop, cores {loop}") from None
        for core in self.cores:
            for target in following[core.core]:
                if position[target] < position[core.core]:
                    raise ImageError(
                        f"image: cores are not in topological order, core {target} stands before "
                        f"core {core.core} that feeds it"
                    )

    def _check_entry(self, ids: list[int]) -> None:
        if not self.entry:
            raise ImageError("image: no core gets the input events (entry is empty)")
        if len(set(self.entry)) != len(self.entry):
            raise ImageError(f"image: entry names a core twice, {self.entry}")
        for core in self.entry:
            check_integer(core, 0, 2**15 - 1, "image", "entry")
            if core not in ids:
                raise ImageError(f"image: entry core {core} is not in the image (cores {ids})")
        shapes = {self[core].input_shape for core in self.entry}
        if len(shapes) > 1:
            raise ImageError(f"image: the entry cores take different input maps, {sorted(shapes)}")
        if self.sensor is not None:
            self._check_sensor(self.sensor, shapes.pop())

    def _check_sensor(self, sensor: Sensor, shape: Shape) -> None:
        if sensor.output_shape != shape:
            raise ImageError(
                f"image: the sensor gives a map of {sensor.output_shape} (c, h, w), the entry "
                f"cores take {shape}"
            )
        if len(self.entry) > MAX_DESTINATIONS:
            raise ImageError(
                f"image: {len(self.entry)} entry cores, the sensor has at most {MAX_DESTINATIONS} "
                "destinations"
            )
        if self.input.merge_polarity or self.input.pixels is not None:
            raise ImageError("image: with a sensor, recordings enter as they are, no input coding")

    def __getitem__(self, core: int) -> CoreImage:
        """The core with this physical id."""
        for candidate in self.cores:
            if candidate.core == core:
                return candidate
        raise KeyError(core)

    @property
    def input_shape(self) -> Shape:
        """Channels, height and width of the map that the input events lie in.

        With a sensor that is its pixel array, else the input map of the entry cores.
        """
        if self.sensor is not None:
            return self.sensor.input_shape
        return self[self.entry[0]].input_shape

    @property
    def output_features(self) -> int:
        """Number of features that the chip's output can carry."""
        widths = [
            core.output_shape[0] + destination.feature_shift
            for core in self.cores
            for destination in core.destinations
            if destination.core is None
        ]
        return max(widths, default=0)

    def save(self, path) -> None:
        """Write the image to one checksummed file, whole or not at all. Raises ``OutputError``."""
        from dynapdeploy.chip.image_file import save_image

        save_image(self, path)
