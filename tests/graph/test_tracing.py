"""What can be traced is read as it computes; where tracing fails, one message says why."""

from __future__ import annotations

import re
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from random_nets import counts
from torch import nn

from dynapdeploy.errors import SourceError
from dynapdeploy.graph import evaluate, fold, read_torch, unsupported

SHAPE = (2, 8, 8)
SLOW = pytest.mark.slow


class Net(nn.Module):
    """A network with three layers to call, and ``forward`` given as a function."""

    def __init__(self, forward, head: nn.Module | None = None):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(2, 4, 3)
        self.next = nn.Conv2d(4, 4, 3, padding=1)
        self.head = head or nn.Linear(144, 3)
        self.register_buffer("mean", torch.rand(1, 2, 1, 1))
        self.unregistered = [nn.Conv2d(2, 4, 3)]
        self.written = forward

    def forward(self, x):
        return self.written(self, x)


def same(net: nn.Module) -> None:
    """The graph and the folded graph compute what the network computes."""
    x = counts(0, SHAPE)
    with torch.no_grad():
        expected = net.double().eval()(torch.tensor(x)).numpy()
    graph = read_torch(net, SHAPE)
    folded = fold(graph)
    assert unsupported(folded) == {}
    for candidate in (graph, folded):
        result = evaluate(candidate, x, dtype=np.float64).reshape(expected.shape)
        np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "forward",
    [
        lambda s, x: s.head(s.conv(x).relu().view(x.shape[0], -1)),
        lambda s, x: s.head(s.conv(x).relu().view(x.size(0), 144)),
        lambda s, x: s.head(s.conv(x).relu().reshape(-1, 4 * 6 * 6)),
        lambda s, x: s.head(torch.reshape(F.relu(s.conv(x)), shape=(x.shape[0], -1))),
        lambda s, x: (lambda y: s.head(y.view(y.size(0), y.size(1) * y.size(2) * y.shape[3])))(
            s.conv(x)
        ),
        lambda s, x: s.head(s.conv(x).clamp_min(0).flatten(start_dim=1).contiguous()),
        lambda s, x: s.head(sum([s.conv(x), s.next(s.conv(x))]).relu().flatten(1)),
        lambda s, x: s.head(F.relu(s.conv(x / 255)).flatten(1)),
        lambda s, x: s.head(F.relu(s.conv((x - s.mean) / (1 + s.mean))).flatten(1)),
        lambda s, x: s.head((2 - 3 * F.relu(s.conv(x))).flatten(1)),
        lambda s, x: s.head(F.relu(s.conv(x.to(torch.float64).mul(2).add_(1))).flatten(1)),
        lambda s, x: F.conv2d(x, s.conv.weight * 2, s.conv.bias - s.conv.bias.mean()),
        lambda s, x: F.conv2d(x, (s.conv.weight * 8).round() / 8, None, stride=2),
        lambda s, x: F.avg_pool2d(F.relu(s.conv(x)), 2, divisor_override=1)[:, :, :, :],
        lambda s, x: {"out": s.conv(x)}["out"],
    ],
)
def test_written_by_hand(forward):
    same(Net(forward))


def test_features_become_maps_of_one_pixel():
    head = nn.Sequential(nn.Flatten(), nn.Linear(144, 5), nn.ReLU(), nn.Unflatten(1, (5, 1, 1)))
    same(Net(lambda s, x: s.head(s.conv(x)), nn.Sequential(head, nn.Conv2d(5, 2, 1))))


@pytest.mark.parametrize(
    ("forward", "node", "reason"),
    [
        (lambda s, x: s.conv(x).view(-1, 72), "view", r"\(-1, 72\)"),
        (lambda s, x: s.conv(x).view(x.shape[0], 2, 72), "view", "keeps the order"),
        (lambda s, x: s.conv(x).flatten(1).unflatten(1, (2, 8, 9)), "unflatten", "row of features"),
        (lambda s, x: s.conv(x).split(2, 1)[1], "split", "no core"),
        (lambda s, x: s.conv(x)[:, :2], "getitem", "a part of a map"),
        (lambda s, x: s.conv(x) - s.next(s.conv(x)), "sub", "cannot take one from another"),
        (lambda s, x: s.conv(x) * s.conv(x), "mul", "product of two maps"),
        (lambda s, x: torch.add(s.conv(x), s.conv(x), alpha=2), "add", "alpha=2"),
        (lambda s, x: s.conv(x) + torch.ones(6, 6), "add", r"tensor of shape \(6, 6\)"),
        (lambda s, x: F.leaky_relu(s.conv(x)), "leaky_relu", "use ReLU"),
        (lambda s, x: F.softmax(s.conv(x), 1), "softmax", "leave it out"),
        (lambda s, x: F.max_pool2d(s.conv(x), 2, dilation=2), "max_pool2d", "holes"),
        (lambda s, x: s.conv(x.to(torch.int32)), "to", "rounds"),
        (lambda s, x: s.conv(x.permute(0, 1, 3, 2)), "permute", "no core"),
    ],
)
def test_functions_that_no_core_computes_are_named(forward, node, reason):
    refused = unsupported(fold(read_torch(Net(forward), SHAPE)))
    assert node in refused
    assert re.search(reason, refused[node].reason)


def boom(self, x):
    raise RuntimeError("boom\nand more")


@pytest.mark.parametrize(
    ("forward", "message"),
    [
        (lambda s, x: s.conv(x) if x.sum() > 0 else x, "control flow"),
        (lambda s, x: torch.stack([s.conv(part) for part in x]), "iterated"),
        (lambda s, x: s.unregistered[0](x), "nn.ModuleList"),
        (lambda s, x: s.absent(x), "no attribute 'absent'"),
        (lambda s, x: F.conv2d(x, x[:1]), "conv2d: its weights are no tensor, or depend"),
        (lambda s, x: F.conv2d(x, s.conv.weight.view(7)), "view: RuntimeError: shape"),
        (lambda s, x: sys.exit(3), "cannot be traced.*: 3"),
        (boom, r"\(Net\) cannot be traced at test_tracing.py:\d+ \(raise .*\): boom$"),
        (lambda s, x: torch.zeros(3), "gives out nothing that it computes"),
        (lambda s, x: None, "gives out nothing that it computes"),
    ],
)
def test_what_cannot_be_read_is_one_message(forward, message):
    with pytest.raises(SourceError, match=message) as caught:
        read_torch(Net(forward), SHAPE, "net")
    assert str(caught.value).startswith("net: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("around", [nn.DataParallel, pytest.param(torch.compile, marks=SLOW)])
def test_modules_around_the_network_are_looked_through(around):
    net = around(Net(lambda s, x: s.conv(x)))
    assert list(read_torch(net, SHAPE).nodes) == ["input", "conv", "output"]


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (torch.jit.trace(nn.ReLU(), torch.zeros(1)), "TorchScript .* give the nn.Module"),
        (nn.Conv2d(2, 3, 3, device="meta"), "0: its weights have no values"),
        (nn.Conv2d(2, 3, 3, dtype=torch.complex64), "0: weights must be real numbers"),
        (nn.ModuleList([nn.ReLU()]), "forward"),
    ],
)
def test_modules_without_weights_or_forward(module, message):
    with pytest.raises(SourceError, match=message):
        read_torch(module, SHAPE)


def test_what_a_forward_keeps_is_taken_out_again():
    def forward(self, x):
        self.last = getattr(self, "last", 0) + self.conv(x)
        return self.last

    net = Net(forward)
    first, second = read_torch(net, SHAPE), read_torch(net, SHAPE)
    assert not hasattr(net, "last")
    assert list(first.nodes) == list(second.nodes)


def test_options_and_further_arguments_with_defaults_are_no_inputs():
    class Optional(nn.Conv2d):
        def forward(self, x, *rest, mode="a", other=None, **options):
            return super().forward(x)

    assert len(read_torch(nn.Sequential(Optional(2, 3, 3)), SHAPE).nodes) == 3
