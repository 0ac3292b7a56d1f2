"""A Dask cluster of real processes on this machine."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dynapdeploy.errors import DataError, EnvironmentLacks
from dynapdeploy.scale import Piece, cluster, run_pieces
from dynapdeploy.scale.trial import TRIAL

pytest.importorskip("distributed", reason="dask.distributed is not installed")
ROOT = Path(__file__).parents[2]


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


def piece(name, **arguments):
    return Piece(name, TRIAL, arguments)


def test_pieces_are_done_and_the_death_of_a_worker_costs_time_only(dask, tmp_path):
    address, _, (victim, _) = dask
    todo = [piece(f"p{i}", value=i, sleep=0.1) for i in range(12)]
    todo.append(piece("bad", refuse="no such data"))
    found = {}
    for done, value in run_pieces(todo, scheduler=address):
        if not found:
            os.kill(victim.pid, signal.SIGKILL)
        found[done.name] = value
    assert isinstance(found.pop("bad"), DataError)
    assert found == {f"p{i}": {"value": i} for i in range(12)}


def test_a_scheduler_that_dies_is_said(dask, monkeypatch):
    monkeypatch.setattr(cluster, "GONE_AFTER_S", 1.0)
    address, scheduler, _ = dask
    todo = [piece(f"p{i}", value=i, sleep=0 if i == 0 else 0.5) for i in range(20)]
    found = []
    with pytest.raises(EnvironmentLacks, match=r"scheduler .* is gone; .*--resume goes on"):
        for done, _ in run_pieces(todo, scheduler=address):
            if not found:
                scheduler.kill()
            found.append(done.name)
    assert found and len(found) < 20


def test_no_scheduler_there(monkeypatch):
    monkeypatch.setattr(cluster, "REACHED_IN_S", 1.0)
    for address in ("tcp://127.0.0.1:9", "nonsense", "magic://x"):
        with pytest.raises(EnvironmentLacks, match="cannot be reached"):
            list(run_pieces([piece("a", value=1)], scheduler=address))


def test_without_dask(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(EnvironmentLacks, match=r"pip install 'dynapdeploy\[cluster\]'"):
        list(run_pieces([piece("a", value=1)], scheduler="tcp://127.0.0.1:9"))
