"""Counts against figures worked out elsewhere, and against each other."""

import numpy as np
import pytest
import torch
from torch import nn

from dynapdeploy.chip.image import ChipImage, CoreImage, Destination
from dynapdeploy.emulator import emulate
from dynapdeploy.errors import Mismatch, SourceError
from dynapdeploy.events import make_events
from dynapdeploy.graph.from_torch import read_torch
from dynapdeploy.graph.shapes import infer_shapes
from dynapdeploy.synops import count, fanouts, populations


def small_net(bias=True):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, bias=bias), nn.ReLU(), nn.Flatten(), nn.Linear(864, 24, bias=bias)
    )


def test_the_numbers_of_snn_toolbox():
    """14x14 -> conv 3x3x6 -> dense 24, the example of snn_toolbox's issue on operation counts."""
    found = count(small_net(), (1, 14, 14))
    assert found.neurons == 888
    assert found.synapses_nominal == 31_320
    assert found.synapses == 28_512
    assert found.operations == 57_912
    assert found.parameters == 20_820


def test_operations_count_only_biases_that_are_not_zero():
    assert count(small_net(bias=False), (1, 14, 14)).operations == 57_024
    net = small_net()
    with torch.no_grad():
        net[0].bias.zero_()
    assert count(net, (1, 14, 14)).operations == 57_048


def test_rows_of_the_first_layer():
    row = count(small_net(), (1, 14, 14)).layers[0]
    assert (row.neurons, row.macs, row.fan_in) == (864, 864 * 9, 9)
    assert (row.fan_out_nominal, row.fan_out) == (54, 864 * 9 / 196)


def test_cifar_net_of_the_paper():
    from dynapdeploy.training.models import build

    found = count(build("all_convnet"), (3, 32, 32))
    assert found.parameters == 1_617_312
    assert found.macs == 344_875_008
    assert found.macs_synoploss == 306_264_576
    assert found.synapses == 320_527_488
    nominal = [row.fan_out_nominal for row in found.layers]
    assert nominal == [864, 864, 432, 1728, 1728, 432, 1728, 192, 10]


def test_mnist_dvs_net_of_the_paper():
    from dynapdeploy.training.models import build

    net = build("mnist_dvs")
    found = count(net, (1, 64, 64))
    assert found.parameters == 6552
    assert [row.output_shape for row in found.layers] == [
        (8, 62, 62),
        (12, 29, 29),
        (12, 12, 12),
        (10, 1, 1),
    ]
    assert [row.fan_out_nominal for row in found.layers] == [72, 108, 108, 10]
    graph = read_torch(net, input_shape=(1, 64, 64))
    fanout = fanouts(graph, infer_shapes(graph))
    second = fanout[populations(graph)[2]]
    assert not second[:, 28:, :].any() and not second[:, :, 28:].any()
    assert second[:, 27, 27].max() == 12
    assert set(second[0, 6:22, 6:22].ravel()) == {108}


def test_input_neurons_without_weights_are_the_input():
    bare = count(small_net(), (1, 14, 14))
    net = nn.Sequential(nn.ReLU(), *small_net())
    assert count(net, (1, 14, 14)).synapses == bare.synapses


def test_branches_add_up():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Conv2d(1, 2, 3, bias=False)
            self.relu = nn.ReLU()
            self.b = nn.Conv2d(2, 4, 1, bias=False)
            self.c = nn.Conv2d(2, 4, 1, bias=False)
            self.rb, self.rc = nn.ReLU(), nn.ReLU()
            self.d = nn.Conv2d(4, 3, 2, bias=False)

        def forward(self, x):
            x = self.relu(self.a(x))
            return self.d(self.rb(self.b(x)) + self.rc(self.c(x)))

    found = {row.layer: row for row in count(Two(), (1, 6, 6)).layers}
    assert found["b"].synapses == found["c"].synapses == 2 * 16 * 4
    assert found["d"].synapses == 2 * (9 * 4 * 4 * 3)
    graph = read_torch(Two(), input_shape=(1, 6, 6))
    assert set(fanouts(graph, infer_shapes(graph))["relu"].ravel()) == {8}


def image():
    random = np.random.default_rng(0)
    first = CoreImage(
        core=0,
        name="first",
        weights=random.integers(1, 60, (4, 1, 3, 3)),
        input_shape=(1, 9, 9),
        output_shape=(4, 7, 7),
        threshold_high=100,
        threshold_low=-32000,
        destinations=(Destination(3, pooling=2, feature_shift=1),),
    )
    second = CoreImage(
        core=3,
        name="second",
        weights=random.integers(-60, 60, (2, 6, 2, 2)),
        input_shape=(6, 3, 3),
        output_shape=(2, 2, 2),
        threshold_high=100,
        threshold_low=-32000,
        destinations=(Destination(None),),
    )
    return ChipImage(device="unbounded", cores=(first, second), entry=(0,))


def test_image_counts_connections_that_the_emulator_uses():
    """One event at every place: the additions in the first core are its synapses."""
    chip = image()
    y, x = np.indices((9, 9)).reshape(2, -1)
    events = make_events(np.arange(81), x, y, np.zeros(81))
    found = count(chip)
    assert found.layers[0].synapses == emulate(chip, events).synops[0] == 4 * 9 * 49
    assert found.layers[1].synapses == 4 * 4 * (2 * 4 * 4)
    assert [row.core for row in found.layers] == [0, 3]
    assert found.layers[1].fan_in == 6 * 4


def test_image_and_net_agree():
    from dynapdeploy.pipeline import convert
    from dynapdeploy.training.models import build

    net = build("digits")
    chip = convert(net, "unbounded", (1, 20, 20))
    of_net, of_chip = count(net, (1, 20, 20)), count(chip)
    for column in ("neurons", "synapses", "parameters", "macs", "operations"):
        assert getattr(of_net, column) == getattr(of_chip, column), column
    assert [row.fan_out_nominal for row in of_net.layers] == [72, 256, 10]
    assert [row.fan_out_nominal for row in of_chip.layers] == [72, 256, 90]


def test_refusals():
    with pytest.raises(SourceError):
        count(small_net(), (2, 14, 14))
    with pytest.raises(Mismatch, match=r"\(1, 9, 9\)"):
        count(image(), (1, 8, 8))
    with pytest.raises(SourceError, match="nothing to count"):
        count(nn.Sequential(nn.ReLU()), (1, 4, 4))
