"""QReLU, its gradient, and the SynOps it counts."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from dynapdeploy.errors import InputError, SourceError
from dynapdeploy.graph.from_torch import read_torch
from dynapdeploy.graph.nodes import ReLU
from dynapdeploy.training.models import build
from dynapdeploy.training.qrelu import QReLU
from dynapdeploy.training.synop_loss import check_target, meter, synop_loss


def test_value_and_surrogate_gradient():
    x = torch.tensor([-0.5, 0.0, 0.3, 1.7], requires_grad=True)
    y = QReLU()(x)
    y.sum().backward()
    assert y.tolist() == [0, 0, 0, 1]
    assert x.grad.tolist() == [0, 0, 1, 1]


def test_unquantized_is_relu():
    x = torch.tensor([-0.5, 0.3, 1.7])
    assert torch.equal(QReLU(quantized=False)(x), torch.relu(x))


@pytest.mark.parametrize("quantized", [True, False])
def test_metered_gradient_is_that_of_the_two_apart(quantized):
    torch.manual_seed(0)
    data = torch.randn(5, 2, 3, 3) * 3
    fanout = torch.arange(18.0).reshape(2, 3, 3)
    weight = torch.randn(5, 2, 3, 3)

    layer = QReLU(quantized)
    plain = data.clone().requires_grad_()
    y = layer(plain)
    synops = (y * fanout).sum() / 5
    ((y * weight).sum() + 0.7 * synops).backward()

    layer.fanout = fanout
    metered = data.clone().requires_grad_()
    y = layer(metered)
    ((y * weight).sum() + 0.7 * layer.synops).backward()

    assert torch.allclose(layer.synops, synops)
    assert torch.allclose(metered.grad, plain.grad)


def test_the_graph_reader_knows_it():
    graph = read_torch(nn.Sequential(nn.Conv2d(1, 1, 3), QReLU()), input_shape=(1, 4, 4))
    assert [n.quantized for n in graph.nodes.values() if isinstance(n, ReLU)] == [True]


def by_hand(model, x):
    """SynOps of a net without padding: each spike times the taps that take it."""
    total = 0.0
    pooled = x
    for module in model:
        if isinstance(module, nn.Conv2d):
            total += float(nn.functional.conv2d(pooled, torch.ones_like(module.weight)).sum())
        elif isinstance(module, nn.Linear):
            total += float(pooled.sum()) * module.out_features
        x = module(x)
        if isinstance(module, QReLU):
            pooled = x
        elif isinstance(module, nn.AvgPool2d):
            pooled = nn.functional.avg_pool2d(pooled, 2) * 4
    return total / len(x)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), size=st.sampled_from([34, 37, 40]))
def test_meter_counts_the_additions_that_exist(seed, size):
    torch.manual_seed(seed)
    model = build("mnist_dvs", (1, size, size)).eval()
    counter = meter(model, (1, size, size))
    x = torch.poisson(torch.full((3, 1, size, size), 2.0))
    with torch.no_grad():
        model(x)
        assert float(counter.total(x)) == pytest.approx(by_hand(model, x), rel=1e-5)


def test_input_synops_are_told_apart():
    model = build("digits")
    counter = meter(model, (1, 20, 20))
    x = torch.zeros(2, 1, 20, 20)
    x[0, 0, 10, 10] = 3
    model(x)
    assert float(counter.input_synops(x)) == 3 * 72 / 2


def test_nominal_definition():
    counter = meter(build("mnist_dvs", (1, 34, 34)), (1, 34, 34), "nominal")
    assert {float(layer.fanout.max()) for layer in counter.layers.values()} == {108, 10}
    assert {float(layer.fanout.min()) for layer in counter.layers.values()} == {108, 10}


def test_loss_is_the_square_of_the_relative_distance():
    assert float(synop_loss(torch.tensor(3e5), 2e5)) == pytest.approx(0.25)


def test_a_target_below_the_input_is_refused_with_the_number():
    with pytest.raises(InputError, match="216,000"):
        check_target(100_000, 216_000)


def test_shared_or_plain_activations_are_refused():
    shared = QReLU()
    with pytest.raises(SourceError):
        meter(nn.Sequential(nn.Conv2d(1, 1, 3), shared, nn.Conv2d(1, 1, 3), shared), (1, 9, 9))
    with pytest.raises(SourceError, match="QReLU was expected"):
        meter(nn.Sequential(nn.Conv2d(1, 1, 3), nn.ReLU(), nn.Conv2d(1, 1, 3)), (1, 9, 9))
