"""Every rule speaks up where it must, names the layer, and is silent on a net that fits."""

import re

import numpy as np
import pytest
from chip_layers import conv_chain
from torch import nn

import dynapdeploy
from dynapdeploy.chip.compile import Options, compile_graph
from dynapdeploy.chip.profile import load_profile
from dynapdeploy.chip.quantize import quantize_as_sinabs
from dynapdeploy.chip.rules import RULES
from dynapdeploy.graph.graph import Graph, chain
from dynapdeploy.graph.nodes import IAF, Conv2d, Input, Output, Pool2d, ReLU, Unsupported

SPECK = load_profile("speck2fdevkit")


def diagnostics(graph: Graph, device: str = "speck2fdevkit", **options):
    return compile_graph(graph, load_profile(device), Options(**options)).diagnostics


def rules_of(graph: Graph, device: str = "speck2fdevkit", **options) -> dict[str, str]:
    """Severity by rule and layer, as ``{"DYN021 conv1": "error"}``."""
    return {f"{d.rule} {d.layer}": d.severity for d in diagnostics(graph, device, **options)}


def one_layer(weight, extent=(16, 16), neuron=None, **geometry) -> Graph:
    nodes = {
        "input": Input((weight.shape[1] * geometry.get("groups", 1), *extent)),
        "conv": Conv2d(weight, **geometry),
        "neuron": neuron or ReLU(),
        "output": Output(),
    }
    return chain(nodes, "test net")


def pooled(*pools: Pool2d, extent=(16, 16)) -> Graph:
    weight = np.full((2, 2, 1, 1), 0.5)
    nodes = {"input": Input((2, *extent)), "conv": Conv2d(weight), "relu": ReLU()}
    nodes |= {f"pool{i}": pool for i, pool in enumerate(pools)}
    nodes |= {"last": Conv2d(weight), "relu2": ReLU(), "output": Output()}
    return chain(nodes, "test net")


def test_a_net_that_fits_has_nothing_to_say():
    assert rules_of(conv_chain([2, 8, 8, 10], (16, 16))) == {}


@pytest.mark.parametrize(
    ("rule", "graph"),
    [
        ("DYN010", one_layer(np.ones((1, 1, 3, 5)) * 0.1)),
        ("DYN011", one_layer(np.ones((1, 1, 17, 17)) * 0.1, (32, 32))),
        ("DYN012", one_layer(np.ones((1, 1, 3, 3)) * 0.1, stride=(3, 1))),
        ("DYN013", one_layer(np.ones((1, 1, 3, 3)) * 0.1, padding=(8, 1))),
        ("DYN014", one_layer(np.ones((1, 1, 3, 3)) * 0.1, (130, 64), stride=(4, 4))),
        ("DYN015", one_layer(np.ones((1, 1, 3, 3)) * 0.1, (80, 64))),
        ("DYN016", one_layer(np.ones((1025, 1, 1, 1)) * 0.1, (1, 1))),
        ("DYN017", one_layer(np.ones((1, 1, 3, 3)) * 0.1, dilation=(2, 2))),
        ("DYN018", one_layer(np.ones((2, 1, 3, 3)) * 0.1, groups=2)),
        ("DYN019", one_layer(np.ones((1, 1, 3, 3)) * 0.1, padding=(1, 1), padding_mode="circular")),
        ("DYN021", one_layer(np.ones((512, 256, 1, 1)) * 0.01, (1, 1))),
        ("DYN022", one_layer(np.ones((32, 1, 1, 1)) * 0.1, (64, 64))),
        ("DYN024", one_layer(np.ones((64, 32, 3, 3)) * 0.01, (34, 34))),
        ("DYN030", pooled(Pool2d("max", (2, 2), (2, 2)))),
        ("DYN031", pooled(Pool2d("sum", (2, 2), (1, 1)))),
        ("DYN031", pooled(Pool2d("sum", (2, 1), (2, 1)))),
        ("DYN032", pooled(Pool2d("sum", (3, 3), (3, 3)), extent=(18, 18))),
        ("DYN032", pooled(Pool2d("sum", (4, 4), (4, 4)), Pool2d("sum", (2, 2), (2, 2)))),
        ("DYN050", one_layer(np.ones((1, 1, 3, 3)) * 0.1, bias=np.ones(1))),
        ("DYN053", one_layer(np.ones((1, 1, 3, 3)) * 0.1, neuron=IAF(0.0))),
        ("DYN054", one_layer(np.ones((1, 1, 3, 3)) * 0.1, neuron=IAF(1.0, 0.5))),
    ],
)
def test_what_the_chip_cannot_do_is_an_error(rule, graph):
    found = [d for d in diagnostics(graph) if d.rule == rule]
    assert len(found) == 1
    assert found[0].severity == "error"
    assert found[0].layer == "conv"
    assert str(found[0]).startswith(f"{rule} conv: ")
    assert found[0].actual is not None
    assert found[0].limit is not None
    assert found[0].fix.endswith(".")


@pytest.mark.parametrize(
    ("rule", "graph"),
    [
        ("DYN033", pooled(Pool2d("sum", (2, 2), (2, 2)), extent=(17, 16))),
        ("DYN052", one_layer(np.ones((1, 1, 3, 3)) * 0.1, neuron=IAF(1.0, 0.0))),
        ("DYN060", one_layer(np.ones((1, 1, 3, 3)) * 100.0)),
        ("DYN061", one_layer(np.full((1, 1, 3, 3), 1.5))),
        ("DYN064", one_layer(np.array([0.5, -0.5]).reshape(2, 1, 1, 1))),
    ],
)
def test_what_a_user_may_regret_is_a_warning(rule, graph):
    found = [d for d in diagnostics(graph) if d.rule == rule]
    assert [d.severity for d in found] == ["warning"]
    assert found[0].layer == "conv"


def test_an_outlier_that_zeroes_a_layer_is_told():
    weight = np.random.default_rng(0).normal(0, 0.01, (16, 8, 3, 3))
    weight[0, 0, 0, 0] = 5.0
    assert "DYN063 conv" in rules_of(one_layer(weight))


def test_what_sinabs_does_silently_is_told():
    weight = np.random.default_rng(0).normal(0, 300, (16, 8, 3, 3))
    found = rules_of(one_layer(weight, neuron=IAF(1.0, 0.0)), quantizer=quantize_as_sinabs)
    assert {"DYN060 conv", "DYN066 conv"} <= set(found)


def test_the_message_of_the_contract():
    graph = one_layer(np.full((64, 128, 3, 3), 0.01), (8, 8), padding=(1, 1))
    renamed = {("conv3" if name == "conv" else name): node for name, node in graph.nodes.items()}
    (found,) = (d for d in diagnostics(chain(renamed)) if d.rule == "DYN021")
    assert str(found) == (
        "DYN021 conv3: kernel memory 131,072 words (128 to 64 channels, 3x3); the largest core of "
        "speck2fdevkit has 65,536. Use at most 32 output channels, or at most 64 input channels, "
        "or a 2x2 kernel."
    )


def test_several_faults_are_all_told():
    weight = np.full((600, 300, 3, 5), 0.01)
    graph = one_layer(weight, (20, 20), stride=(3, 3), padding=(9, 0), bias=np.ones(600))
    found = {name.split()[0] for name in rules_of(graph)}
    assert {"DYN010", "DYN012", "DYN013", "DYN021", "DYN050"} <= found


def test_a_bias_is_a_leak_where_the_user_says_so():
    graph = one_layer(np.full((1, 1, 3, 3), 0.1), bias=np.ones(1))
    assert rules_of(graph, allow_bias=True) == {"DYN051 conv": "warning"}
    assert "DYN023 conv" not in rules_of(graph, "speck2dmini", allow_bias=True)


def test_forty_layers_do_not_fit_nine_cores():
    found = diagnostics(conv_chain([2] * 41, (8, 8)))
    assert any(d.rule == "DYN020" and (d.actual, d.limit) == (40, 9) for d in found)


def test_layers_that_compete_are_named():
    random = np.random.default_rng(0)
    nodes: dict = {"input": Input((64, 8, 8))}
    for i in range(3):
        nodes[f"big{i}"] = Conv2d(random.normal(0, 0.02, (64, 64, 3, 3)), padding=(1, 1))
        nodes[f"relu{i}"] = ReLU()
    nodes["output"] = Output()
    (found,) = (d for d in diagnostics(chain(nodes)) if d.rule == "DYN025")
    assert found.layer == "big0, big1, big2"
    assert "cores of speck2fdevkit (5, 6)" in found.message


def test_an_unsupported_module_is_refused_by_name_and_reason():
    nodes = {
        "input": Input((1, 4, 4)),
        "conv": Conv2d(np.ones((1, 1, 1, 1))),
        "lif": Unsupported("LIF", "the membrane leaks"),
        "output": Output(),
    }
    (found,) = diagnostics(chain(nodes))
    assert (found.rule, found.layer, found.severity) == ("DYN001", "lif", "error")
    assert "the membrane leaks" in found.message


def test_more_than_two_destinations():
    weight = np.full((2, 2, 1, 1), 0.5)
    nodes: dict = {"input": Input((2, 4, 4)), "conv": Conv2d(weight), "relu": ReLU()}
    inputs: dict = {"conv": ("input",), "relu": ("conv",)}
    for i in range(3):
        nodes |= {f"c{i}": Conv2d(weight), f"r{i}": ReLU(), f"o{i}": Output()}
        inputs |= {f"c{i}": ("relu",), f"r{i}": (f"c{i}",), f"o{i}": (f"r{i}",)}
    assert rules_of(Graph(nodes, inputs))["DYN003 conv"] == "error"


@pytest.mark.parametrize(("padding", "refused"), [((1, 1), True), ((0, 0), False)])
def test_pooling_before_the_neuron_is_refused_unless_the_convolution_can_do_it(padding, refused):
    nodes = {
        "input": Input((1, 8, 8)),
        "conv": Conv2d(np.ones((1, 1, 1, 1))),
        "pool": Pool2d("sum", (2, 2), (2, 2), padding),
        "relu": ReLU(),
        "output": Output(),
    }
    assert ("DYN001 conv" in rules_of(chain(nodes))) == refused


def test_without_limits_of_size_everything_of_the_right_kind_fits():
    big = one_layer(np.full((2000, 3, 20, 20), 0.001), (200, 200), stride=(3, 3))
    assert all(d.severity != "error" for d in diagnostics(big, "unbounded"))


def test_parallel_cores_are_told():
    graph = conv_chain([2, 4, 4], (16, 16))
    found = diagnostics(graph, pinned={"conv1": 0})
    assert [(d.rule, d.core) for d in found] == [("DYN026", 0)]


def test_more_classes_than_the_readout_has():
    assert rules_of(conv_chain([2, 20], (8, 8))) == {"DYN070 conv1": "advice"}


def test_check_failed_carries_all_diagnostics():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(2, 4, 3))
    with pytest.raises(dynapdeploy.CheckFailed) as refused:
        dynapdeploy.convert(net, input_shape=(1, 16, 16))
    assert [d.rule for d in refused.value.diagnostics if d.severity == "error"] == [
        "DYN030",
        "DYN050",
        "DYN050",
    ]
    assert refused.value.exit_code == 1


def test_an_all_zero_bias_is_no_bias():
    conv = nn.Conv2d(1, 2, 3)
    nn.init.zeros_(conv.bias)
    nn.init.uniform_(conv.weight, 0.1, 0.2)
    found = dynapdeploy.check(nn.Sequential(conv, nn.ReLU()), input_shape=(1, 8, 8))
    assert found == []


def test_the_catalogue_is_complete_and_well_formed():
    numbers = [rule.number for rule in RULES]
    assert numbers == sorted(set(numbers))
    assert len(RULES) > 25
    for rule in RULES:
        assert re.fullmatch(r"DYN\d{3}", rule.number)
        assert rule.title.endswith(".")
        assert rule.text


def test_a_profile_from_a_file_is_used(tmp_path):
    path = tmp_path / "mychip.toml"
    path.write_text(
        'title = "mine"\nbase = "base/family"\n[[cores]]\nkernel=10\nneuron=10\nbias=0\n'
    )
    found = diagnostics(conv_chain([1, 1], (3, 3)), str(path))
    assert [(d.rule, d.actual, d.limit) for d in found if d.severity == "error"] == [
        ("DYN021", 16, 10),
        ("DYN022", 16, 10),
    ]
