"""Normalisation keeps the function, biases, branches and all; substitutes are told by name."""

import numpy as np
import pytest
import torch
from random_nets import counts, random_chain, random_graph
from torch import nn

from dynapdeploy.errors import InputError, SourceError
from dynapdeploy.graph import activations, evaluate, fold, infer_shapes, read_torch
from dynapdeploy.graph.nodes import IAF, Pool2d, ReLU
from dynapdeploy.graph.normalise import normalise
from dynapdeploy.graph.substitutes import max_to_average, softmax_to_relu


def neurons(graph):
    return [name for name, node in graph.nodes.items() if isinstance(node, ReLU | IAF)]


def check(graph, x):
    found = normalise(graph, x, 99.0, level=4.0)
    before = activations(graph, x, neurons(graph), False)
    after = activations(found.graph, x, neurons(graph), False)
    for name, factor in found.factors.items():
        np.testing.assert_allclose(after[name] * factor, before[name], rtol=1e-5, atol=1e-5)
    return found, before, after


@pytest.mark.parametrize("seed", range(12))
def test_activations_are_divided_by_the_factors_in_chains_with_biases(seed):
    net, shape = random_chain(seed)
    graph = fold(read_torch(net, input_shape=shape))
    x = counts(seed, shape, samples=4)
    _, _, after = check(graph, x)
    for name in neurons(graph):
        active = after[name][after[name] > 0]
        if active.size:
            assert np.percentile(active, 99.0) == pytest.approx(4.0, rel=1e-4)
    normalised = normalise(graph, x, 99.0, level=4.0).graph
    same = evaluate(graph, x, quantized=False).argmax(1) == evaluate(
        normalised, x, quantized=False
    ).argmax(1)
    assert same.all()


@pytest.mark.parametrize("seed", range(12))
def test_branches_that_meet_share_a_factor(seed):
    graph = fold(random_graph(seed))
    shape = infer_shapes(graph)[graph.input]
    check(graph, counts(seed, shape))


def test_zeros_do_not_count_and_silent_layers_keep_their_scale():
    conv = nn.Conv2d(1, 1, 1)
    dead = nn.Conv2d(1, 1, 1)
    with torch.no_grad():
        conv.weight.fill_(2.0)
        conv.bias.zero_()
        dead.weight.fill_(-1.0)
        dead.bias.zero_()
    x = np.zeros((1, 1, 10, 10))
    x[0, 0, 0, :2] = 3
    graph = read_torch(nn.Sequential(conv, nn.ReLU(), dead, nn.ReLU()), input_shape=(1, 10, 10))
    assert normalise(graph, x, 50.0).factors == {"1": 6.0, "3": 1.0}


def test_lower_bounds_of_spiking_neurons_scale_along():
    import sinabs.layers as sl

    net = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), sl.IAFSqueeze(1, min_v_mem=-1.0))
    with torch.no_grad():
        net[0].weight.fill_(2.0)
    found = normalise(read_torch(net, input_shape=(1, 2, 2)), np.ones((1, 1, 2, 2)), 100)
    assert found.factors == {"1": 2.0}
    assert found.graph.nodes["1"].lower_bound == -0.5
    assert found.graph.nodes["0"].weight.item() == 1.0


def test_what_cannot_be_normalised_is_named():
    net = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1), nn.ReLU()).eval()
    graph = read_torch(net, input_shape=(1, 2, 2))
    with pytest.raises(SourceError, match="1: BatchNorm2d"):
        normalise(graph, np.ones((1, 1, 2, 2)))
    with pytest.raises(InputError, match=r"percentile in 0\.\.100"):
        normalise(graph, np.ones((1, 1, 2, 2)), 101)


def test_substitutes_change_what_they_say():
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(8, 3),
        nn.Softmax(1),
    )
    graph = read_torch(net, input_shape=(1, 6, 6))
    graph, pools = max_to_average(graph)
    graph, outputs = softmax_to_relu(graph)
    assert (pools, outputs) == (("2",), ("5",))
    assert graph.nodes["2"] == Pool2d("average", (2, 2), (2, 2))
    assert graph.nodes["5"] == ReLU()
    assert max_to_average(graph) == (graph, ())
    plain = nn.Sequential(*net[:2], nn.AvgPool2d(2), *net[3:5], nn.ReLU())
    x = counts(0, (1, 6, 6))
    with torch.no_grad():
        expected = plain(torch.from_numpy(x).float()).numpy()
    found = evaluate(graph, x, quantized=False)
    np.testing.assert_allclose(found.reshape(3, 3), expected, rtol=1e-5, atol=1e-6)
