"""Shapes of every kind of node, and the plain forward."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from dynapdeploy.errors import SourceError
from dynapdeploy.graph import Graph, chain, evaluate, infer_shapes, read_torch, with_input_shape
from dynapdeploy.graph.evaluate import activations
from dynapdeploy.graph.nodes import (
    IAF,
    Concat,
    Conv2d,
    Input,
    Merge,
    Output,
    Pool2d,
    ReLU,
    Unsupported,
)

SMALL = st.integers(1, 3)


@given(
    st.tuples(SMALL, st.integers(7, 12), st.integers(7, 12)),
    st.tuples(SMALL, SMALL),
    st.tuples(SMALL, SMALL),
    st.tuples(st.integers(0, 2), st.integers(0, 2)),
    st.tuples(SMALL, SMALL),
)
@settings(max_examples=40, deadline=None)
def test_convolutions_are_as_large_as_torch_says(shape, kernel, stride, padding, dilation):
    conv = nn.Conv2d(shape[0], 2, kernel, stride, padding, dilation)
    with torch.no_grad():
        expected = conv(torch.zeros(1, *shape)).shape[1:]
    assert infer_shapes(read_torch(conv, shape))["0"] == tuple(expected)


@given(st.integers(5, 14), st.integers(2, 4), SMALL, st.integers(0, 1), st.booleans())
@settings(max_examples=40, deadline=None)
def test_pools_are_as_large_as_torch_says(size, kernel, stride, padding, ceil_mode):
    pool = nn.MaxPool2d(kernel, stride, padding, ceil_mode=ceil_mode)
    expected = pool(torch.zeros(1, 1, size, size + 1)).shape[1:]
    assert infer_shapes(read_torch(pool, (1, size, size + 1)))["0"] == tuple(expected)


def joined(node, a: int, b: int) -> Graph:
    nodes = {
        "in": Input((1, 6, 6)),
        "a": Conv2d(np.ones((a, 1, 1, 1))),
        "b": Conv2d(np.ones((b, 1, 1, 1))),
        "join": node,
        "out": Output(),
    }
    return Graph(nodes, {"a": ["in"], "b": ["in"], "join": ["a", "b"], "out": ["join"]}, "net")


def test_merges_need_equal_shapes_and_concats_add_channels():
    assert infer_shapes(joined(Concat(), 2, 3))["out"] == (5, 6, 6)
    with pytest.raises(SourceError, match="net: join: it adds maps of different shapes, 2x6x6 and"):
        infer_shapes(joined(Merge(), 2, 3))


def test_a_mismatch_behind_something_unsupported_names_that_too():
    layers = {"in": Input((1, 6, 6)), "odd": Unsupported("Odd", "who knows"), "out": Output()}
    graph = chain({**layers, "c": Conv2d(np.ones((1, 2, 1, 1)))})
    graph = Graph(graph.nodes, {"odd": ["in"], "c": ["odd"], "out": ["c"]})
    with pytest.raises(SourceError, match=r"behind odd, which is not supported: Odd, who knows"):
        infer_shapes(graph)


def test_with_input_shape_replaces_it():
    graph = chain({"in": Input(), "c": Conv2d(np.ones((1, 2, 3, 3))), "out": Output()})
    assert infer_shapes(with_input_shape(graph, (2, 5, 7)))["c"] == (1, 3, 5)


def test_neurons_count_spikes_or_give_rates():
    graph = chain({"in": Input((1, 1, 1)), "iaf": IAF(2.0), "relu": ReLU(), "out": Output()})
    x = np.array([[[[5.0]]], [[[-3.0]]]])
    assert evaluate(graph, x).ravel().tolist() == [2.0, 0.0]
    assert evaluate(graph, x, quantized=False).ravel().tolist() == [2.5, 0.0]
    assert evaluate(graph, x + 0.9, quantized=True).ravel().tolist() == [2.0, 0.0]


def test_all_activations_of_one_sample():
    layers = {"in": Input((1, 2, 2)), "p": Pool2d("sum", (2, 2), (2, 2)), "out": Output()}
    values = activations(chain(layers), np.ones((1, 2, 2)))
    assert {name: value.shape for name, value in values.items()} == {
        "in": (1, 2, 2),
        "p": (1, 1, 1),
        "out": (1, 1, 1),
    }
    assert values["p"].item() == 4


def test_samples_that_do_not_fit():
    graph = chain({"in": Input((1, 2, 2)), "c": Conv2d(np.ones((1, 1, 1, 1))), "out": Output()})
    with pytest.raises(SourceError, match=r"\[c, h, w\]"):
        evaluate(graph, np.ones((2, 2)))
    with pytest.raises(SourceError, match="weights for 1 input channels, but its input has 3"):
        evaluate(graph, np.ones((3, 2, 2)))


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"c": ["nobody"], "out": ["c"]}, "nobody, which does not exist"),
        ({"c": ["in", "in"], "out": ["c"]}, "c .Conv2d. has 2 inputs"),
        ({"c": ["out"], "out": ["c"]}, "loop"),
        ({"c": ["in"]}, "out .Output. has 0 inputs"),
    ],
)
def test_graphs_that_contradict_themselves(inputs, message):
    nodes = {"in": Input((1, 2, 2)), "c": Conv2d(np.ones((1, 1, 1, 1))), "out": Output()}
    with pytest.raises(SourceError, match=message):
        Graph(nodes, inputs)


def test_the_published_mnist_net(data_folder):
    layers = [nn.Conv2d(1, 20, 5, bias=False), nn.ReLU(), nn.AvgPool2d(2)]
    layers += [nn.Conv2d(20, 32, 5, bias=False), nn.ReLU(), nn.AvgPool2d(2)]
    layers += [nn.Conv2d(32, 128, 3, bias=False), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten()]
    layers += [nn.Linear(128, 500, bias=False), nn.ReLU(), nn.Linear(500, 10, bias=False)]
    net = nn.Sequential(*layers)
    path = data_folder / "models" / "sinabs_mnist_params.pt"
    net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    graph = read_torch(net, (1, 28, 28))
    x = np.random.default_rng(0).random((5, 1, 28, 28)).astype(np.float32)
    with torch.no_grad():
        expected = net(torch.tensor(x)).numpy()
    np.testing.assert_allclose(evaluate(graph, x)[:, :, 0, 0], expected, rtol=1e-4, atol=1e-4)
    assert sum(n.weight.size for n in graph.nodes.values() if hasattr(n, "weight")) == 122_364
