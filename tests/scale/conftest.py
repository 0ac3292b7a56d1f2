"""A training that takes about a second, an image with recordings, and a cluster."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from tiny_recordings import write_net, write_recordings

from dynapdeploy.data import Selection
from dynapdeploy.pipeline import convert
from dynapdeploy.training.settings import TrainingSettings

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def tiny_settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    data = f"nmnist:{write_recordings(folder / 'data')}"
    return TrainingSettings(
        data=data, model=write_net(folder), epochs=2, batch=16, finetune_epochs=1, threads=1
    )


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A chip image, and 40 recordings of which one is damaged and another one cut off."""
    folder = tmp_path_factory.mktemp("recordings")
    data = write_recordings(folder / "data")
    (data / "Train" / "3" / "00001.bin").write_bytes(b"123")
    (data / "Train" / "7" / "00002.bin").write_bytes(b"\xff" * 500)
    torch.manual_seed(0)
    image = convert(write_net(folder), "speck2fdevkit", (2, 34, 34))
    return image, Selection(f"nmnist:{data}", "train")


def begin(*words):
    return subprocess.Popen(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.fixture
def dask(tmp_path):
    """A scheduler and two workers; yields address, scheduler process, worker processes."""
    file = tmp_path / "scheduler.json"
    common = ("--host", "127.0.0.1", "--scheduler-file", str(file), "--no-dashboard")
    processes = [begin("distributed.cli.dask_scheduler", "--port", "0", *common)]
    while True:
        try:
            address = json.loads(file.read_text())["address"]
            break
        except (OSError, ValueError, KeyError):
            time.sleep(0.05)
    processes += [
        begin(
            "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-nanny",
            "--no-dashboard", "--local-directory", str(tmp_path),
        )
        for _ in range(2)
    ]  # fmt: skip
    yield address, processes[0], processes[1:]
    for process in processes:
        process.kill()
        process.wait()
