"""Weights on the grid of the quantizer."""

import numpy as np
import pytest
import torch
from torch import nn

from dynapdeploy.errors import InputError
from dynapdeploy.training.emulated import chip_image
from dynapdeploy.training.models import MODELS, build
from dynapdeploy.training.qrelu import QReLU
from dynapdeploy.training.run import load_run
from dynapdeploy.training.settings import TrainingSettings
from dynapdeploy.training.trainer import train
from dynapdeploy.training.weight_grid import WeightGrid


@pytest.fixture
def model():
    torch.manual_seed(3)
    return build("digits").eval()


def changed(model):
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.1)


def same(one, other):
    for a, b in zip(one.cores, other.cores, strict=True):
        np.testing.assert_array_equal(a.weights, b.weights)
        assert (a.threshold_high, a.threshold_low) == (b.threshold_high, b.threshold_low)


@pytest.mark.parametrize("name", ["digits", "mnist_dvs", "mnist"])
def test_image_of_changed_weights_is_that_of_the_compiler(name):
    torch.manual_seed(1)
    model, shape = build(name).eval(), MODELS[name].input_shape
    grid = WeightGrid(model, shape)
    assert None not in grid.factors.values()
    changed(model)
    same(grid.chip_image(), chip_image(model, shape))


def test_layers_with_batch_norm_are_compiled_anew_and_not_snapped():
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3, bias=False), nn.BatchNorm2d(3), QReLU(), nn.Flatten(),
        nn.Linear(48, 2, bias=False), QReLU(),
    ).eval()  # fmt: skip
    model[1].running_var.copy_(torch.tensor([1.0, 2.0, 3.0]))
    grid = WeightGrid(model, (1, 6, 6))
    changed(model[4])
    same(grid.chip_image(), chip_image(model, (1, 6, 6)))
    with pytest.raises(InputError, match=r"layer 0: .* without bias"):
        grid.snap()


def test_snapped_weights_are_integers_over_the_threshold_and_stay_put(model):
    grid = WeightGrid(model, (1, 20, 20))
    before = chip_image(model, (1, 20, 20))
    grid.snap()
    image = chip_image(model, (1, 20, 20))
    same(image, before)
    for (name, factor), core in zip(grid.factors.items(), image.cores, strict=True):
        weight = dict(model.named_modules())[name].weight.detach().numpy().astype(np.float64)
        whole = weight * factor * core.threshold_high
        np.testing.assert_allclose(whole.ravel(), core.weights.ravel(), atol=1e-4)


def test_snapping_is_undone(model):
    grid = WeightGrid(model, (1, 20, 20))
    before = [p.clone() for p in model.parameters()]
    with grid.snapped():
        assert not torch.equal(model[0].weight, before[0])
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), before, strict=True))


def test_clipped_weights_are_at_most_at_the_threshold(model):
    grid = WeightGrid(model, (1, 20, 20))
    with torch.no_grad():
        for layer in (model[0], model[3]):
            layer.weight.mul_(50)
    assert any(abs(core.weights).max() > core.threshold_high for core in grid.chip_image().cores)
    grid.clip()
    image = grid.chip_image()
    assert all(abs(core.weights).max() <= core.threshold_high for core in image.cores)
    before = [p.clone() for p in model.parameters()]
    grid.clip()
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), before, strict=True))


def test_training_with_quantized_weights_ends_on_the_grid_and_resumes(tmp_path):
    settings = TrainingSettings(
        data="digits", model="digits", epochs=2, limit=120, quantize_weights=True,
        finetune_epochs=1, finetune_samples=16,
    )  # fmt: skip

    class Killed(Exception):
        pass

    def kill(stage, done, total, text):
        if (stage, done) == ("training", 5):
            raise Killed

    run = train(settings, tmp_path / "whole")
    for tuned in (True, False):
        module = load_run(run.folder, tuned=tuned).module
        before = [p.clone() for p in module.parameters()]
        WeightGrid(module, (1, 20, 20)).snap()
        for a, b in zip(module.parameters(), before, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-6, atol=0)
    with pytest.raises(Killed):
        train(settings, tmp_path / "killed", progress=kill)
    train(settings, tmp_path / "killed", resume=True)
    for name in ("model.safetensors", "metrics.csv"):
        whole, killed = (tmp_path / where / name for where in ("whole", "killed"))
        assert whole.read_bytes() == killed.read_bytes(), name
