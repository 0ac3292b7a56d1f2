"""From a folded graph to the layers that cores run: convolution, neuron, pooled destinations.

Lowering refuses nothing: what no core can do is kept (a max pooling, a LIF neuron) or noted as an
:class:`Obstacle`, so that the rules can tell all of it at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dynapdeploy.errors import SourceError
from dynapdeploy.events import Shape
from dynapdeploy.graph.graph import Graph
from dynapdeploy.graph.nodes import (
    IAF,
    Concat,
    Conv2d,
    Dropout,
    Flatten,
    Identity,
    Input,
    Linear,
    Merge,
    Node,
    Output,
    Pair,
    Pool2d,
    ReLU,
    Unsupported,
)
from dynapdeploy.graph.shapes import infer_shapes


@dataclass(frozen=True)
class Target:
    """Where the spikes of a layer go: a layer, or the output (None), through ``pools``."""

    layer: str | None
    pools: tuple[Pool2d, ...] = ()
    feature_shift: int = 0

    @property
    def pooling(self) -> int:
        """What addresses are divided by, the product of the pool sizes."""
        size = 1
        for pool in self.pools:
            size *= pool.kernel[0]
        return size


@dataclass(frozen=True, eq=False)
class Layer:
    """What one core is asked to do.

    Attributes:
        name: of the weight node in the source network.
        weight: float64 ``[out, in / groups, ky, kx]``.
        bias: float64 ``[out]`` or None.
        neuron: integrate and fire; its threshold, lower bound and reset.
        spiking: whether the source says that these are neurons (False: added to a bare last layer).
        output_shape: of the neurons, before pooling.
        targets: where the spikes go.
    """

    name: str
    weight: np.ndarray
    bias: np.ndarray | None
    stride: Pair
    padding: Pair
    dilation: Pair
    groups: int
    padding_mode: str
    input_shape: Shape
    output_shape: Shape
    neuron: IAF
    spiking: bool
    targets: tuple[Target, ...]

    @property
    def kernel(self) -> Pair:
        """Height and width of the kernel."""
        return self.weight.shape[2], self.weight.shape[3]

    @property
    def covers_map(self) -> bool:
        """Whether it reads its whole map at once, as a linear layer does."""
        return self.kernel == self.input_shape[1:] and not any(self.padding)

    @property
    def channels(self) -> int:
        """Input channels."""
        return self.input_shape[0]

    @property
    def features(self) -> int:
        """Output channels."""
        return self.output_shape[0]


@dataclass(frozen=True)
class Obstacle:
    """Something in the graph that no core can do.

    Attributes:
        node: its name.
        kind: of module, or what it amounts to.
        reason: why not.
        fix: what to do; empty: leave it out, or take something else.
    """

    node: str
    kind: str
    reason: str
    fix: str = ""


@dataclass(frozen=True, eq=False)
class Network:
    """Layers in topological order, the layers that get the input, and what could not be lowered."""

    layers: tuple[Layer, ...]
    entry: tuple[str, ...]
    input_shape: Shape
    obstacles: tuple[Obstacle, ...]
    source: str

    def __getitem__(self, name: str) -> Layer:
        """The layer with this name."""
        return next(layer for layer in self.layers if layer.name == name)

    def feeders(self, name: str) -> list[tuple[Layer, Target]]:
        """The layers whose spikes the layer with this name takes, and on which way."""
        return [(layer, t) for layer in self.layers for t in layer.targets if t.layer == name]


def lower(graph: Graph) -> Network:
    """Lower a folded graph.

    Raises:
        SourceError: the input shape is unknown or does not fit the weights, or there is nothing to
        run.
    """
    shapes = infer_shapes(graph)
    obstacles: dict[str, Obstacle] = {}
    layers = [
        _layer(graph, shapes, name, node, obstacles)
        for name, node in graph.nodes.items()
        if isinstance(node, Conv2d)
    ]
    if not layers and not any(isinstance(node, Unsupported) for node in graph.nodes.values()):
        raise SourceError(f"{graph.source}: no convolution or linear layer in it, nothing to run")
    entry = _follow(graph, shapes, graph.input, obstacles)
    for number, target in enumerate(entry):
        before = [other.layer for other in entry[:number]]
        if target.layer in before or _is_shifted(graph, shapes, target):
            obstacles[graph.input] = Obstacle(
                graph.input,
                "the input among other channels",
                f"input events enter a core as they are and once, but {target.layer} takes them "
                "shifted, beside other channels, or several times",
                f"Give {target.layer} either the input or what other layers make of it.",
            )
        if target.pools:
            obstacles[graph.input] = Obstacle(
                graph.input,
                "pooling of the input",
                "only the sensor's layer in front of the cores pools input events",
                "Pool the recordings beforehand, or leave it to the sensor (convert --sensor).",
            )
        if target.layer is None and not any(graph.of(Unsupported)):
            obstacles[graph.input] = Obstacle(
                graph.input,
                "output of the input",
                "the input reaches the output without a layer",
                "Put a convolution or linear layer between them.",
            )
    for name, node in graph.nodes.items():
        if isinstance(node, Unsupported):
            obstacles[name] = Obstacle(name, node.kind, node.reason)
        elif isinstance(node, Linear):
            obstacles[name] = Obstacle(name, "Linear", "its input is not flat")
    return Network(
        tuple(layers),
        tuple(dict.fromkeys(t.layer for t in entry if t.layer is not None)),
        shapes[graph.input],
        tuple(obstacles.values()),
        graph.source,
    )


def _is_shifted(graph: Graph, shapes: dict[str, Shape], target: Target) -> bool:
    """Whether an entry layer takes anything but the input map itself."""
    if target.layer is None or target.pools:
        return False
    taken = shapes[graph.inputs[target.layer][0]]
    return target.feature_shift != 0 or taken != shapes[graph.input]


def _layer(
    graph: Graph, shapes: dict[str, Shape], name: str, node: Conv2d, obstacles: dict[str, Obstacle]
) -> Layer:
    end, neuron, spiking = _neuron(graph, name, obstacles)
    return Layer(
        name=name,
        weight=np.asarray(node.weight, np.float64),
        bias=None if node.bias is None else np.asarray(node.bias, np.float64),
        stride=node.stride,
        padding=node.padding,
        dilation=node.dilation,
        groups=node.groups,
        padding_mode=node.padding_mode,
        input_shape=shapes[graph.inputs[name][0]],
        output_shape=shapes[name],
        neuron=neuron,
        spiking=spiking,
        targets=_follow(graph, shapes, end, obstacles),
    )


def _neuron(graph: Graph, conv: str, obstacles: dict[str, Obstacle]) -> tuple[str, IAF, bool]:
    """The node after which spikes of ``conv`` leave, its neuron, and whether it was written."""
    name = conv
    while True:
        followers = graph.outputs[name]
        nodes = [graph.nodes[follower] for follower in followers]
        if all(isinstance(node, Output) for node in nodes):
            return name, IAF(), False
        if len(nodes) == 1 and isinstance(nodes[0], ReLU | IAF):
            return followers[0], _as_neuron(nodes[0]), True
        if len(nodes) == 1 and isinstance(nodes[0], Unsupported | Flatten | Dropout | Identity):
            name = followers[0]
            if isinstance(nodes[0], Unsupported):
                return name, IAF(), True
            continue
        what = ", ".join(f"{f} ({type(n).__name__})" for f, n in zip(followers, nodes, strict=True))
        obstacles[conv] = Obstacle(
            conv,
            "no neuron",
            f"its sums go to {what} before any neuron; on the chip every core ends in neurons",
            "Put a ReLU or IAF directly after it.",
        )
        return name, IAF(), False


def _as_neuron(node: Node) -> IAF:
    return node if isinstance(node, IAF) else IAF()


def _follow(
    graph: Graph, shapes: dict[str, Shape], start: str, obstacles: dict[str, Obstacle]
) -> tuple[Target, ...]:
    """All targets that spikes leaving ``start`` reach, with the pools and shifts on the way."""
    found: list[Target] = []
    stack: list[tuple[str, str, tuple[Pool2d, ...], int]] = [
        (start, follower, (), 0) for follower in reversed(graph.outputs[start])
    ]
    clear = not isinstance(graph.nodes[start], Unsupported)
    while stack:
        previous, name, pools, shift = stack.pop()
        node = graph.nodes[name]
        if isinstance(node, Conv2d | Linear):
            found.append(Target(name, pools, shift))
            continue
        if isinstance(node, Output):
            found.append(Target(None, pools, shift))
            continue
        if isinstance(node, Pool2d):
            pools = (*pools, node)
        elif isinstance(node, Concat):
            before = graph.inputs[name][: graph.inputs[name].index(previous)]
            shift += sum(shapes[other][0] for other in before)
        elif isinstance(node, ReLU | IAF) and clear:
            obstacles[name] = Obstacle(
                name,
                "neuron without weights",
                "these neurons follow no convolution or linear layer",
                "Leave them out, or put a layer before them.",
            )
        elif isinstance(node, Flatten) and not _flattens_to_output(graph, name):
            obstacles[name] = Obstacle(
                name, "Flatten", "it does not stand before a linear layer or the output"
            )
        elif isinstance(node, Unsupported):
            clear = False
        elif not isinstance(node, ReLU | IAF | Merge | Flatten | Dropout | Identity | Input):
            obstacles[name] = Obstacle(
                name, type(node).__name__, "it stands where no core can run it"
            )
        stack += [(name, follower, pools, shift) for follower in reversed(graph.outputs[name])]
    return tuple(found)


def _flattens_to_output(graph: Graph, name: str) -> bool:
    return all(isinstance(graph.nodes[f], Output | Flatten | Identity) for f in graph.outputs[name])
