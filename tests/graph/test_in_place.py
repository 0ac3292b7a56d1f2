"""Calls that write over their argument change every name of it, as in torch."""

import operator

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from random_nets import counts
from torch import nn

from dynapdeploy.errors import SourceError
from dynapdeploy.graph import evaluate, read_torch

SHAPE = (4, 6, 6)


class Net(nn.Module):
    def __init__(self, forward):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b, self.c = (nn.Conv2d(4, 4, 3, padding=1, bias=False) for _ in "abc")
        self.over, self.drop = nn.ReLU(inplace=True), nn.Dropout()
        self.run = forward

    def forward(self, x):
        return self.run(self, x)


def discarded(net, x):
    h = F.relu(net.a(x))
    h.add_(F.relu(net.b(h)))
    return F.relu(net.c(h))


def second_name(net, x):
    h = F.relu(net.a(x))
    k = h
    k += F.relu(net.b(h))
    return F.relu(net.c(h))


def function(net, x):
    h = net.a(x)
    operator.imul(h, 2)
    F.relu(h, True)
    return F.relu_(net.b(h))


def module(net, x):
    h = net.a(x)
    y = net.over(h)
    return F.relu(net.c(y) + h)


@pytest.mark.parametrize("forward", [discarded, second_name, function, module])
@pytest.mark.parametrize("training", [False, True])
def test_what_is_written_over_is_read_so(forward, training):
    net, x = Net(forward).train(training), counts(0, SHAPE)
    graph = read_torch(net, SHAPE)
    assert net.training is training
    found = evaluate(graph, x)
    with torch.no_grad():
        wanted = net.eval()(torch.from_numpy(x).float()).numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_a_tensor_with_two_nodes_is_refused_by_name():
    def forward(net, x):
        h = net.a(x)
        return F.relu(net.c(net.over(net.drop(h))) + h)

    with pytest.raises(SourceError, match="over: it changes in place what a stands for"):
        read_torch(Net(forward), SHAPE)
