"""Rules about what no document settles, about the readout, and the page of all rules."""

from pathlib import Path

import numpy as np
import pytest
from chip_layers import conv_chain

from dynapdeploy.chip.changes import Change
from dynapdeploy.chip.compile import Options, compile_graph
from dynapdeploy.chip.profile import load_profile
from dynapdeploy.chip.quantize import quantize_as_sinabs
from dynapdeploy.chip.remedy import apply
from dynapdeploy.chip.rules import RULES
from dynapdeploy.errors import SourceError
from dynapdeploy.graph.graph import Graph, chain
from dynapdeploy.graph.nodes import (
    IAF,
    Concat,
    Conv2d,
    Flatten,
    Input,
    Linear,
    Merge,
    Output,
    Pool2d,
    ReLU,
)
from dynapdeploy.report.rules import rules_page

SPECK = load_profile("speck2fdevkit")


def found(graph: Graph, rule: str, **options):
    diagnostics = compile_graph(graph, SPECK, Options(**options)).diagnostics
    return [d for d in diagnostics if d.rule == rule]


def test_the_page_of_rules_is_generated():
    page = Path(__file__).parents[2] / "docs" / "rules.md"
    assert page.read_text(encoding="utf-8") == rules_page(RULES)


def test_channels_side_by_side_rely_on_the_feature_shift():
    weight = np.full((2, 2, 1, 1), 0.5)
    nodes: dict = {"input": Input((2, 4, 4)), "a": Conv2d(weight), "b": Conv2d(weight)}
    nodes |= {"ra": ReLU(), "rb": ReLU(), "join": Concat()}
    nodes |= {"c": Conv2d(np.full((1, 4, 1, 1), 0.5)), "rc": ReLU(), "output": Output()}
    inputs = {"a": ("input",), "b": ("input",), "ra": ("a",), "rb": ("b",), "join": ("ra", "rb")}
    inputs |= {"c": ("join",), "rc": ("c",), "output": ("rc",)}
    (told,) = found(Graph(nodes, inputs), "DYN005")
    assert (told.layer, told.severity, told.actual) == ("b", "warning", 2)


def test_more_channels_than_the_sensor_has():
    (told,) = found(conv_chain([3, 4], (8, 8)), "DYN006")
    assert (told.severity, told.actual, told.limit) == ("advice", 3, 2)
    assert not found(conv_chain([2, 4], (8, 8)), "DYN006")


def test_a_threshold_that_leaves_the_weights_few_bits():
    weight = np.full((2, 1, 1, 1), 0.001)
    nodes = {"input": Input((1, 4, 4)), "conv": Conv2d(weight), "iaf": IAF(1.0)}
    (told,) = found(chain({**nodes, "output": Output()}), "DYN067")
    assert told.actual == 33
    assert not found(chain({**nodes, "iaf": IAF(0.1), "output": Output()}), "DYN067")


def test_all_weights_lost_is_told():
    weight = np.random.default_rng(0).normal(0, 0.1, (4, 2, 3, 3))
    nodes = {"input": Input((2, 8, 8)), "conv": Conv2d(weight), "iaf": IAF(1.0)}
    graph = chain({**nodes, "output": Output()})
    assert found(graph, "DYN063", quantizer=quantize_as_sinabs)[0].actual == 1.0


def test_a_last_layer_too_large_for_the_readout_when_widened():
    weight = np.full((10, 1024, 2, 2), 0.01)
    nodes = {"input": Input((1024, 2, 2)), "conv": Conv2d(weight), "relu": ReLU()}
    (told,) = found(chain({**nodes, "output": Output()}), "DYN071")
    assert (told.actual, told.severity) == (37, "advice")
    assert not found(conv_chain([2, 10], (8, 8)), "DYN071")


def test_a_smaller_layer_ends_the_competition():
    random = np.random.default_rng(0)
    nodes: dict = {"input": Input((64, 8, 8))}
    for i in range(4):
        features = 10 if i == 3 else 64
        nodes[f"conv{i}"] = Conv2d(random.normal(0, 0.02, (features, 64, 3, 3)), padding=(1, 1))
        nodes[f"relu{i}"] = ReLU()
    graph = chain({**nodes, "output": Output()})
    (told,) = found(graph, "DYN025")
    assert {change.layer for change in told.changes} == {"conv0", "conv1", "conv2"}
    for change in told.changes:
        assert not found(apply(graph, change), "DYN025")


def test_a_chosen_core_is_checked():
    graph = conv_chain([64, 64, 10], (8, 8))
    (told,) = found(graph, "DYN027", pinned={"conv1": 0})
    assert (told.severity, told.layer, told.limit) == ("error", "conv1", "5, 6")
    assert "Choose one of the cores 5, 6." in str(told)
    assert "cores 0 to 8" in str(found(graph, "DYN027", pinned={"conv2": 12})[0])
    assert not found(graph, "DYN025", pinned={"conv1": 0})
    assert not found(graph, "DYN027", pinned={"conv1": 6})
    with pytest.raises(SourceError, match="no layer conv7 to put on core 3"):
        found(graph, "DYN027", pinned={"conv7": 3})


def ends_in_linear(extent: int, channels: int, features: int) -> Graph:
    weight = np.full((channels, 2, 1, 1), 0.1)
    nodes: dict = {"input": Input((2, extent, extent)), "conv": Conv2d(weight), "relu": ReLU()}
    linear = np.full((features, channels * extent * extent), 0.01)
    nodes |= {"flat": Flatten(), "linear": Linear(linear), "relu2": ReLU(), "output": Output()}
    return chain(nodes)


@pytest.mark.parametrize(("rule", "sizes"), [("DYN011", (18, 4, 10)), ("DYN021", (16, 32, 10))])
def test_a_layer_that_covers_its_map_is_helped_by_pooling_before_it(rule, sizes):
    graph = ends_in_linear(*sizes)
    (told,) = found(graph, rule)
    assert told.layer == "linear"
    assert Change("conv", "pooling", 2) in told.changes
    assert "conv with sum or average pooling by 2 behind it" in told.fix
    for change in told.changes:
        assert not found(apply(graph, change), rule)


def test_competitions_apart_from_each_other_are_both_told():
    random = np.random.default_rng(0)
    nodes: dict = {"input": Input((16, 64, 64))}
    for i in range(4):
        nodes[f"wide{i}"] = Conv2d(random.normal(0, 0.1, (16, 16, 3, 3)), padding=(1, 1))
        nodes[f"r{i}"] = ReLU()
    nodes["pool"] = Pool2d("sum", (4, 4), (4, 4))
    for i in range(4):
        weight = random.normal(0, 0.1, (64, 16 if i == 0 else 64, 3, 3))
        nodes[f"deep{i}"] = Conv2d(weight, padding=(1, 1))
        nodes[f"s{i}"] = ReLU()
    graph = chain({**nodes, "output": Output()})
    told = found(graph, "DYN025")
    assert [(d.layer, d.actual, d.limit) for d in told] == [
        ("wide0, wide1, wide2, wide3", 4, 3),
        ("deep1, deep2, deep3", 3, 2),
    ]
    for diagnostic in told:
        assert diagnostic.changes
        for change in diagnostic.changes:
            left = found(apply(graph, change), "DYN025")
            assert diagnostic.layer not in [d.layer for d in left]


def test_too_many_layers_do_not_count_as_a_competition():
    graph = conv_chain([2] * 13, (8, 8))
    assert [d.actual for d in found(graph, "DYN020")] == [12]
    assert not found(graph, "DYN025")


def test_a_layer_that_takes_the_same_spikes_twice_is_named():
    weight = np.full((2, 2, 1, 1), 0.5)
    nodes: dict = {"input": Input((2, 4, 4)), "a": Conv2d(weight), "ra": ReLU()}
    nodes |= {"b": Conv2d(weight), "rb": ReLU(), "one": Concat(), "two": Concat(), "sum": Merge()}
    nodes |= {"c": Conv2d(np.full((1, 4, 1, 1), 0.5)), "rc": ReLU(), "output": Output()}
    inputs = {"a": ("input",), "ra": ("a",), "b": ("ra",), "rb": ("b",), "one": ("ra", "rb")}
    inputs |= {"two": ("rb", "ra"), "sum": ("one", "two"), "c": ("sum",), "rc": ("c",)}
    (told,) = found(Graph(nodes, {**inputs, "output": ("rc",)}), "DYN003")
    assert (told.layer, told.actual, told.limit) == ("a", 3, 2)
    assert "c 2 times" in told.message
    assert told.fix == "Let c take its spikes once only."
