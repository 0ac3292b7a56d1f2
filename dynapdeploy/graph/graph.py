"""A network: named nodes and, for each, the names of the nodes that feed it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from dynapdeploy.errors import SourceError
from dynapdeploy.graph.nodes import Concat, Input, Merge, Node, Output, Unsupported


@dataclass(frozen=True, eq=False)
class Graph:
    """A directed acyclic graph with one :class:`Input` and at least one :class:`Output`.

    Attributes:
        nodes: by name, in topological order.
        inputs: for every name the names that feed it, in order.
        source: what it was read from, for messages.

    Raises:
        SourceError: an edge leads nowhere, the edges form a loop, or a node other than a
            Merge, a Concat or an Unsupported one has more than one input.
    """

    nodes: Mapping[str, Node]
    inputs: Mapping[str, Sequence[str]]
    source: str = "network"
    outputs: Mapping[str, tuple[str, ...]] = field(init=False)

    def __post_init__(self) -> None:
        inputs = {name: tuple(self.inputs.get(name, ())) for name in self.nodes}
        for name, feeding in inputs.items():
            for other in feeding:
                if other not in self.nodes:
                    raise SourceError(
                        f"{self.source}: {name} is fed by {other}, which does not exist"
                    )
        try:
            order = list(TopologicalSorter(inputs).static_order())
        except CycleError as fault:
            loop = " -> ".join(str(name) for name in reversed(fault.args[1]))
            raise SourceError(f"{self.source}: the network has a loop, {loop}") from None
        position = {name: i for i, name in enumerate(self.nodes)}
        if any(position[o] > position[n] for n, feeding in inputs.items() for o in feeding):
            object.__setattr__(self, "nodes", {name: self.nodes[name] for name in order})
        object.__setattr__(self, "inputs", inputs)
        outputs: dict[str, list[str]] = {name: [] for name in self.nodes}
        for name, feeding in inputs.items():
            for other in feeding:
                outputs[other].append(name)
        object.__setattr__(self, "outputs", {name: tuple(found) for name, found in outputs.items()})
        self._check_arity()

    def _check_arity(self) -> None:
        if len(list(self.of(Input))) != 1:
            raise SourceError(
                f"{self.source}: one input was expected, got {len(list(self.of(Input)))}"
            )
        if not list(self.of(Output)):
            raise SourceError(f"{self.source}: the network has no output")
        for name, node in self.nodes.items():
            count = len(self.inputs[name])
            if isinstance(node, Input):
                if count:
                    raise SourceError(f"{self.source}: input {name} is fed by {self.inputs[name]}")
            elif isinstance(node, Merge | Concat | Unsupported):
                if count < 1:
                    raise SourceError(f"{self.source}: {name} is fed by nothing")
            elif count != 1:
                raise SourceError(
                    f"{self.source}: {name} ({type(node).__name__}) has {count} inputs, "
                    "one was expected"
                )

    def of(self, kind) -> Iterator[str]:
        """Names of the nodes of one kind, in topological order."""
        return (name for name, node in self.nodes.items() if isinstance(node, kind))

    @property
    def input(self) -> str:
        """Name of the input node."""
        return next(self.of(Input))


def chain(nodes: Mapping[str, Node], source: str = "network") -> Graph:
    """A graph in which each node feeds the next."""
    names = list(nodes)
    return Graph(nodes, {b: (a,) for a, b in pairwise(names)}, source)
