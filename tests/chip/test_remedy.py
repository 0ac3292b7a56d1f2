"""Every change that a rule offers ends what the rule said, on random nets."""

import numpy as np
import pytest
from chip_layers import conv_chain
from torch import nn

from dynapdeploy.chip.changes import Change
from dynapdeploy.chip.compile import Compilation, Options, compile_graph
from dynapdeploy.chip.profile import load_profile
from dynapdeploy.chip.remedy import apply
from dynapdeploy.errors import SourceError
from dynapdeploy.graph.evaluate import evaluate
from dynapdeploy.graph.fold import fold
from dynapdeploy.graph.from_torch import read_torch
from dynapdeploy.graph.graph import Graph
from dynapdeploy.graph.nodes import IAF, Conv2d, Input, Merge, Output, Pool2d, ReLU

DEVICES = ("speck2fdevkit", "speck2cmini")


def random_net(seed: int) -> Graph:
    """A net that breaks many rules at once: chains, with a branch whose ends are added up."""
    random = np.random.default_rng(seed)
    channels = int(random.choice([1, 2, 3, 64, 1030]))
    extent = [int(n) for n in random.choice([8, 17, 32, 66, 130], 2)]
    nodes: dict = {"input": Input((channels, *extent))}
    inputs: dict = {}
    last = "input"

    def add(name: str, node, *feeding: str) -> str:
        nodes[name] = node
        inputs[name] = feeding
        return name

    def conv(name: str, before: int, after: int, source: str, same: bool = False) -> str:
        kernel = [int(n) for n in random.choice([1, 2, 3, 5, 17], 2, p=[0.1, 0.2, 0.4, 0.2, 0.1])]
        kernel = [1, 1] if same else [min(k, *extent) for k in kernel]
        if random.random() < 0.6:
            kernel = [min(kernel)] * 2
        padding = (0, 0) if same else (int(random.choice([0, 1, 2, 9])),) * 2
        stride = (1, 1) if same else (int(random.choice([1, 1, 2, 3])), int(random.choice([1, 2])))
        dilation = (1, 1) if same else (int(random.choice([1, 1, 1, 2])),) * 2
        reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
        if any(r > n + 2 * p for r, n, p in zip(reach, extent, padding, strict=True)):
            dilation = (1, 1)
        extent[:] = [
            (n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, p, d, k, s in zip(extent, padding, dilation, kernel, stride, strict=True)
        ]
        bias = np.ones(after) if random.random() < 0.2 else None
        groups = 2 if before % 2 == 0 and after % 2 == 0 and random.random() < 0.1 else 1
        mode = "reflect" if random.random() < 0.1 and max(padding) < min(reach) else "zeros"
        weight = random.normal(0, 0.1, (after, before // groups, *kernel))
        node = Conv2d(weight, bias, stride, padding, dilation, groups, mode)
        threshold = float(random.choice([1.0, 1.0, 1.0, 0.0, -1.0]))
        bound = None if random.random() < 0.6 else float(random.choice([-1.0, 0.0, 0.5]))
        add(name, node, source)
        return add(f"{name}.spikes", IAF(threshold, bound), name)

    for i in range(int(random.integers(1, 5))):
        after = int(random.choice([2, 8, 48, 100, 300]))
        last = conv(f"conv{i}", channels, after, last)
        if random.random() < 0.25:
            sides = [conv(f"conv{i}{side}", after, after, last, same=True) for side in "ab"]
            last = add(f"sum{i}", Merge(), *sides)
        elif min(extent) >= 6 and random.random() < 0.5:
            kind = str(random.choice(["sum", "average", "max"]))
            size = int(random.choice([2, 3, 4]))
            last = add(f"pool{i}", Pool2d(kind, (size, size), (size, size)), last)
            extent[:] = [n // size for n in extent]
        channels = after
    add("output", Output(), last)
    return Graph(nodes, inputs, f"net {seed}")


def compiled(graph: Graph, device: str) -> Compilation:
    return compile_graph(graph, load_profile(device))


@pytest.mark.parametrize("device", DEVICES)
def test_every_change_ends_its_diagnostic(device):
    tried = set()
    for seed in range(30):
        graph = random_net(seed)
        for diagnostic in compiled(graph, device).diagnostics:
            for change in diagnostic.changes:
                changed = compiled(apply(graph, change), device)
                left = {(d.rule, d.layer) for d in changed.diagnostics}
                about = (diagnostic.rule, diagnostic.layer)
                assert about not in left, f"net {seed}: {diagnostic} {change}"
                tried.add((diagnostic.rule, change.what))
    assert {rule for rule, _ in tried} >= {
        *("DYN010", "DYN011", "DYN012", "DYN013", "DYN014", "DYN015", "DYN016", "DYN017"),
        *("DYN018", "DYN019", "DYN021", "DYN022", "DYN030", "DYN032", "DYN050", "DYN052"),
        "DYN053",
    }


def test_writing_out_keeps_the_function():
    net = nn.Sequential(
        nn.Conv2d(4, 6, 3, dilation=2, groups=2, bias=False),
        nn.ReLU(),
        nn.Conv2d(6, 2, (1, 3), padding=(0, 1)),
    )
    graph = read_torch(net, input_shape=(4, 9, 9))
    changed = graph
    for change in (Change("0", "dilation", 1), Change("0", "groups", 1), Change("2", "kernel", 3)):
        changed = apply(changed, change)
    x = np.random.default_rng(0).random((4, 9, 9))
    before, after = evaluate(graph, x), evaluate(changed, x)
    np.testing.assert_allclose(before, after[:, : before.shape[1]], rtol=1e-4, atol=1e-6)
    node = changed.nodes["0"]
    assert isinstance(node, Conv2d)
    assert (node.dilation, node.groups, node.weight.shape) == ((1, 1), 1, (6, 4, 5, 5))


def test_layers_that_are_added_up_change_together():
    weight = np.ones((8, 8, 1, 1))
    nodes = {
        "input": Input((8, 4, 4)),
        **{name: Conv2d(weight) for name in ("a", "b", "c", "d")},
        **{f"{name}.spikes": ReLU() for name in ("a", "b", "c", "d")},
        "sum": Merge(),
        "output": Output(),
    }
    inputs = {
        "a": ("input",),
        "a.spikes": ("a",),
        "b": ("a.spikes",),
        "b.spikes": ("b",),
        "c": ("a.spikes",),
        "c.spikes": ("c",),
        "sum": ("b.spikes", "c.spikes"),
        "d": ("sum",),
        "d.spikes": ("d",),
        "output": ("d.spikes",),
    }
    changed = apply(Graph(nodes, inputs), Change("b", "features", 3))
    shapes = {n: changed.nodes[n].weight.shape[:2] for n in "abcd"}  # type: ignore[union-attr]
    assert shapes == {"a": (8, 8), "b": (3, 8), "c": (3, 8), "d": (8, 3)}


def test_a_layer_that_reads_a_whole_map_follows_it():
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, bias=False),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(4 * 64, 5, bias=False),
        nn.ReLU(),
    )
    graph = read_torch(net, input_shape=(1, 8, 8))
    changed = fold(apply(graph, Change("0", "stride", (2, 2))))
    assert changed.nodes["3"].weight.shape == (5, 4, 4, 4)  # type: ignore[union-attr]


def test_an_unknown_layer_is_refused():
    with pytest.raises(SourceError, match="there is no layer conv9"):
        apply(conv_chain([1, 2], (8, 8)), Change("conv9", "features", 1))


def test_the_fix_is_written_from_the_changes():
    found = compile_graph(
        conv_chain([128, 64], (16, 16)), load_profile("speck2fdevkit"), Options()
    ).diagnostics[0]
    assert found.changes == (
        Change("conv1", "features", 32),
        Change("conv1", "channels", 64),
        Change("conv1", "kernel", 2),
    )
    assert found.fix == (
        "Use at most 32 output channels, or at most 64 input channels, or a 2x2 kernel."
    )
