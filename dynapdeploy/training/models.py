"""The networks known by name: layers, the input coding that belongs to them, how they train."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynapdeploy.chip.input_coding import InputCoding, PixelCoding
from dynapdeploy.errors import SourceError
from dynapdeploy.events import Shape
from dynapdeploy.training.moves import Reach

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Recipe:
    """How a model trains where the user does not say otherwise.

    Attributes:
        epochs: passes over the training data.
        batch: samples per step.
        learning_rate: of Adam, reached after the first 5 % of the steps, 0 at the last (half a
            cosine).
        shift, turn, zoom, bend: how far each sample is moved, see
            :class:`dynapdeploy.training.moves.Reach`.
        temperature: output spikes are multiplied by it before the softmax of the cross entropy.
            Output spikes cost no SynOps; a small value asks for many of them, so that ties are
            rare.
        dropout: share of every dropout layer, None for the model's own.
        threads: of torch on the processor. Small nets are no faster with more than one.
    """

    epochs: int = 60
    batch: int = 32
    learning_rate: float = 1e-2
    shift: int = 1
    turn: float = 0.0
    zoom: float = 0.0
    bend: float = 0.0
    temperature: float = 0.3
    dropout: float | None = None
    threads: int = 1

    @property
    def reach(self) -> Reach:
        """How far samples are moved."""
        return Reach(self.shift, self.turn, self.zoom, self.bend)


@dataclass(frozen=True)
class Model:
    """A network known by name.

    Attributes:
        name: for ``--model``.
        summary: one line.
        coding: what is done to a sample before it enters.
        input_shape: ``(c, h, w)`` it was made for; others are accepted where the layers fit.
        classes: as many as its data set has.
        build: layers with fresh weights, from an input shape and the number of classes.
        recipe: how it trains by default.
    """

    name: str
    summary: str
    coding: InputCoding
    input_shape: Shape
    classes: int
    build: Callable[[Shape, int], nn.Sequential]
    recipe: Recipe = Recipe()


def _layers(name: str) -> Callable[[Shape, int], nn.Sequential]:
    def layers(input_shape: Shape, classes: int) -> nn.Sequential:
        from dynapdeploy.training import nets

        return getattr(nets, name)(input_shape, classes)

    return layers


_MERGED = InputCoding(merge_polarity=True)

_MODELS = (
    Model(
        "mnist_dvs",
        "the MNIST-DVS net of Sorbaro et al. (2020): 3 convolutions, 1 linear layer",
        _MERGED,
        (1, 64, 64),
        10,
        _layers("mnist_dvs"),
        Recipe(epochs=120, turn=10, zoom=0.1, dropout=0.1),
    ),
    Model(
        "nmnist",
        "a net for N-MNIST: 3 convolutions, the first with stride 2, 1 linear layer",
        _MERGED,
        (1, 34, 34),
        10,
        _layers("nmnist"),
        Recipe(epochs=120, turn=10, zoom=0.1, bend=1),
    ),
    Model(
        "mnist",
        "the MNIST net of the sinabs tutorials: 3 convolutions, 1 linear layer",
        InputCoding(pixels=PixelCoding(events_per_unit=8 / 255)),
        (1, 28, 28),
        10,
        _layers("mnist"),
        Recipe(epochs=2, batch=128, learning_rate=2e-3, shift=0),
    ),
    Model(
        "all_convnet",
        "the All-ConvNet for CIFAR-10 of Sorbaro et al. (2020): 9 convolutions",
        InputCoding(pixels=PixelCoding(events_per_unit=10 / 255)),
        (3, 32, 32),
        10,
        _layers("all_convnet"),
        Recipe(epochs=60, batch=256, learning_rate=1e-3, shift=4, threads=os.cpu_count() or 1),
    ),
    Model(
        "digits",
        "a small net for the embedded digits: 2 convolutions, 1 linear layer",
        _MERGED,
        (1, 20, 20),
        10,
        _layers("digits"),
        Recipe(epochs=40),
    ),
)

MODELS: dict[str, Model] = {model.name: model for model in _MODELS}
"""All networks known by name."""


def build(name: str, input_shape: Shape | None = None, classes: int | None = None) -> nn.Sequential:
    """The network ``name`` with fresh weights from torch's global random state.

    Args:
        input_shape: ``(c, h, w)``, None for the shape it was made for.
        classes: number of outputs, None likewise.

    Raises:
        SourceError: an unknown name, or a map too small for the layers.
    """
    if name not in MODELS:
        raise SourceError(f"model: {name!r} is unknown, known are {', '.join(MODELS)}")
    model = MODELS[name]
    return model.build(input_shape or model.input_shape, classes or model.classes)
