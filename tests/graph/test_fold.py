"""Folding preserves the function, and refuses by name what it cannot fold exactly."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_nets import counts, random_batchnorm, random_chain, random_graph, with_batchnorms
from torch import nn

from dynapdeploy.errors import SourceError
from dynapdeploy.graph import Graph, chain, evaluate, fold, infer_shapes, read_torch, unsupported
from dynapdeploy.graph.nodes import (
    IAF,
    BatchNorm2d,
    Concat,
    Conv2d,
    Dropout,
    Flatten,
    Identity,
    Input,
    Linear,
    Merge,
    Output,
    Pool2d,
    ReLU,
    Unsupported,
)

SEEDS = st.integers(0, 2**32 - 1)


def ones(out: int, channels: int, kernel: int = 1) -> np.ndarray:
    return np.ones((out, channels, kernel, kernel), np.float32)


def average(size: int) -> Pool2d:
    return Pool2d("average", (size, size), (size, size))


@given(SEEDS)
@settings(max_examples=40, deadline=None)
def test_torch_chain_equals_its_graph_and_its_folded_graph(seed):
    net, shape = random_chain(seed)
    x = counts(seed, shape)
    with torch.no_grad():
        expected = net(torch.tensor(x)).numpy()
    graph = read_torch(net, shape)
    folded = fold(graph)
    assert unsupported(folded) == {}
    for candidate in (graph, folded):
        result = evaluate(candidate, x, dtype=np.float64).reshape(expected.shape)
        np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-5)
    kinds = {type(node) for node in folded.nodes.values()}
    assert kinds <= {Input, Conv2d, ReLU, Pool2d, Output}
    assert all(n.kind == "sum" for n in folded.nodes.values() if isinstance(n, Pool2d))


@pytest.mark.parametrize("quantized", [False, True])
@given(seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_graphs_with_branches_keep_their_function_exactly(quantized, seed):
    graph = random_graph(seed, quantized)
    folded = fold(graph)
    if unsupported(folded):
        reasons = " ".join(node.reason for node in unsupported(folded).values())
        assert "average" in reasons or "twice" in reasons
        return
    x = counts(seed, graph.nodes["input"].shape)
    before = evaluate(graph, x, dtype=np.float64).reshape(len(x), -1)
    after = evaluate(folded, x, dtype=np.float64).reshape(len(x), -1)
    np.testing.assert_array_equal(after, before)
    assert not any(
        isinstance(n, Dropout | Identity | Flatten | Linear) for n in folded.nodes.values()
    )


@given(SEEDS)
@settings(max_examples=60, deadline=None)
def test_batchnorm_anywhere_is_folded_exactly_or_refused_by_name(seed):
    graph = with_batchnorms(random_graph(seed), seed)
    norms = set(graph.of(BatchNorm2d))
    folded = fold(graph)
    assert not any(isinstance(node, BatchNorm2d) for node in folded.nodes.values())
    refused = unsupported(folded)
    if refused:
        reasons = " ".join(node.reason for node in refused.values())
        assert norms & set(refused) or "average" in reasons or "twice" in reasons
        return
    x = counts(seed, graph.nodes["input"].shape)
    before = evaluate(graph, x, dtype=np.float64).reshape(len(x), -1)
    after = evaluate(folded, x, dtype=np.float64).reshape(len(x), -1)
    np.testing.assert_allclose(after, before, rtol=1e-5, atol=1e-5 * max(1, abs(before).max()))


def test_batchnorm_goes_through_pools_and_joins():
    """Densely connected and pre-activation blocks: norm, pool, concatenation in any order."""
    norms = {f"bn{i}": random_batchnorm(i, channels) for i, channels in enumerate((2, 2, 4))}
    pool = average(2)
    nodes = {"in": Input((2, 8, 8)), **norms, "pool": pool, "again": pool, "cat": Concat()}
    nodes |= {"conv": Conv2d(ones(3, 4)), "out": Output()}
    inputs = {"bn0": ["in"], "pool": ["bn0"], "again": ["in"], "bn1": ["again"], "bn2": ["cat"]}
    inputs |= {"cat": ["pool", "bn1"], "conv": ["bn2"], "out": ["conv"]}
    graph = Graph(nodes, inputs)
    folded = fold(graph)
    assert unsupported(folded) == {}
    x = counts(1, (2, 8, 8))
    np.testing.assert_allclose(evaluate(folded, x), evaluate(graph, x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["average", "sum"])
@given(seed=SEEDS)
@settings(max_examples=20, deadline=None)
def test_a_pool_before_the_neurons_becomes_part_of_the_convolution(kind, seed):
    draw = np.random.default_rng(seed)
    size, stride, step = (tuple(int(n) for n in draw.integers(1, 4, 2)) for _ in range(3))
    padding = tuple(int(n) for n in draw.integers(0, 3, 2))
    weight, bias = draw.normal(size=(3, 2, *draw.integers(1, 4, 2))), draw.normal(size=3)
    nodes = {"in": Input((2, 11, 12)), "conv": Conv2d(weight, bias, step, padding)}
    nodes |= {"bn": random_batchnorm(seed, 3), "pool": Pool2d(kind, size, stride)}
    graph = chain({**nodes, "relu": ReLU(), "out": Output()})
    folded = fold(graph)
    assert list(folded.nodes) == ["in", "conv", "relu", "out"]
    x = counts(seed, (2, 11, 12))
    expected = evaluate(graph, x, dtype=np.float64)
    np.testing.assert_allclose(evaluate(folded, x, dtype=np.float64), expected, atol=1e-9)


def test_most_random_graphs_with_branches_fold():
    folded = [fold(random_graph(seed, True)) for seed in range(40)]
    assert sum(not unsupported(graph) for graph in folded) >= 30


def test_batchnorm_on_an_unpadded_convolution_uses_eps_and_running_statistics():
    norm = random_batchnorm(1, 2)
    weight = np.random.default_rng(2).normal(size=(3, 2, 3, 3)).astype(np.float32)
    graph = chain({"in": Input((2, 6, 6)), "bn": norm, "conv": Conv2d(weight), "out": Output()})
    folded = fold(graph)
    a = norm.gamma / np.sqrt(norm.variance + 1e-3)
    b = norm.beta - a * norm.mean
    conv = folded.nodes["conv"]
    np.testing.assert_allclose(conv.weight, weight * a[None, :, None, None], rtol=1e-6)
    np.testing.assert_allclose(conv.bias, (weight * b[None, :, None, None]).sum((1, 2, 3)))


def test_batchnorm_with_a_shift_before_padding_is_refused_by_name():
    norm = random_batchnorm(1, 2)
    layers = {"in": Input((2, 6, 6)), "bn": norm, "conv": Conv2d(ones(1, 2, 3), padding=(1, 1))}
    refused = unsupported(fold(chain({**layers, "out": Output()})))
    assert list(refused) == ["bn"]
    assert "conv" in refused["bn"].reason


def test_batchnorm_without_a_shift_before_padding_is_folded():
    norm = BatchNorm2d(np.zeros(2), np.ones(2), np.array([0.5, 3.0]), np.zeros(2), 0.0)
    conv = Conv2d(ones(1, 2, 3), padding=(1, 1))
    folded = fold(chain({"in": Input((2, 6, 6)), "bn": norm, "conv": conv, "out": Output()}))
    np.testing.assert_array_equal(folded.nodes["conv"].weight[0, :, 0, 0], [0.5, 3.0])
    assert folded.nodes["conv"].bias is None


def test_batchnorm_before_a_grouped_convolution_scales_each_group_by_its_own_channels():
    norm = random_batchnorm(3, 4)
    weight = np.random.default_rng(0).normal(size=(6, 2, 3, 3))
    nodes = {"in": Input((4, 7, 7)), "bn": norm, "c": Conv2d(weight, groups=2), "out": Output()}
    graph = chain(nodes)
    x = counts(0, (4, 7, 7))
    np.testing.assert_allclose(
        evaluate(fold(graph), x, dtype=np.float64), evaluate(graph, x, dtype=np.float64), atol=1e-9
    )


def test_batchnorm_that_two_branches_share_goes_into_both():
    norm = random_batchnorm(3, 2)
    nodes = {
        "in": Input((2, 4, 4)),
        "bn": norm,
        "a": Conv2d(ones(1, 2)),
        "b": Conv2d(2 * ones(1, 2)),
        "sum": Merge(),
        "out": Output(),
    }
    inputs = {"bn": ["in"], "a": ["bn"], "b": ["bn"], "sum": ["a", "b"], "out": ["sum"]}
    graph = Graph(nodes, inputs)
    folded = fold(graph)
    x = counts(1, (2, 4, 4))
    assert "bn" not in folded.nodes
    np.testing.assert_allclose(evaluate(folded, x), evaluate(graph, x), rtol=1e-5, atol=1e-5)


def test_average_pooling_scales_every_consumer():
    nodes = {
        "in": Input((1, 8, 8)),
        "c": Conv2d(ones(2, 1)),
        "relu": ReLU(True),
        "pool": average(4),
        "a": Conv2d(ones(3, 2)),
        "b": Conv2d(ones(1, 2)),
        "outa": Output(),
        "outb": Output(),
    }
    inputs = {"c": ["in"], "relu": ["c"], "pool": ["relu"], "a": ["pool"], "b": ["pool"]}
    folded = fold(Graph(nodes, {**inputs, "outa": ["a"], "outb": ["b"]}))
    assert folded.nodes["pool"] == Pool2d("sum", (4, 4), (4, 4))
    assert (folded.nodes["a"].weight == 1 / 16).all()
    assert (folded.nodes["b"].weight == 1 / 16).all()


def branches(first: Pool2d, second: Pool2d, behind) -> Graph:
    nodes = {
        "in": Input((1, 8, 8)),
        "a": Conv2d(ones(2, 1)),
        "ra": ReLU(True),
        "pa": first,
        "b": Conv2d(ones(2, 1), stride=(2, 2)),
        "rb": ReLU(True),
        "pb": second,
        "sum": Merge(),
        "c": behind,
        "out": Output(),
    }
    inputs = {"a": ["in"], "ra": ["a"], "pa": ["ra"], "b": ["in"], "rb": ["b"], "pb": ["rb"]}
    return Graph(nodes, {**inputs, "sum": ["pa", "pb"], "c": ["sum"], "out": ["c"]})


def test_branches_averaged_differently_become_a_concat_with_a_copy_of_the_weights_each():
    graph = branches(average(4), average(2), Conv2d(ones(3, 2)))
    folded = fold(graph)
    assert isinstance(folded.nodes["sum"], Concat)
    weight = folded.nodes["c"].weight[:, :, 0, 0]
    np.testing.assert_array_equal(weight, np.tile([1 / 16, 1 / 16, 1 / 4, 1 / 4], (3, 1)))
    x = counts(5, (1, 8, 8))
    np.testing.assert_array_equal(evaluate(folded, x), evaluate(graph, x))


def test_branches_averaged_differently_before_no_weights_are_refused_by_name():
    refused = unsupported(fold(branches(average(4), average(2), ReLU())))
    assert list(refused) == ["sum"]
    assert "windows of different size" in refused["sum"].reason


def test_branches_averaged_alike_stay_a_merge():
    folded = fold(branches(average(4), Pool2d("average", (2, 2), (2, 2)), Conv2d(ones(1, 2))))
    assert isinstance(folded.nodes["sum"], Concat)
    same = fold(
        branches(Pool2d("sum", (4, 4), (4, 4)), Pool2d("sum", (2, 2), (2, 2)), Conv2d(ones(1, 2)))
    )
    assert isinstance(same.nodes["sum"], Merge)


def test_average_pooling_at_the_end_sums_and_keeps_the_order_of_outputs():
    net = nn.Sequential(nn.Conv2d(1, 5, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    graph = read_torch(net, (1, 10, 10))
    folded = fold(graph)
    x = counts(0, (1, 10, 10))
    np.testing.assert_allclose(evaluate(folded, x), 64 * evaluate(graph, x), rtol=1e-5)


def test_spiking_neuron_directly_on_averages_is_refused_by_name():
    nodes = {"in": Input((1, 4, 4)), "c": Conv2d(ones(1, 1)), "r": ReLU(), "p": average(2)}
    refused = unsupported(fold(chain({**nodes, "again": ReLU(True), "out": Output()})))
    assert list(refused) == ["again"]


def test_pools_in_a_row_become_one():
    nodes = {"in": Input((1, 9, 9)), "c": Conv2d(ones(1, 1)), "r": ReLU()}
    pools = {"p1": average(2), "p2": average(2)}
    graph = chain({**nodes, **pools, "d": Conv2d(ones(1, 1)), "out": Output()})
    folded = fold(graph)
    assert [n for n in folded.nodes.values() if isinstance(n, Pool2d)] == [
        Pool2d("sum", (4, 4), (4, 4))
    ]
    x = counts(0, (1, 9, 9))
    np.testing.assert_array_equal(evaluate(folded, x), evaluate(graph, x))


def test_a_pool_behind_a_merge_moves_before_it():
    pool = Pool2d("sum", (2, 2), (2, 2))
    nodes = {
        "in": Input((1, 4, 4)),
        "a": Conv2d(ones(1, 1)),
        "r": ReLU(),
        "b": Conv2d(ones(1, 1)),
        "s": ReLU(),
        "sum": Merge(),
        "p": pool,
        "c": Conv2d(ones(1, 1)),
        "out": Output(),
    }
    inputs = {"a": ["in"], "r": ["a"], "b": ["in"], "s": ["b"], "sum": ["r", "s"], "p": ["sum"]}
    folded = fold(Graph(nodes, {**inputs, "c": ["p"], "out": ["c"]}))
    before = folded.inputs[folded.inputs["c"][0]]
    assert [folded.nodes[name] for name in before] == [pool, pool]


def test_neurons_on_counts_go():
    layers = {"in": Input((1, 4, 4)), "relu": ReLU(True), "iaf": IAF(), "c": Conv2d(ones(1, 1))}
    assert list(fold(chain({**layers, "out": Output()})).nodes) == ["in", "c", "out"]


def test_an_iaf_neuron_of_another_threshold_on_counts_stays():
    layers = {"in": Input((1, 4, 4)), "iaf": IAF(2.0), "c": Conv2d(ones(1, 1)), "out": Output()}
    assert "iaf" in fold(chain(layers)).nodes


def test_linear_takes_the_map_with_channels_slowest():
    weight = np.arange(2 * 12, dtype=np.float32).reshape(2, 12)
    layers = {"in": Input((3, 2, 2)), "f": Flatten(), "fc": Linear(weight), "out": Output()}
    conv = fold(chain(layers)).nodes["fc"]
    np.testing.assert_array_equal(conv.weight, weight.reshape(2, 3, 2, 2))


def test_neurons_between_flatten_and_linear_are_no_obstacle():
    layers = {"in": Input((3, 2, 2)), "c": Conv2d(ones(3, 3)), "f": Flatten(), "r": ReLU(True)}
    weight = np.ones((2, 12), np.float32)
    graph = chain({**layers, "fc": Linear(weight), "out": Output()})
    folded = fold(graph)
    x = counts(3, (3, 2, 2))
    assert infer_shapes(folded)["r"] == (3, 2, 2)
    np.testing.assert_array_equal(evaluate(folded, x), evaluate(graph, x))


def test_a_map_flattened_into_the_output_is_refused_by_name():
    layers = {"in": Input((3, 2, 2)), "c": Conv2d(ones(3, 3)), "flat": Flatten(), "out": Output()}
    assert list(unsupported(fold(chain(layers)))) == ["flat"]


def test_a_sum_of_convolutions_is_one_convolution():
    nodes = {
        "in": Input((1, 6, 6)),
        "a": Conv2d(ones(2, 1)),
        "ra": ReLU(),
        "b": Conv2d(ones(2, 2, 3), np.array([1.0, -1.0], np.float32), padding=(1, 1)),
        "sum": Merge(),
        "rs": ReLU(),
        "out": Output(),
    }
    inputs = {"a": ["in"], "ra": ["a"], "b": ["ra"], "sum": ["b", "ra"], "rs": ["sum"]}
    graph = Graph(nodes, {**inputs, "out": ["rs"]})
    folded = fold(graph)
    assert list(folded.nodes) == ["in", "a", "ra", "sum", "rs", "out"]
    assert folded.nodes["sum"].weight.shape == (2, 2, 3, 3)
    x = counts(3, (1, 6, 6))
    np.testing.assert_array_equal(evaluate(folded, x), evaluate(graph, x))


def test_what_is_not_supported_stays_under_its_name():
    layers = {"in": Input((1, 4, 4)), "d": Dropout(), "lif": Unsupported("LIF", "leak")}
    folded = fold(chain({**layers, "c": Conv2d(ones(1, 1)), "out": Output()}))
    assert unsupported(folded) == {"lif": Unsupported("LIF", "leak")}


def test_fold_needs_an_input_shape():
    with pytest.raises(SourceError, match="--input-shape"):
        fold(chain({"in": Input(), "c": Conv2d(ones(1, 1)), "out": Output()}))


def test_a_merge_of_one_map_with_itself_doubles_the_weights():
    nodes = {
        "in": Input((1, 4, 4)),
        "a": Conv2d(ones(2, 1)),
        "r": ReLU(),
        "sum": Merge(),
        "c": Conv2d(ones(3, 2)),
        "out": Output(),
    }
    inputs = {"a": ["in"], "r": ["a"], "sum": ["r", "r"], "c": ["sum"], "out": ["c"]}
    folded = fold(Graph(nodes, inputs))
    assert list(folded.nodes) == ["in", "a", "r", "c", "out"]
    assert (folded.nodes["c"].weight == 2).all()


def test_a_map_concatenated_with_itself_adds_the_weights():
    nodes = {
        "in": Input((1, 4, 4)),
        "a": Conv2d(ones(2, 1)),
        "r": ReLU(),
        "cat": Concat(),
        "c": Conv2d(np.arange(4, dtype=np.float32).reshape(1, 4, 1, 1)),
        "out": Output(),
    }
    inputs = {"a": ["in"], "r": ["a"], "cat": ["r", "r"], "c": ["cat"], "out": ["c"]}
    folded = fold(Graph(nodes, inputs))
    assert folded.nodes["c"].weight.ravel().tolist() == [2, 4]
    assert "cat" not in folded.nodes
