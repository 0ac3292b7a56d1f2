"""``benchmark`` and the options of ``convert`` that change a net."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from dynapdeploy.cli.main import main

FACTORY = """
import torch
from torch import nn


def build():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 4, 5, stride=2, bias=False), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64, 10, bias=False), nn.Softmax(1),
    )
    with torch.no_grad():
        net[0].weight.abs_()
    net.input_shape = (1, 20, 20)
    return net
"""
SPIKING = FACTORY.replace("nn.MaxPool2d(2)", "nn.AvgPool2d(2)").replace(
    "nn.Softmax(1)", "nn.ReLU()"
)
SPIKING = SPIKING.replace(
    "    return net",
    "    from dynapdeploy import InputCoding\n"
    "    net.input_coding = InputCoding(merge_polarity=True)\n    return net",
)


@pytest.fixture
def factory(tmp_path):
    def write(text):
        path = tmp_path / "net.py"
        path.write_text(text)
        return f"{path}:build"

    return write


def invoke(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments], standalone_mode=False)


def test_benchmark_scales_the_first_weights(factory, tmp_path):
    source, npz = factory(SPIKING), tmp_path / "benchmark.npz"
    result = invoke(
        "benchmark", source, "--data", "digits", "--limit", "3", "--format", "json",
        "--scale-first", "0.5", "--scale-first", "1", "--npz", npz,
    )  # fmt: skip
    assert result.exception is None, result.output
    content = json.loads(result.stdout)
    assert content["command"] == "benchmark"
    half, whole = content["runs"]
    assert (half["scale"], whole["scale"], whole["samples"]) == (0.5, 1.0, 3)
    assert half["synops_per_sample"] < whole["synops_per_sample"]
    assert half["layers"][0] == whole["layers"][0]
    first = whole["layers"][0]
    assert first["synops"] == first["arriving"] * 4 * 25 / 4  # stride 2
    assert first["synops_exact"] < first["synops"]
    assert len(whole["accuracy_over_time"]) == 10
    assert whole["accuracy_over_time"][-1] == whole["accuracy"]
    with np.load(npz) as arrays:
        assert arrays["scale"].tolist() == [0.5, 1.0]
        assert arrays["synops"].shape == (2, 2)
        assert arrays["synops_exact"][1, 0] == first["synops_exact_per_sample"]


def test_benchmark_refuses_what_it_cannot_run(factory):
    source = factory(SPIKING)
    fault = invoke("benchmark", source, "--data", "digits", "--inject", "10").exception
    assert "only still images" in str(fault)
    fault = invoke("benchmark", "all_convnet", "--data", "digits").exception
    assert "without weights" in str(fault)


def test_convert_substitutes_and_normalises(factory, tmp_path):
    source, image = factory(FACTORY), tmp_path / "net.dynap"
    plain = invoke("convert", source, "--merge-polarity", "-o", image)
    assert plain.return_value == 1
    assert not image.exists()
    result = invoke(
        "convert", source, "--merge-polarity", "-o", image, "--max-to-average",
        "--softmax-to-relu", "--normalise", "digits",
    )  # fmt: skip
    assert result.exception is None, result.output
    assert image.exists()
    for said in ("warning: 2: max pooling became average", "5: softmax became", "1: activations"):
        assert said in result.stderr


def test_train_takes_the_modes_of_synoploss(tmp_path):
    result = invoke(
        "train", "--data", "digits", "--model", "digits", "--mode", "quantized", "-o", tmp_path
    )
    assert "needs a target" in str(result.exception)
