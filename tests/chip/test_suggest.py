"""Suggested changes make the whole net fit, cost no more than they must, and keep the classes."""

import numpy as np
from chip_layers import conv_chain
from test_remedy import random_net

from dynapdeploy.chip.changes import Change
from dynapdeploy.chip.compile import compile_graph
from dynapdeploy.chip.profile import load_profile
from dynapdeploy.chip.remedy import apply
from dynapdeploy.chip.suggest import suggest
from dynapdeploy.graph.graph import Graph, chain
from dynapdeploy.graph.nodes import Conv2d, Input, Output, ReLU, Unsupported
from dynapdeploy.sources import read_source

SPECK = load_profile("speck2fdevkit")


def changed(graph: Graph, changes) -> Graph:
    for change in changes:
        graph = apply(graph, change)
    return graph


def test_a_net_that_fits_needs_nothing():
    found = suggest(conv_chain([2, 8, 10], (16, 16)), SPECK)
    assert found is not None
    assert found.changes == ()
    assert found.parameters == found.parameters_before == 9 * (16 + 80)


def test_all_convnet_gets_a_suggestion():
    graph = read_source("all_convnet").graph
    found = suggest(graph, SPECK)
    assert found is not None
    compilation = compile_graph(changed(graph, found.changes), SPECK)
    assert compilation.fits
    assert sum(layer.weight.size for layer in compilation.network.layers) == found.parameters
    assert compilation.network.layers[-1].features == 10
    assert 100_000 < found.parameters < found.parameters_before
    assert found.macs < found.macs_before


def test_one_layer_too_large_costs_one_change():
    graph = conv_chain([2, 64, 66, 10], (16, 16))
    found = suggest(graph, SPECK)
    assert found is not None
    assert found.changes == (Change("conv2", "features", 64),)


def test_random_nets_fit_after_the_changes():
    for seed in (14, 21, 28, 35, 42, 49, 56):
        graph = random_net(seed)
        found = suggest(graph, SPECK)
        assert found is not None, seed
        assert compile_graph(changed(graph, found.changes), SPECK).fits


def test_too_many_layers():
    graph = conv_chain([4] * 13, (8, 8))
    found = suggest(graph, SPECK)
    assert found is not None
    assert [change.what for change in found.changes] == ["removed"] * 3
    assert compile_graph(changed(graph, found.changes), SPECK).fits


def test_what_no_change_of_size_helps_gets_none():
    nodes = {
        "input": Input((1, 8, 8)),
        "conv": Conv2d(np.ones((2, 1, 3, 3))),
        "odd": Unsupported("LSTM", "recurrent"),
        "relu": ReLU(),
        "output": Output(),
    }
    assert suggest(chain(nodes), SPECK) is None
