"""Counts and the counter against brute force on 500 random networks: one spike, count."""

import random

import numpy as np
import pytest
import torch
from torch import nn

from dynapdeploy.graph.from_torch import read_torch
from dynapdeploy.graph.shapes import infer_shapes
from dynapdeploy.synops import SynOpCounter, count, fanouts, paths, populations

NETS = 500


class Branching(nn.Module):
    """Convolutions on one map, their spikes added up or joined, pooled, and read out."""

    def __init__(self, stem, branches, join, pool, last):
        super().__init__()
        self.stem = stem
        self.branches = nn.ModuleList(branches)
        self.join, self.pool, self.last = join, pool, last

    def forward(self, x):
        x = self.stem(x)
        parts = [branch(x) for branch in self.branches]
        x = parts[0] + parts[1] if self.join == "sum" else torch.cat(parts, 1)
        return self.last(self.pool(x))


def conv(draw, channels, features, size, stride=None, padding=None, kernel=None):
    kernel = kernel or (draw.randint(1, min(3, size)), draw.randint(1, min(3, size)))
    padding = (draw.randint(0, 2), draw.randint(0, 2)) if padding is None else padding
    stride = stride or (draw.randint(1, 2), draw.randint(1, 2))
    groups = draw.choice([1, channels]) if features % channels == 0 else 1
    return nn.Conv2d(channels, features, kernel, stride, padding, groups=groups, bias=False)


def pool(draw, before, shape):
    """Average pooling with a window no larger than the map that ``before`` gives."""
    with torch.no_grad():
        size = draw.randint(1, min(3, *before(torch.zeros(1, *shape)).shape[2:]))
    padding = draw.choice([0, 0, size // 2])
    return nn.AvgPool2d(size, draw.randint(1, 3), padding, ceil_mode=draw.random() < 0.3)


def random_net(seed):
    """A chain or a net with two branches, and its input shape."""
    draw = random.Random(seed)
    torch.manual_seed(seed)
    shape = draw.randint(1, 2), draw.randint(6, 9), draw.randint(6, 9)
    middle = draw.randint(1, 3)
    stem = nn.Sequential(conv(draw, shape[0], middle, 6), nn.ReLU(), nn.Identity())
    if draw.random() < 0.5:
        stem = nn.Sequential(stem, pool(draw, stem, shape) if draw.random() < 0.7 else nn.Dropout())
        rest = nn.Sequential(conv(draw, middle, draw.randint(1, 4), 1, kernel=(1, 1)), nn.ReLU())
        rest.append(pool(draw, nn.Sequential(stem, rest), shape))
        net = nn.Sequential(stem, rest, nn.Flatten(), nn.LazyLinear(3, bias=False))
    else:
        features, join = draw.randint(1, 3), draw.choice(["sum", "cat"])
        geometry = {"stride": (1, draw.randint(1, 2)), "padding": (1, 1), "kernel": (3, 3)}
        branches = [
            nn.Sequential(conv(draw, middle, features, 3, **geometry), nn.ReLU()) for _ in range(2)
        ]
        joined = features * (2 if join == "cat" else 1)
        last = nn.Sequential(conv(draw, joined, 2, 1, kernel=(1, 1)), nn.ReLU())
        pooled = pool(draw, nn.Sequential(stem, branches[0]), shape)
        net = Branching(stem, branches, join, pooled, last)
    with torch.no_grad():
        net(torch.zeros(1, *shape))
    return net.eval(), shape


def additions(net, name, shape, input_shape):
    """By brute force: weights that each spike of one population meets, ``[c, h, w]``.

    Every weight is 1 and every pool adds up, so that a layer's outputs sum to the number of weights
    met; the spikes are put into the place of the population's own, one per sample.
    """
    modules = dict(net.named_modules())
    spikes = torch.eye(int(np.prod(shape))).reshape(-1, *shape)
    met = torch.zeros(len(spikes))
    handles = []

    def note(module, inputs, output):
        nonlocal met
        met = met + output.flatten(1).sum(1)
        return torch.zeros_like(output)

    for module in modules.values():
        if isinstance(module, nn.Conv2d | nn.Linear):
            handles.append(module.register_forward_hook(note))
        elif isinstance(module, nn.AvgPool2d):
            module.divisor_override = 1
    put = (lambda module, inputs: (spikes,)) if name == "input" else None
    if put:
        handles.append(net.register_forward_pre_hook(put))
    else:
        handles.append(modules[name].register_forward_hook(lambda m, i, o: spikes))
    with torch.no_grad():
        for module in modules.values():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.weight.fill_(1.0)
        net(torch.zeros(len(spikes), *input_shape))
    for handle in handles:
        handle.remove()
    return met.reshape(shape).numpy()


@pytest.fixture(autouse=True)
def _one_thread():
    """More threads are slower on maps this small."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("block", range(10))
def test_500_random_nets(block):
    for seed in range(block * NETS // 10, (block + 1) * NETS // 10):
        net, shape = random_net(seed)
        graph = read_torch(net, input_shape=shape)
        shapes = infer_shapes(graph)
        found, synapses = fanouts(graph, shapes), count(graph).synapses
        x = torch.rand(3, *shape).mul(4).floor()
        with SynOpCounter(net, shape) as counter, torch.no_grad():
            net(x)
            total = float(counter.total())
        outputs = {"input": x} | listen(net, x)
        total_by_hand = connections = 0.0
        for name in populations(graph):
            expected = additions(net, name, shapes[name], input_shape=shape)
            np.testing.assert_array_equal(found[name], expected, err_msg=f"{seed} {name}")
            connections += float(expected.sum())
            spikes = outputs[name].double().numpy()
            total_by_hand += (spikes * expected).sum() / len(x)
        assert synapses == connections, seed
        assert total == pytest.approx(total_by_hand, rel=1e-6), seed


def listen(net, x):
    """What the neurons put out before anything about the net was changed by brute force."""
    outputs, handles = {}, []
    for name, module in net.named_modules():
        if isinstance(module, nn.ReLU):
            handles.append(
                module.register_forward_hook(lambda m, i, o, name=name: outputs.update({name: o}))
            )
    with torch.no_grad():
        net(x)
    for handle in handles:
        handle.remove()
    return outputs


def test_arrivals_are_spikes_behind_the_pooling():
    net = nn.Sequential(
        nn.Conv2d(1, 2, 1), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(8, 3)
    )
    graph = read_torch(net, input_shape=(1, 5, 5))
    (path,) = [p for p in paths(graph, infer_shapes(graph)) if p.layer == "4"]
    expected = np.ones((2, 5, 5))
    expected[:, 4, :] = expected[:, :, 4] = 0
    np.testing.assert_array_equal(path.arrivals, expected)
