"""Several processes, mixed precision, and what of it is refused."""

import csv
import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from two_processes import SETTINGS

from dynapdeploy.errors import EnvironmentLacks, InputError
from dynapdeploy.training import machine
from dynapdeploy.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from dynapdeploy.training.settings import TrainingSettings
from dynapdeploy.training.trainer import train

ROOT = Path(__file__).parents[2]
ALONE = dataclasses.replace(SETTINGS, devices=1)


def run(folder, *how, expected=0):
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("two_processes.py"), folder, *how],
        env={**os.environ, "PYTHONPATH": str(ROOT), "GLOO_SOCKET_IFNAME": "lo"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == expected, done.stdout + done.stderr
    return done.stdout


def metrics(folder):
    with (folder / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def test_two_processes_train_the_net_of_one(tmp_path):
    assert run(tmp_path / "two") == ""
    assert (tmp_path / "two/rank-0").read_bytes() == (tmp_path / "two/rank-1").read_bytes()
    train(ALONE, tmp_path / "one")
    pairs = list(zip(metrics(tmp_path / "one"), metrics(tmp_path / "two"), strict=True))
    assert len(pairs) == 3
    for one, two in pairs[:2]:
        for name in ("loss", "prediction_loss", "synop_loss", "train_synops", "test_synops"):
            assert float(two[name]) == pytest.approx(float(one[name]), rel=1e-3), name
    for name in ("model.safetensors", "run.json", "untuned.safetensors"):
        assert (tmp_path / "two" / name).exists()


@pytest.mark.slow
def test_a_process_that_is_gone_stops_the_others_and_the_run_goes_on_from_there(tmp_path):
    run(tmp_path / "whole")
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("two_processes.py"), tmp_path / "cut", "gone"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "GLOO_SOCKET_IFNAME": "lo"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode in (3, -9), done.stdout + done.stderr
    assert done.returncode == -9 or "another process is gone" in done.stdout
    assert load_checkpoint(tmp_path / "cut").epoch == 1
    run(tmp_path / "cut", "resume")
    for name in ("metrics.csv", "model.safetensors"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.mark.slow
def test_a_loss_that_is_no_number_is_told_once(tmp_path):
    said = run(tmp_path / "run", "nan", expected=1)
    assert said.count("epoch 2, step 2: the loss is nan") == 1
    assert load_checkpoint(tmp_path / "run").epoch == 1


def test_mixed_precision_trains_nearly_the_same_net(tmp_path):
    settings = dataclasses.replace(ALONE, finetune=False, precision="bf16-mixed")
    train(settings, tmp_path / "16")
    train(dataclasses.replace(settings, precision="32-true"), tmp_path / "32")
    half, full = metrics(tmp_path / "16"), metrics(tmp_path / "32")
    assert half != full
    for name in ("loss", "train_synops"):
        assert float(half[0][name]) == pytest.approx(float(full[0][name]), rel=0.05)


def test_a_single_device_takes_no_part_in_slurm(monkeypatch):
    monkeypatch.setenv("SLURM_NTASKS", "4")
    monkeypatch.setenv("SLURM_PROCID", "3")
    assert machine.rank(ALONE) == 0
    with machine.quiet():
        assert machine.trainer(ALONE, 1).world_size == 1
    with pytest.raises(EnvironmentLacks, match=r"1 x 2 devices: .*ntasks-per-node"):
        machine.rank(SETTINGS)


def test_slurm_numbers_the_processes_of_all_nodes(monkeypatch):
    for name, value in (
        ("SLURM_NTASKS", "4"), ("SLURM_NTASKS_PER_NODE", "2"), ("SLURM_PROCID", "3"),
        ("SLURM_LOCALID", "1"), ("SLURM_NODEID", "1"), ("SLURM_JOB_ID", "1234"),
    ):  # fmt: skip
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    assert machine.rank(dataclasses.replace(SETTINGS, nodes=2)) == 3
    assert dict(os.environ) == before


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_what_needs_a_gpu():
    assert machine.device_count("auto") == 1
    with pytest.raises(EnvironmentLacks, match="16-mixed needs a GPU"):
        machine.trainer(dataclasses.replace(ALONE, accelerator="auto", precision="16-mixed"), 1)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"devices": 0}, "devices must be a whole number from 1 on"),
        ({"nodes": 0}, "nodes must be a whole number from 1 on"),
        ({"devices": 8, "nodes": 8}, "a batch of 32 cannot be shared by 64 devices"),
        ({"precision": "64"}, "precision must be one of 32-true"),
        ({"precision": "16-mixed", "accelerator": "cpu"}, "16-mixed needs a GPU"),
        ({"target_synops": 1e5, "penalty": 0.0}, "target_synops needs a penalty above 0"),
    ],
)
def test_settings_that_make_no_sense(wrong, said):
    with pytest.raises(InputError, match=said):
        TrainingSettings(**{"data": "digits", "model": "digits", **wrong})


def test_loss_scaling_is_kept(tmp_path):
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0).state_dict()
    save_checkpoint(tmp_path, Checkpoint("qrelu", 1, {}, (), {}, {}, {}, scaler))
    assert load_checkpoint(tmp_path).scaler == scaler
