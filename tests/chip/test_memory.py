"""Words of memory against the formulas, and against sinabs' own summary."""

import math

import numpy as np
import pytest
from chip_layers import layer
from hypothesis import given
from hypothesis import strategies as st
from sinabs_backend import sinabs_backend

from dynapdeploy.chip.memory import kernel_words, neuron_words
from dynapdeploy.chip.place import Demand, demand_of, place
from dynapdeploy.chip.profile import load_profile

SPECK = load_profile("speck2fdevkit")


@given(st.integers(1, 1024), st.integers(1, 1024), st.integers(1, 16), st.integers(1, 16))
def test_kernel_words_are_those_of_the_datasheet_formula(channels, features, height, width):
    exponent = math.ceil(math.log2(height * width)) + math.ceil(math.log2(features))
    assert kernel_words(channels, features, (height, width)) == channels * 2**exponent


@given(st.integers(1, 1024), st.integers(1, 128), st.integers(1, 128))
def test_neuron_words_are_those_of_the_datasheet_formula(features, height, width):
    exponent = math.ceil(math.log2(height)) + math.ceil(math.log2(width))
    assert neuron_words(features, height, width) == features * 2**exponent


@pytest.mark.parametrize(
    ("channels", "features", "kernel", "words"),
    [(16, 32, 3, 8 * 1024), (128, 500, 1, 65_536), (32, 128, 3, 65_536), (500, 10, 1, 8000)],
)
def test_known_kernel_sizes(channels, features, kernel, words):
    assert kernel_words(channels, features, (kernel, kernel)) == words


def test_a_thousand_random_layers_take_what_sinabs_says():
    import sinabs.layers as sl
    import torch
    from torch import nn

    random = np.random.default_rng(1)
    with sinabs_backend():
        from sinabs.backend.dynapcnn.dynapcnn_layer import DynapcnnLayer
        from sinabs.backend.dynapcnn.mapping import LayerConstraints

        constraints = [LayerConstraints(c.kernel, c.neuron, c.bias) for c in SPECK.cores]
        for _ in range(1000):
            channels, features = (int(n) for n in random.integers(1, 80, 2))
            kernel = int(random.integers(1, 8))
            stride = int(random.choice([1, 2, 4]))
            padding = int(random.integers(0, 4))
            extent = tuple(int(n) for n in random.integers(kernel, 65, 2))
            conv = nn.Conv2d(channels, features, kernel, stride, padding, bias=False)
            neuron = sl.IAFSqueeze(batch_size=1, spike_threshold=torch.tensor(1.0))
            theirs = DynapcnnLayer(conv, neuron, (channels, *extent), [(1, 1)], discretize=False)
            ours = demand_of(
                layer(
                    conv.weight.detach().numpy(),
                    extent,
                    stride=(stride, stride),
                    padding=(padding, padding),
                )
            )
            summary = theirs.memory_summary()
            assert (ours.kernel, ours.neuron) == (summary["kernel"], summary["neuron"])
            fits = [constraint.fits(theirs) for constraint in constraints]
            assert [ours.fits(core) for core in SPECK.cores] == fits


def test_placement_exists_exactly_where_sinabs_finds_one():
    random = np.random.default_rng(2)
    found = 0
    with sinabs_backend():
        from sinabs.backend.dynapcnn.mapping import edmonds, make_flow_graph, recover_mapping

        for _ in range(400):
            demands = [
                Demand(
                    str(i),
                    int(2 ** random.integers(8, 17)),
                    int(2 ** random.integers(8, 17)),
                    0,
                )
                for i in range(int(random.integers(1, 10)))
            ]
            allowed = [
                [i for i, core in enumerate(SPECK.cores) if demand.fits(core)] for demand in demands
            ]
            flow = make_flow_graph(allowed, len(SPECK.cores))
            try:
                recover_mapping(edmonds(flow, 0, len(flow) - 1), len(demands))
                exists = True
            except ValueError:
                exists = False
            ours = place(demands, SPECK)
            assert (not ours.shortages) == exists
            if exists:
                found += 1
                assert len(set(ours.cores.values())) == len(demands)
                assert all(d.fits(SPECK.cores[ours.cores[d.layer]]) for d in demands)
            else:
                assert ours.shortages
                assert all(len(s.layers) > len(s.cores) for s in ours.shortages)
    assert 40 < found < 360
