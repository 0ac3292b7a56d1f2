"""Pieces of work over processes: order, errors, deaths."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dynapdeploy.errors import DataError, DeployError, EnvironmentLacks
from dynapdeploy.processors import processors
from dynapdeploy.scale import Piece, run_pieces
from dynapdeploy.scale.local import Processes
from dynapdeploy.scale.piece import MOST_TRIES, fault_in, kept, perform
from dynapdeploy.scale.trial import TRIAL


def piece(name, after=None, **arguments):
    return Piece(name, TRIAL, arguments, after=after)


@pytest.mark.parametrize("workers", [1, 2])
def test_every_piece_is_done_once(workers):
    todo = [piece(f"p{i}", value=i) for i in range(7)]
    found = {p.name: value for p, value in run_pieces(todo, workers=workers)}
    assert found == {f"p{i}": {"value": i} for i in range(7)}


@pytest.mark.parametrize("workers", [1, 2])
def test_errors_belong_to_their_piece(workers):
    todo = [
        piece("good", value=1),
        piece("bad", refuse="no such data"),
        piece("broken", fail="division"),
        piece("behind", after="bad", value=2),
        piece("follows", after="good", value=3),
    ]
    found = {p.name: value for p, value in run_pieces(todo, workers=workers)}
    assert found.pop("good") == {"value": 1} and found.pop("follows") == {"value": 3}
    refused, broken = found.pop("bad"), found.pop("broken")
    assert isinstance(refused, DataError) and str(refused) == "no such data"
    assert isinstance(broken, RuntimeError) and "division" in str(broken)
    assert not found


def test_a_worker_that_dies_is_replaced(tmp_path):
    todo = [piece(f"p{i}", value=i, die_once=str(tmp_path / str(i))) for i in range(3)]
    found = {p.name: value for p, value in run_pieces(todo, workers=2)}
    assert found == {f"p{i}": {"value": i} for i in range(3)}
    assert len(list(tmp_path.iterdir())) == 3


def test_a_piece_that_kills_every_worker_is_given_up(monkeypatch):
    monkeypatch.setattr("dynapdeploy.scale.local.MOST_TRIES", 2)
    ((_, fault), (_, other)) = sorted(
        run_pieces([piece("a", die=True), piece("b", value=1)], workers=2), key=lambda f: f[0].name
    )
    assert isinstance(fault, DeployError) and "2 worker processes died" in str(fault)
    assert other == {"value": 1}
    assert MOST_TRIES > 2


def test_workers_share_the_processors(monkeypatch):
    monkeypatch.setenv("DYNAPDEPLOY_THREADS", "1")
    assert processors() == 1
    (found,) = (value for _, value in run_pieces([piece("a", threads=True)], workers=1))
    assert found == {"value": 1}
    monkeypatch.setenv("DYNAPDEPLOY_THREADS", "nonsense")
    assert processors() >= 1


def test_workers_print_to_stderr_only(capfd):
    todo = [piece(f"p{i}", value=i, say="hello") for i in range(2)]
    assert len(list(run_pieces(todo, workers=2))) == 2
    out, err = capfd.readouterr()
    assert out == "" and err.count("hello") == 2


def test_workers_end_with_a_caller_that_stops(tmp_path):
    with Processes(2) as engine:
        for i in range(2):
            engine.submit(piece(f"p{i}", sleep=60, die_once=str(tmp_path / "never" / "x")))
        while len(engine.process_ids) < 2:
            time.sleep(0.01)
        started = engine.process_ids
    assert engine.process_ids == []
    assert not any(_runs(process) for process in started)


def test_workers_end_with_a_caller_that_is_killed(tmp_path):
    script = (
        "from dynapdeploy.scale import Piece, run_pieces\n"
        "from dynapdeploy.scale.trial import TRIAL\n"
        f"todo = [Piece(f'p{{i}}', TRIAL, {{'sleep': 60, 'tell': r'{tmp_path}'}}) "
        "for i in range(2)]\n"
        "list(run_pieces(todo, workers=2))\n"
    )
    caller = subprocess.Popen([sys.executable, "-c", script], cwd=Path(__file__).parents[2])
    try:
        while len(workers := [int(path.name) for path in tmp_path.iterdir()]) < 2:
            assert caller.poll() is None
            time.sleep(0.02)
    finally:
        os.kill(caller.pid, signal.SIGKILL)
        caller.wait()
    end = time.monotonic() + 20
    while any(_runs(worker) for worker in workers) and time.monotonic() < end:
        time.sleep(0.02)
    assert not any(_runs(worker) for worker in workers)


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_only_tasks_of_this_package_are_done():
    outcome = perform(Piece("x", "os:system", {"command": "true"}).request)
    assert "none of this package" in str(fault_in(outcome, piece("x")))
    lacking = fault_in(perform(Piece("x", "dynapdeploy.nowhere:task", {}).request), piece("x"))
    assert isinstance(lacking, EnvironmentLacks)


def test_a_worker_that_cannot_be_started_is_told(monkeypatch):
    def no_memory(*_, **__):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", no_memory)
    outcomes = list(run_pieces([piece("a", value=1), piece("b", value=2)], workers=2))
    for _, outcome in outcomes:
        assert isinstance(outcome, EnvironmentLacks) and "cannot be started" in str(outcome)
    assert len(outcomes) == 2


def test_a_record_that_was_changed_is_no_record(tmp_path):
    record = tmp_path / "a.json"
    done = Piece("a", TRIAL, {"value": 41}, record=str(record))
    assert perform(done.request) == {"value": kept(done)}
    record.write_text(record.read_text().replace("41", "42"))
    assert kept(done) is None
