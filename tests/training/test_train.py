"""Whole training runs, small ones."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from dynapdeploy.data import open_dataset
from dynapdeploy.errors import (
    DataError,
    EnvironmentLacks,
    InputError,
    Mismatch,
    OutputError,
    SourceError,
    TrainingFailed,
)
from dynapdeploy.training.models import MODELS
from dynapdeploy.training.run import load_run
from dynapdeploy.training.samples import load_samples
from dynapdeploy.training.settings import TrainingSettings
from dynapdeploy.training.trainer import train


def settings(**chosen):
    base = {"epochs": 2, "limit": 200, "finetune_epochs": 1, "finetune_samples": 64}
    return TrainingSettings(**{"data": "digits", "model": "digits", **base, **chosen})


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return train(settings(target_ratio=0.5), folder)


def test_folder_is_complete(finished):
    names = {path.name for path in finished.folder.iterdir()}
    assert names == {
        "model.safetensors",
        "untuned.safetensors",
        "run.json",
        "metrics.csv",
        "losses.png",
        "accuracy_synops.png",
        "checkpoint.safetensors",
    }
    lines = (finished.folder / "metrics.csv").read_text().splitlines()
    assert [line.split(",")[:2] for line in lines[1:]] == [
        ["qrelu", "1"],
        ["qrelu", "2"],
        ["chip", "1"],
    ]
    assert "time" not in lines[0]
    record = json.loads((finished.folder / "run.json").read_text())
    assert record["schema_version"] == 1 and record["input_coding"]["merge_polarity"] is True
    assert record["metrics"]["target_synops"] == 0.5 * record["metrics"]["untrained_synops"]
    assert set(record["metrics"]["stages"]) >= {"qrelu", "emulator"}


def test_run_comes_back_as_it_was(finished):
    again = load_run(finished.folder)
    assert again.settings == finished.settings
    assert (again.input_shape, again.classes) == ((1, 20, 20), tuple("0123456789"))
    assert again.coding == finished.coding
    x = torch.rand(3, 1, 20, 20) * 5
    assert torch.equal(again.module(x), finished.module.eval()(x))


def test_weights_before_fine_tuning_are_kept(finished, tmp_path):
    untuned = load_run(finished.folder, tuned=False)
    plain = train(settings(target_ratio=0.5, finetune=False), tmp_path)
    assert torch.equal(untuned.module[0].weight, plain.module[0].weight)
    assert not torch.equal(untuned.module[0].weight, finished.module[0].weight)


def test_same_settings_give_the_same_files(finished, tmp_path):
    train(settings(target_ratio=0.5), tmp_path)
    for name in ("model.safetensors", "metrics.csv", "run.json", "losses.png"):
        assert (tmp_path / name).read_bytes() == (finished.folder / name).read_bytes(), name


@pytest.mark.parametrize("stop", [("training", 8), ("fine-tuning", 1)])
def test_killed_and_resumed_gives_the_same(finished, tmp_path, stop):
    class Killed(Exception):
        pass

    def kill(stage, done, total, text):
        if (stage, done) == stop:
            raise Killed

    with pytest.raises(Killed):
        train(settings(target_ratio=0.5), tmp_path, progress=kill)
    assert not (tmp_path / "model.safetensors").exists()
    train(settings(target_ratio=0.5), tmp_path, resume=True)
    for name in ("model.safetensors", "metrics.csv"):
        assert (tmp_path / name).read_bytes() == (finished.folder / name).read_bytes(), name


def test_resuming_goes_on_or_begins_with_the_same_settings(finished, tmp_path):
    same = settings(target_ratio=0.5)
    begun = train(same, tmp_path / "begun", resume=True)
    assert torch.equal(begun.module[0].weight, finished.module[0].weight)
    (begun.folder / "checkpoint.safetensors").unlink()
    for folder in (finished.folder, begun.folder):
        with pytest.raises(InputError, match="seed was 0 and is 1"):
            train(settings(target_ratio=0.5, seed=1), folder, resume=True)
    (tmp_path / "checkpoint.safetensors").write_bytes(b"nonsense")
    with pytest.raises(SourceError, match="damaged, or not a checkpoint"):
        train(settings(), tmp_path, resume=True)


def test_another_seed_gives_another_net(finished, tmp_path):
    other = train(settings(target_ratio=0.5, seed=1, finetune=False), tmp_path)
    assert not torch.equal(other.module[0].weight, finished.module[0].weight)


def test_a_loss_that_is_no_number_stops_and_keeps_the_checkpoint(tmp_path, monkeypatch):
    from dynapdeploy.training import loop

    monkeypatch.setattr(loop, "synop_loss", lambda synops, target: synops * float("nan"))
    with pytest.raises(TrainingFailed, match="epoch 1, step 1: the loss is nan"):
        train(settings(target_ratio=0.5), tmp_path)
    assert not (tmp_path / "model.safetensors").exists()

    calls = iter([1.0] * 7 + [float("inf")] * 10)
    monkeypatch.setattr(loop, "synop_loss", lambda synops, target: synops * next(calls))
    with pytest.raises(TrainingFailed, match="epoch 2, step 1"):
        train(settings(target_ratio=0.5), tmp_path)
    assert (tmp_path / "checkpoint.safetensors").stat().st_size > 0


def test_globals_of_torch_are_left_alone(tmp_path):
    torch.manual_seed(5)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    train(settings(epochs=1, finetune=False, threads=threads + 1), tmp_path)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_fine_tuning_that_harms_is_undone(tmp_path, monkeypatch):
    from dynapdeploy.training import tuning_stage

    def spoil(model, *args, **kwargs):
        for weight in model.parameters():
            weight.data.zero_()

    plain = train(settings(finetune=False), tmp_path / "plain")
    monkeypatch.setattr(tuning_stage, "finetune", spoil)
    spoiled = train(settings(), tmp_path / "spoiled")
    assert torch.equal(spoiled.module[0].weight, plain.module[0].weight)
    assert spoiled.metrics["stages"]["emulator"]["tuning"] == "did not help, undone"


def test_a_target_below_the_input_is_refused(tmp_path):
    with pytest.raises(InputError, match="the input alone costs"):
        train(settings(target_synops=1000.0), tmp_path)


def test_a_class_without_samples_is_refused(tmp_path, monkeypatch):
    whole = open_dataset("digits", "train")
    from dynapdeploy.data import Subset
    from dynapdeploy.training import job

    seen = [int(i) for i in np.flatnonzero(np.asarray(whole.labels) != 7)[:100]]
    monkeypatch.setattr(job, "open_dataset", lambda *a, **k: Subset(whole, seen))
    with pytest.raises(DataError, match="no training sample of class 7"):
        train(settings(), tmp_path)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there(tmp_path):
    with pytest.raises(EnvironmentLacks, match="no GPU"):
        train(settings(accelerator="gpu"), tmp_path)


def test_wrong_kind_of_net_or_data(tmp_path):
    with pytest.raises(SourceError):
        train(TrainingSettings(data="digits", model="lenet"), tmp_path)
    with pytest.raises(SourceError, match="a map of 20 is too small"):
        train(TrainingSettings(data="digits", model="mnist"), tmp_path)
    with pytest.raises(Mismatch, match="takes still images"):
        load_samples(open_dataset("digits"), MODELS["mnist"].coding)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        train(settings(), tmp_path / "file")


def test_a_net_of_ones_own(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from torch import nn\n"
        "def net():\n"
        "    return nn.Sequential(nn.Conv2d(2, 4, 3, stride=2, bias=False), nn.ReLU(),\n"
        "        nn.Flatten(), nn.Linear(324, 10, bias=False), nn.ReLU())\n"
    )
    run = train(settings(model=f"{tmp_path}/mine.py:net", epochs=1), tmp_path / "run")
    assert load_run(run.folder).module[0].stride == (2, 2)
    (tmp_path / "other.py").write_text(
        "from torch import nn\n"
        "def net():\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(800, 7, bias=False), nn.ReLU())\n"
    )
    with pytest.raises(SourceError, match="7 outputs, the data has 10 classes"):
        train(settings(model=f"{tmp_path}/other.py:net"), tmp_path / "run")


@pytest.mark.parametrize("name", ["model.safetensors", "run.json"])
def test_damaged_folders_are_refused(finished, tmp_path, name):
    for file in ("model.safetensors", "run.json"):
        (tmp_path / file).write_bytes((finished.folder / file).read_bytes())
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(SourceError, match=f"{name}.*damaged"):
        load_run(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(SourceError, match=f"{name} is missing"):
        load_run(tmp_path)
    with pytest.raises(SourceError, match="no such training folder"):
        load_run(tmp_path / "nowhere")


def test_a_net_that_no_chip_runs_is_trained_but_not_tuned(tmp_path, monkeypatch):
    def dilated(shape, classes):
        return nn.Sequential(
            nn.Conv2d(shape[0], 4, 3, dilation=2, bias=False),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(4 * 256, classes, bias=False),
        )

    from dynapdeploy.training import job

    monkeypatch.setattr(job, "build", lambda name, shape, classes: dilated(shape, classes))
    run = train(settings(epochs=1), tmp_path / "run")
    assert "dilation" in run.metrics["stages"]["emulator"]["refused"]
