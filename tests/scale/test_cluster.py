"""A Dask cluster of real processes on this machine."""

import os
import signal
import sys
import time

import pytest

from dynapdeploy.errors import DataError, EnvironmentLacks
from dynapdeploy.estimate import estimate, parts
from dynapdeploy.estimate.estimate_parts import estimate_in_parts
from dynapdeploy.estimate.parts import Workers
from dynapdeploy.report.estimation import estimate_content
from dynapdeploy.scale import Piece, cluster, run_pieces
from dynapdeploy.scale.trial import TRIAL

pytest.importorskip("distributed", reason="dask.distributed is not installed")


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


@pytest.mark.parametrize("pause_s", [0.0, 0.5], ids=["while it is fetched", "before"])
def test_an_outcome_that_dies_with_its_worker(dask, pause_s):
    address, _, _ = dask
    with cluster.Cluster(address) as engine:
        engine.submit(piece("a", value=1, sleep=1.0))
        (future,) = engine._futures
        while not future.done():
            time.sleep(0.01)
        (holder,) = engine._client.who_has()[future.key]
        os.kill(engine._client.run(os.getpid, workers=[holder])[holder], signal.SIGKILL)
        time.sleep(pause_s)
        done, outcome = engine.next()
    assert (done.name, outcome) == ("a", {"value": {"value": 1}})


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


def test_an_estimate_outlives_worker_and_scheduler(dask, monkeypatch, tmp_path, tiny):
    """Two kills: the finished parts are kept, and the rest is done on this machine."""
    monkeypatch.setattr(cluster, "GONE_AFTER_S", 1.0)
    monkeypatch.setattr(parts, "SAMPLES", 1)
    address, scheduler, (victim, _) = dask
    folder = tmp_path / "out"

    def kill(done):
        (victim if done < 10 else scheduler).kill()

    with pytest.raises(EnvironmentLacks, match="--resume goes on"):
        estimate_in_parts(*tiny, Workers(folder, scheduler=address), progress=kill)
    kept = {path: path.stat().st_mtime_ns for path in (folder / "parts").iterdir()}
    assert 10 <= len(kept) < 39
    found = estimate_in_parts(*tiny, Workers(folder, resume=True))
    assert estimate_content(found) == estimate_content(estimate(tiny[0], tiny[1].open()))
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
