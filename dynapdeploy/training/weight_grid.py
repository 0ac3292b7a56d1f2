"""The integers that the weights of a net in training become, without compiling it anew.

What the compiler does with a net depends on its layers, not on its weights, but for one factor per
layer: the ``1 / k**2`` of a pooling before it, which goes into its weights. A net is compiled once;
after each step only the quantizer runs again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from dynapdeploy.chip.compile import Compilation, compile_graph
from dynapdeploy.chip.image import ChipImage
from dynapdeploy.chip.input_coding import InputCoding
from dynapdeploy.chip.lower import Layer
from dynapdeploy.chip.profile import load_profile
from dynapdeploy.chip.quantize import QuantizedLayer, quantize
from dynapdeploy.errors import InputError
from dynapdeploy.events import Shape
from dynapdeploy.graph.from_torch import read_torch

DEVICE = "unbounded"
"""Profile that nets in training are quantized for: every chip's arithmetic, no memory limit."""


def compiled(model: nn.Module, input_shape: Shape) -> Compilation:
    """``model`` as it stands, compiled for :data:`DEVICE`."""
    return compile_graph(read_torch(model, input_shape=input_shape), load_profile(DEVICE))


class WeightGrid:
    """The integer weights of ``model`` at any time of its training.

    Args:
        model: with weights that have not all become zero.
        input_shape: ``(c, h, w)``.

    Attributes:
        factors: by layer, what its weights are multiplied by before they are quantized; None for a
            layer with a bias or a batch normalisation, which is compiled anew each time.
    """

    def __init__(self, model: nn.Module, input_shape: Shape):
        self.model, self.input_shape = model, input_shape
        self.compilation = compiled(model, input_shape)
        self.image = self.compilation.image() if self.compilation.fits else None
        modules = dict(model.named_modules())
        self.modules = {
            layer.name: modules.get(layer.name) for layer in self.compilation.network.layers
        }
        self.factors = {
            layer.name: _factor(layer, self.modules[layer.name])
            for layer in self.compilation.network.layers
        }

    def chip_image(self, coding: InputCoding | None = None) -> ChipImage:
        """The image of the weights as they stand.

        Raises:
            CheckFailed: no chip of the family runs such a net.
        """
        if self.image is None or None in self.factors.values():
            return compiled(self.model, self.input_shape).image(coding)
        found = self.quantized()
        cores = tuple(
            dataclasses.replace(
                core,
                weights=found[core.name].weights,
                threshold_high=found[core.name].threshold_high,
                threshold_low=found[core.name].threshold_low,
            )
            for core in self.image.cores
        )
        return dataclasses.replace(self.image, cores=cores, input=coding or self.image.input)

    def quantized(self) -> dict[str, QuantizedLayer]:
        """What the quantizer of every conversion makes of the weights, by layer.

        Raises:
            InputError: a layer has a bias or a batch normalisation.
        """
        found = {}
        for layer in self.compilation.network.layers:
            factor = self.factors[layer.name]
            if factor is None:
                raise InputError(
                    f"layer {layer.name}: weights can be quantized in training only without bias "
                    "and batch normalisation"
                )
            weight = _weight(self.modules[layer.name]).reshape(layer.weight.shape) * factor
            found[layer.name] = quantize(dataclasses.replace(layer, weight=weight))
        return found

    @torch.no_grad()
    def snap(self) -> None:
        """Put every weight where quantization leaves it: integer weight over integer threshold.

        A net with such weights and threshold 1 computes what the integers compute; quantizing it
        costs nothing any more.

        Raises:
            InputError: as :meth:`quantized`.
        """
        for name, layer in self.quantized().items():
            module, factor = self.modules[name], self.factors[name]
            if isinstance(module, nn.Conv2d | nn.Linear) and factor:
                value = layer.weights / (layer.threshold_high * factor)
                module.weight.copy_(torch.from_numpy(value).reshape(module.weight.shape))

    @torch.no_grad()
    def clip(self) -> None:
        """Bring every weight to at most the threshold, on either side of 0.

        Layers with a bias or a batch normalisation are left as they are.
        """
        for name, factor in self.factors.items():
            weight = getattr(self.modules[name], "weight", None)
            if factor and isinstance(weight, torch.Tensor):
                weight.clamp_(-1 / abs(factor), 1 / abs(factor))

    @contextmanager
    def snapped(self) -> Iterator[None]:
        """Inside, the weights are those of :meth:`snap`; afterwards they are as before."""
        kept = self.keep()
        self.snap()
        try:
            yield
        finally:
            self.restore(kept)

    def keep(self) -> list[torch.Tensor]:
        """Copies of the weights as they stand."""
        return [p.detach().clone() for p in self.model.parameters()]

    @torch.no_grad()
    def restore(self, kept: list[torch.Tensor]) -> None:
        """Put back what :meth:`keep` took."""
        for parameter, value in zip(self.model.parameters(), kept, strict=True):
            parameter.copy_(value)


def _weight(module: nn.Module | None) -> np.ndarray:
    weight = getattr(module, "weight", None)
    if not isinstance(weight, torch.Tensor):
        return np.zeros(0)
    return weight.detach().cpu().numpy().astype(np.float64)


def _factor(layer: Layer, module: nn.Module | None) -> float | None:
    weight = _weight(module)
    if weight.size != layer.weight.size or layer.bias is not None or layer.neuron.threshold != 1:
        return None
    weight = weight.reshape(layer.weight.shape)
    seen = weight != 0
    if not seen.any():
        return None
    factor = float(np.median(layer.weight[seen] / weight[seen]))
    return factor if factor and np.allclose(layer.weight, weight * factor, rtol=1e-6) else None
