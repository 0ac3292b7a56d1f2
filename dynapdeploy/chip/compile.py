"""The compiler: a graph and a profile in, diagnostics and a chip image out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dynapdeploy.chip.diagnostics import Diagnostic
from dynapdeploy.chip.image import ChipImage, CoreImage, Destination
from dynapdeploy.chip.input_coding import InputCoding
from dynapdeploy.chip.lower import Layer, Network, lower
from dynapdeploy.chip.place import Demand, Placement, Preference, demand_of, place
from dynapdeploy.chip.profile import Profile
from dynapdeploy.chip.quantize import QuantizedLayer, Quantizer, quantize
from dynapdeploy.chip.rules import Subject, check_rules
from dynapdeploy.chip.sensor import Sensor
from dynapdeploy.errors import CheckFailed, SourceError
from dynapdeploy.graph.fold import fold
from dynapdeploy.graph.graph import Graph


@dataclass(frozen=True)
class Options:
    """What the user may choose.

    Attributes:
        quantizer: how one layer becomes integers.
        allow_bias: accept biases as a leak at every tick of the slow clock.
        prefer: which cores are used first (see :func:`dynapdeploy.chip.place.place`).
        pinned: physical core by layer name.
        sensor: the camera's layer in front of the net; recordings then enter as they are.
    """

    quantizer: Quantizer = quantize
    allow_bias: bool = False
    prefer: Preference = "reproducible"
    pinned: Mapping[str, int] = field(default_factory=dict)
    sensor: Sensor | None = None


@dataclass(frozen=True, eq=False)
class Compilation:
    """Everything that the compiler found out about a net, also where it does not fit.

    Attributes:
        network: the lowered net.
        demands: words of memory by layer.
        quantized: integers by layer.
        placement: physical cores by layer, as far as there are any.
        diagnostics: what all rules say, errors first.
        options: what it was compiled with.
    """

    network: Network
    profile: Profile
    demands: Mapping[str, Demand]
    quantized: Mapping[str, QuantizedLayer]
    placement: Placement
    diagnostics: list[Diagnostic]
    options: Options = field(default_factory=Options)

    @property
    def fits(self) -> bool:
        """Whether no rule found an error."""
        return all(d.severity != "error" for d in self.diagnostics)

    def image(
        self, coding: InputCoding | None = None, provenance: Mapping[str, str] | None = None
    ) -> ChipImage:
        """The chip image. Raises ``CheckFailed`` where the net does not fit."""
        if not self.fits:
            raise CheckFailed(self.diagnostics)
        cores = self.placement.cores
        return ChipImage(
            device=self.profile.name,
            cores=tuple(
                _core_image(layer, self.quantized[layer.name], cores)
                for layer in self.network.layers
            ),
            entry=tuple(cores[name] for name in self.network.entry),
            input=InputCoding() if coding is None or self.options.sensor else coding,
            provenance=provenance or {},
            sensor=self.options.sensor,
        )


def compile_graph(graph: Graph, profile: Profile, options: Options | None = None) -> Compilation:
    """Fold, lower, quantize and place ``graph`` on the chip, and let every rule look at the result.

    Raises:
        SourceError: the input shape is unknown or does not fit the weights, or ``options`` put a
            layer on a core that is not in the network.
    """
    options = options or Options()
    network = lower(fold(graph))
    _check_pins(network, options.pinned)
    demands = {layer.name: demand_of(layer) for layer in network.layers}
    quantized = {
        layer.name: options.quantizer(layer)
        for layer in network.layers
        if layer.neuron.threshold > 0
    }
    placement = place(
        list(demands.values()), profile, options.prefer, options.pinned, network.entry
    )
    subject = Subject(
        network,
        profile,
        demands,
        quantized,
        placement,
        options.allow_bias,
        options.pinned,
        options.sensor,
    )
    return Compilation(
        network, profile, demands, quantized, placement, check_rules(subject), options
    )


def _check_pins(network: Network, pinned: Mapping[str, int]) -> None:
    names = [layer.name for layer in network.layers]
    for name, core in pinned.items():
        if name not in names:
            raise SourceError(
                f"{network.source}: there is no layer {name} to put on core {core}; "
                f"its layers are {', '.join(names)}"
            )


def _core_image(layer: Layer, quantized: QuantizedLayer, cores: Mapping[str, int]) -> CoreImage:
    return CoreImage(
        core=cores[layer.name],
        name=layer.name,
        weights=quantized.weights,
        bias=quantized.bias,
        input_shape=layer.input_shape,
        output_shape=layer.output_shape,
        stride=layer.stride,
        padding=layer.padding,
        threshold_high=quantized.threshold_high,
        threshold_low=quantized.threshold_low,
        return_to_zero=layer.neuron.reset == "zero",
        destinations=tuple(
            Destination(
                None if target.layer is None else cores[target.layer],
                target.pooling,
                target.feature_shift,
            )
            for target in layer.targets
        ),
    )
