"""Whatever is checked, the answer is a list of diagnostics or one refusal, never another error."""

import random

import numpy as np
import pytest
import torch
from test_remedy import random_net
from torch import nn

import dynapdeploy
from dynapdeploy.chip.suggest import suggest
from dynapdeploy.errors import DeployError
from dynapdeploy.graph.to_nir import write_nir
from dynapdeploy.sources import read_source

DEVICES = ("speck2fdevkit", "speck2cmini", "unbounded")


def odd_module(draw: random.Random) -> nn.Sequential:
    """Modules in an order that often makes no sense, with shapes that often do not fit."""
    import sinabs.layers as sl

    def conv() -> nn.Module:
        return nn.Conv2d(
            draw.choice([1, 2, 4]),
            draw.choice([1, 2, 4]),
            draw.choice([1, 2, 3, (1, 3), 9]),
            draw.choice([1, 2, 3]),
            draw.choice([0, 1, 8, "valid"]),
            dilation=draw.choice([1, 1, 2]),
            bias=draw.random() < 0.3,
            padding_mode=draw.choice(["zeros", "zeros", "circular"]),
        )

    kinds = [
        conv,
        conv,
        conv,
        nn.ReLU,
        nn.ReLU,
        nn.Flatten,
        nn.Identity,
        nn.Dropout2d,
        nn.Sigmoid,
        nn.Softmax,
        lambda: nn.AvgPool2d(draw.choice([1, 2, 3, (2, 1)]), draw.choice([None, 1, 2])),
        lambda: nn.MaxPool2d(2),
        lambda: nn.AdaptiveAvgPool2d(draw.choice([1, 3])),
        lambda: nn.BatchNorm2d(draw.choice([1, 2, 4])).eval(),
        lambda: nn.BatchNorm1d(4).eval(),
        lambda: nn.Linear(draw.choice([4, 16, 64]), draw.choice([1, 10])),
        lambda: nn.LSTM(4, 4),
        lambda: nn.ConvTranspose2d(2, 2, 2),
        lambda: nn.Conv1d(2, 2, 2),
        lambda: nn.Upsample(scale_factor=2),
        lambda: nn.Unflatten(1, (2, 2)),
        lambda: nn.PReLU(),
        lambda: sl.IAFSqueeze(batch_size=1, min_v_mem=draw.choice([None, -1.0, 0.0, 2.0])),
        lambda: sl.LIF(tau_mem=10.0),
        lambda: sl.SumPool2d(2),
    ]
    return nn.Sequential(*(draw.choice(kinds)() for _ in range(draw.randint(1, 7))))


def checked(source, shape, device) -> int:
    """Number of diagnostics, -1 where the source was refused."""
    try:
        return len(dynapdeploy.check(source, device, shape))
    except DeployError as refusal:
        assert str(refusal)
        return -1


def test_odd_modules():
    draw = random.Random(0)
    results = []
    for _ in range(80):
        torch.manual_seed(draw.randint(0, 999))
        shape = (draw.choice([1, 2, 4]), draw.choice([1, 4, 8, 40]), draw.choice([1, 4, 8, 40]))
        with np.errstate(all="ignore"):
            results.append(checked(odd_module(draw), shape, draw.choice(DEVICES)))
    assert -1 in results
    assert max(results) > 2


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e38, 1e-40, 0.0])
def test_odd_weights(value):
    net = nn.Sequential(nn.Conv2d(2, 2, 3, bias=True), nn.ReLU(), nn.Conv2d(2, 2, 3, bias=False))
    with torch.no_grad():
        net[0].weight[0, 0, 0, 0] = value
        net[2].weight.fill_(value)
        net[0].bias.fill_(value)
    for quantizer in ("default", "sinabs"):
        try:
            dynapdeploy.convert(net, input_shape=(2, 8, 8), quantizer=quantizer, allow_bias=True)
        except DeployError as refusal:
            assert str(refusal)


def test_nets_that_break_many_rules_on_every_device():
    for seed in range(100, 108):
        for device in DEVICES:
            assert checked(random_net(seed), None, device) >= 0
    for seed in range(100, 104):
        suggest(random_net(seed), dynapdeploy.load_profile("speck2cmini"))


def test_changed_nir_files(tmp_path):
    net = nn.Sequential(nn.Conv2d(2, 3, 3, bias=False), nn.ReLU(), nn.Conv2d(3, 2, 3, bias=False))
    path = tmp_path / "net.nir"
    write_nir(read_source(net, (2, 8, 8)).graph, path)
    content = path.read_bytes()
    draw = random.Random(1)
    changed = tmp_path / "changed.nir"
    for _ in range(4):
        damaged = bytearray(content)
        for _ in range(draw.randint(1, 4)):
            damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        if draw.random() < 0.2:
            damaged = damaged[: draw.randrange(len(damaged))]
        changed.write_bytes(bytes(damaged))
        checked(str(changed), (2, 8, 8), "speck2fdevkit")
