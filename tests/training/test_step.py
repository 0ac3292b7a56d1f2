"""Small pieces of a training step."""

import numpy as np
import pytest
import torch

from dynapdeploy.errors import InputError
from dynapdeploy.training.accuracy import accuracy, decisions
from dynapdeploy.training.models import build
from dynapdeploy.training.settings import TrainingSettings
from dynapdeploy.training.step import epoch_seed, learning_rate, outputs, step_order
from dynapdeploy.training.target import annealed, resolve_target


def test_ties_and_silence_are_wrong():
    counts = np.array([[3, 1, 0], [2, 2, 0], [0, 0, 0], [0, 1, 5]])
    assert decisions(counts).tolist() == [0, -1, -1, 2]
    assert accuracy(counts, np.array([0, 0, 0, 2])) == 0.5


def test_order_depends_on_seed_and_epoch_alone():
    assert torch.equal(step_order(1, 2, 50), step_order(1, 2, 50))
    assert not torch.equal(step_order(1, 2, 50), step_order(1, 3, 50))
    assert not torch.equal(step_order(1, 2, 50), step_order(2, 2, 50))
    assert sorted(step_order(1, 2, 50).tolist()) == list(range(50))
    assert len({epoch_seed(s, e) for s in range(30) for e in range(30)}) == 900


def test_learning_rate_rises_and_falls_to_nothing():
    rates = [learning_rate(1.0, share / 100) for share in range(101)]
    assert rates.index(max(rates)) == 5 and max(rates) == 1.0
    assert rates[0] == pytest.approx(0.02) and rates[100] == pytest.approx(0)


def test_silent_classes_have_a_gradient():
    torch.manual_seed(0)
    model = build("digits").eval()
    with torch.no_grad():
        model[8].weight[3] = -1
    x = torch.rand(4, 1, 20, 20) * 4
    sums = outputs(model, x, rounded=False)
    assert torch.equal(sums.clamp_min(0).floor(), model(x)) and (sums != model(x)).any()
    counts = outputs(model, x, rounded=True)
    torch.testing.assert_close(counts, model(x))
    assert not counts[:, 3].any()
    counts[:, 3].sum().backward()
    assert model[8].weight.grad[3].abs().sum() > 0


def settings(**chosen):
    return TrainingSettings(data="digits", model="digits", **chosen)


def test_targets_in_every_unit():
    assert resolve_target(settings(penalty=0.0), 1e6, 2e5) is None
    assert resolve_target(settings(), 1e6, 2e5) == 4e5
    assert resolve_target(settings(), 1e6, 1e5) == 3e5
    assert resolve_target(settings(target_synops=5e5), 1e6, 2e5) == 5e5
    assert resolve_target(settings(target_energy_j=5e-6), 1e6, 2e5) == pytest.approx(5e5)
    assert resolve_target(settings(target_ratio=0.5), 1e6, 2e5) == 5e5
    with pytest.raises(InputError, match="200,000"):
        resolve_target(settings(target_ratio=0.1), 1e6, 2e5)


def test_target_falls_from_the_untrained_nets_synops():
    assert annealed(1e5, 1e6, 0.0) == pytest.approx(1e6)
    assert annealed(1e5, 1e6, 0.25) == pytest.approx(10**5.5)
    assert annealed(1e5, 1e6, 0.5) == annealed(1e5, 1e6, 1.0) == 1e5
    assert annealed(1e6, 1e5, 0.0) == 1e6


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"epochs": 0}, "epochs must be a whole number from 1"),
        ({"learning_rate": float("nan")}, "learning_rate must be above 0"),
        ({"target_synops": -1.0}, "target_synops must be above 0"),
        ({"target_synops": 1e5, "target_ratio": 0.5}, "one target at most"),
        ({"accelerator": "tpu"}, "auto, cpu, gpu"),
        ({"fanout": "rough"}, "exact, nominal"),
        ({"dropout": 1.0}, "dropout"),
        ({"penalty": -1.0}, "penalty"),
    ],
)
def test_senseless_settings_are_refused(chosen, message):
    with pytest.raises(InputError, match=message):
        settings(**chosen)
