"""torch and sinabs modules become the graph that computes the same."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import sinabs
import sinabs.layers as sl
import torch
import torch.nn.functional as F
from random_nets import counts
from sinabs.activation import MembraneReset, MembraneSubtract
from torch import nn

from dynapdeploy.errors import SourceError
from dynapdeploy.graph import evaluate, infer_shapes, read_torch
from dynapdeploy.graph.nodes import (
    IAF,
    Conv2d,
    Flatten,
    Identity,
    Merge,
    Pool2d,
    ReLU,
    Unsupported,
)

SHAPE = (2, 8, 8)


def only(module: nn.Module, shape=SHAPE):
    """The node that a single layer becomes."""
    graph = read_torch(nn.Sequential(module), shape)
    return graph.nodes["0"]


class Branches(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU())
        self.left = nn.Conv2d(4, 4, 3, padding="same")
        self.act = nn.ReLU()
        self.head = nn.Linear(8, 3)

    def forward(self, x, unused=None):
        stem = self.stem(x)
        left = self.act(self.left(stem)) + stem
        right = F.relu(F.avg_pool2d(stem, 2))
        left = F.max_pool2d(F.dropout(left, training=self.training), 2)
        both = torch.cat([left, right], 1).mean((2, 3))
        return self.head(both.view(both.size(0), -1))


def test_branches_are_traced():
    torch.manual_seed(0)
    net = Branches()
    graph = read_torch(net, SHAPE)
    x = counts(0, SHAPE)
    with torch.no_grad():
        expected = net.double().eval()(torch.tensor(x)).numpy()
    result = evaluate(graph, x, dtype=np.float64)[:, :, 0, 0]
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-5)
    assert {"stem.0", "stem.1", "left", "act", "head"} <= set(graph.nodes)


def test_reading_changes_neither_weights_nor_mode():
    net = Branches().train()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    read_torch(net, SHAPE)
    assert net.training
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())


def test_functional_weights_are_read():
    class Functional(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(3, 2, 3, 3))

        def forward(self, x):
            return torch.flatten(F.conv2d(x, self.weight, stride=2), 1)

    net = Functional()
    x = counts(1, SHAPE)
    with torch.no_grad():
        expected = net.double()(torch.tensor(x)).numpy()
    result = evaluate(read_torch(net, SHAPE), x, dtype=np.float64)
    np.testing.assert_allclose(result[:, :, 0, 0], expected, atol=1e-9)


@pytest.mark.parametrize(
    ("module", "node"),
    [
        (nn.AvgPool2d(2), Pool2d("average", (2, 2), (2, 2))),
        (nn.AvgPool2d(3, 2, 1, ceil_mode=True), Pool2d("average", (3, 3), (2, 2), (1, 1), True)),
        (nn.AdaptiveAvgPool2d((4, None)), Pool2d("average", (2, 1), (2, 1))),
        (nn.MaxPool2d((2, 4)), Pool2d("max", (2, 4), (2, 4))),
        (sl.SumPool2d(4), Pool2d("sum", (4, 4), (4, 4))),
        (nn.ReLU(), ReLU(False)),
        (sl.NeuromorphicReLU(), ReLU(True)),
        (sl.NeuromorphicReLU(quantize=False), ReLU(False)),
        (nn.Flatten(), Flatten()),
        (sl.FlattenTime(), Identity()),
        (sl.UnflattenTime(1), Identity()),
        (sl.IAFSqueeze(batch_size=1), IAF(1.0, None, "subtract")),
        (
            sl.IAFSqueeze(batch_size=1, spike_threshold=torch.tensor(2.5), min_v_mem=-0.5),
            IAF(2.5, -0.5, "subtract"),
        ),
        (sl.IAF(reset_fn=MembraneReset()), IAF(1.0, None, "zero")),
    ],
)
def test_layers(module, node):
    assert only(module) == node


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (sl.IAFSqueeze(batch_size=1, reset_fn=MembraneReset(reset_value=0.2)), "reset_value=0.2"),
        (sl.IAFSqueeze(batch_size=1, reset_fn=MembraneSubtract(0.5)), "subtract_value=0.5"),
        (sl.IAFSqueeze(batch_size=1, tau_syn=10.0), "tau_syn"),
        (
            sl.IAFSqueeze(batch_size=1, spike_threshold=torch.tensor([1.0, 2.0])),
            "several thresholds",
        ),
        (sl.LIFSqueeze(tau_mem=20.0, batch_size=1), "leak"),
        (nn.LeakyReLU(), "ReLU"),
        (nn.AdaptiveAvgPool2d(3), "equal windows"),
        (nn.AvgPool2d(3, padding=1, count_include_pad=False), "count_include_pad"),
        (nn.Flatten(2), "dimensions 2"),
        (sl.QuantizeLayer(), "right after a ReLU"),
        (nn.ConvTranspose2d(2, 3, 2), "no core"),
    ],
)
def test_layers_that_no_chip_runs(module, reason):
    node = only(module)
    assert isinstance(node, Unsupported)
    assert reason in node.reason


def test_what_is_unsupported_keeps_its_shape_so_that_reading_goes_on():
    net = nn.Sequential(nn.ConvTranspose2d(2, 3, 2, stride=2), nn.Conv2d(3, 4, 3))
    graph = read_torch(net, SHAPE)
    assert infer_shapes(graph)["1"] == (4, 14, 14)


def test_quantizer_after_a_relu_is_a_quantized_relu():
    graph = read_torch(nn.Sequential(nn.ReLU(), sl.QuantizeLayer()), SHAPE)
    assert graph.nodes["1"] == ReLU(True)


def test_a_class_with_its_own_forward_is_not_taken_for_its_base():
    class Doubled(nn.Conv2d):
        def forward(self, x):
            return super().forward(x) + super().forward(x)

    graph = read_torch(nn.Sequential(Doubled(2, 3, 3, bias=False)), SHAPE)
    assert [type(n) for n in graph.nodes.values()].count(Conv2d) == 2
    assert any(isinstance(n, Merge) for n in graph.nodes.values())


def test_one_neuron_layer_in_two_places_is_refused():
    neuron = sl.IAFSqueeze(batch_size=1)
    graph = read_torch(nn.Sequential(neuron, nn.Conv2d(2, 2, 1), neuron), SHAPE)
    kinds = [node for node in graph.nodes.values() if isinstance(node, Unsupported)]
    assert len(kinds) == 1
    assert "twice" in kinds[0].reason


def test_network_of_sinabs_is_its_spiking_model():
    ann = nn.Sequential(nn.Conv2d(2, 3, 3, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(108, 2))
    net = sinabs.from_model(ann, batch_size=1, input_shape=SHAPE)
    graph = read_torch(net, SHAPE)
    assert list(graph.nodes) == ["input", "0", "1", "2", "3", "output"]
    assert graph.nodes["1"] == IAF(1.0, -1.0, "subtract")


def test_a_bias_of_zeros_is_no_bias():
    conv = nn.Conv2d(2, 3, 3)
    nn.init.zeros_(conv.bias)
    assert only(conv).bias is None


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused_by_layer(value):
    net = nn.Sequential(nn.ReLU(), nn.Conv2d(2, 3, 3))
    net[1].weight.data[0, 0, 0, 0] = value
    with pytest.raises(SourceError, match=r"net: 1: weight has 1 of 54 values that are not finite"):
        read_torch(net, SHAPE, "net")


class BranchesOnValues(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


def test_tracing_that_fails_names_module_and_line():
    net = nn.Sequential(nn.ReLU(), nn.Sequential(BranchesOnValues()))
    with pytest.raises(
        SourceError, match=r"module 1\.0 \(BranchesOnValues\).*test_from_torch\.py:"
    ):
        read_torch(net, SHAPE)


class TwoInputs(nn.Module):
    def forward(self, x, y):
        return x + y


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (TwoInputs(), "several inputs"),
        (nn.Sequential(nn.LazyConv2d(3, 3)), "0: its weights are not initialised"),
        (nn.Sequential(nn.Conv2d(1, 3, 3)), "weights for 1 input channels, but its input has 2"),
        (nn.Sequential(nn.Conv2d(2, 3, 11)), "kernel of 11x11 is larger"),
        (nn.Sequential(nn.Linear(128, 3)), "put a Flatten before it"),
        (nn.Sequential(nn.AvgPool2d(9)), "window of 9x9 is larger"),
    ],
)
def test_networks_that_cannot_be(module, message):
    with pytest.raises(SourceError, match=message):
        read_torch(module, SHAPE)


@pytest.mark.parametrize("shape", [(2, 8), (0, 8, 8), (2, 8, -1), (2, 8, 8.5), "288"])
def test_input_shapes_that_are_none(shape):
    with pytest.raises(SourceError, match="channels, height and width"):
        read_torch(nn.ReLU(), shape)


def test_no_module():
    with pytest.raises(SourceError, match="torch module was expected, got dict"):
        read_torch({"weight": 1})


def test_importing_the_graph_brings_no_torch():
    code = (
        "import sys, dynapdeploy.graph;"
        "print(sorted({'torch', 'sinabs', 'nir', 'h5py', 'samna'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
