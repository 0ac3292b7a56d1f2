"""The known networks."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from dynapdeploy.errors import SourceError
from dynapdeploy.training.architecture import describe, quantizable, rebuild
from dynapdeploy.training.models import MODELS, build
from dynapdeploy.training.qrelu import QReLU


@pytest.mark.parametrize("name", list(MODELS))
def test_every_model_runs_on_its_own_shape(name):
    model = build(name).eval()
    shape = MODELS[name].input_shape
    assert model(torch.ones(2, *shape)).flatten(1).shape == (2, MODELS[name].classes)


def test_mnist_dvs_has_the_papers_weights():
    state = build("mnist_dvs").state_dict()
    assert {key: tuple(value.shape) for key, value in state.items()} == {
        "0.weight": (8, 1, 3, 3),
        "3.weight": (12, 8, 3, 3),
        "6.weight": (12, 12, 3, 3),
        "11.weight": (10, 432),
    }


def test_other_sizes_fit_until_nothing_is_left():
    assert build("mnist_dvs", (1, 34, 34)).state_dict()["11.weight"].shape == (10, 48)
    with pytest.raises(SourceError, match="too small"):
        build("mnist_dvs", (1, 12, 12))
    with pytest.raises(SourceError, match="unknown, known are mnist_dvs"):
        build("lenet")


@pytest.mark.parametrize("name", list(MODELS))
def test_description_rebuilds_the_same_layers(name):
    model = build(name)
    again = rebuild(describe(model), "test")
    assert describe(again) == describe(model)
    again.load_state_dict(model.state_dict())
    x = torch.rand(1, *MODELS[name].input_shape) * 5
    assert torch.equal(again.eval()(x), model.eval()(x))


def test_what_cannot_be_described_is_refused_by_name():
    with pytest.raises(SourceError, match=r"layer 1: .* MaxPool2d"):
        describe(nn.Sequential(nn.Conv2d(1, 1, 3), nn.MaxPool2d(2)))
    with pytest.raises(SourceError, match="layer 0 is damaged"):
        rebuild([{"kind": "Conv2d"}], "run.json")


def test_relus_become_qrelus():
    model = quantizable(nn.Sequential(nn.Conv2d(1, 1, 3), nn.ReLU()), quantized=False)
    assert isinstance(model[1], QReLU) and not model[1].quantized


def test_the_list_of_models_costs_no_torch():
    code = "import sys, dynapdeploy.training.models; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
