"""Whole sweeps, small ones: the result does not depend on who did the work, or on how often it
was interrupted."""

import json

import pytest

from dynapdeploy.errors import InputError, OutputError, SourceError
from dynapdeploy.lock import locked_folder
from dynapdeploy.scale import run_pieces
from dynapdeploy.scale.local import Processes
from dynapdeploy.training.sweep import load_sweep, sweep
from dynapdeploy.training.sweep_plan import SweepPlan, falling, geometric, pieces

FILES = ("sweep.csv", "sweep.json", "sweep.png")
NET_FILES = ("model.safetensors", "metrics.csv", "run.json", "point.json")


@pytest.fixture(scope="module")
def plan(tiny_settings):
    """``plan((0.8, 0.5), ...)``."""

    def make(targets=(0.8, 0.5), **chosen):
        chosen = {"scale_ups": (1.5,), **chosen}
        return SweepPlan(settings=tiny_settings, targets=targets, **chosen)

    return make


@pytest.fixture(scope="module")
def finished(plan, tmp_path_factory):
    """A sweep by this process alone."""
    return sweep(plan(), tmp_path_factory.mktemp("sweep") / "alone")


def assert_same(found, expected):
    for name in FILES:
        assert (found.folder / name).read_bytes() == (expected.folder / name).read_bytes(), name
    for row in expected.rows:
        for name in NET_FILES:
            ours, theirs = (s.folder / row["name"] / name for s in (found, expected))
            assert ours.read_bytes() == theirs.read_bytes(), (row["name"], name)


def test_the_folder_says_what_was_found(finished):
    assert [row["status"] for row in finished.rows] == ["done", "done"]
    assert finished.rows[0]["target_synops"] > finished.rows[1]["target_synops"]
    lines = (finished.folder / "sweep.csv").read_text().splitlines()
    assert len(lines) == 1 + 2 * 2 and lines[2].endswith(",1.5")
    assert load_sweep(finished.folder).rows == finished.rows
    names = {path.name for path in finished.folder.iterdir()}
    assert names == {*FILES, "plan.json", "seed-0"}


def test_a_killed_worker_costs_nothing_but_time(plan, finished, tmp_path, monkeypatch):
    kills = []
    monkeypatch.setattr(Processes, "_start", _start_then(Processes._start, kills))
    assert_same(sweep(plan(), tmp_path / "two", workers=2), finished)
    assert kills


def _start_then(start, kills):
    def begin(self):
        process = start(self)
        if process is not None and not kills:
            kills.append(process.pid)
            process.kill()
        return process

    return begin


def test_interrupted_sweep_goes_on(plan, finished, tmp_path):
    class Stop(Exception):
        pass

    def stop(stage, done, total, text):
        if done == 1:
            raise Stop

    with pytest.raises(Stop):
        sweep(plan(), tmp_path, progress=stop)
    assert not (tmp_path / "sweep.json").exists()
    first = tmp_path / "seed-0" / "net-00" / "point.json"
    before = first.stat().st_mtime_ns
    with pytest.raises(InputError, match="holds results already"):
        sweep(plan(), tmp_path)
    with pytest.raises(InputError, match="another targets"):
        sweep(plan((0.8, 0.4)), tmp_path, resume=True)
    assert_same(sweep(plan(), tmp_path, resume=True), finished)
    assert first.stat().st_mtime_ns == before
    (tmp_path / "seed-0" / "net-01" / "model.safetensors").write_bytes(b"damaged")
    assert_same(sweep(plan(), tmp_path, resume=True), finished)


def test_a_chain_starts_warm_and_stops_where_a_link_is_refused(plan, finished, tmp_path):
    found = sweep(plan((0.8, 0.001, 0.0001), chain=True, scale_ups=()), tmp_path)
    assert [row["status"] for row in found.rows] == ["done", "refused", "left out"]
    assert "the input alone costs" in found.rows[1]["message"]
    warm = sweep(plan((0.8, 0.5), chain=True, scale_ups=()), tmp_path / "warm")
    first, second = warm.rows
    assert first["weights_sha256"] == finished.rows[0]["weights_sha256"]
    assert second["weights_sha256"] != finished.rows[1]["weights_sha256"]
    metrics = [
        json.loads((warm.folder / row["name"] / "run.json").read_text())["metrics"]
        for row in warm.rows
    ]
    assert second["target_synops"] == 0.5 * metrics[0]["untrained_synops"]
    assert metrics[1]["untrained_synops"] != metrics[0]["untrained_synops"]


def test_bad_plans_and_folders(plan, tmp_path):
    for chosen in ({"targets": ()}, {"targets": (1.0, 1.0)}, {"seeds": (-1,)}, {"unit": "watts"}):
        with pytest.raises(InputError):
            plan(**chosen)
    with pytest.raises(InputError):
        plan((float("nan"),))
    with pytest.raises(InputError):
        geometric(1, 0, 5)
    with pytest.raises(InputError):
        falling(1, 1.5, 5)
    with pytest.raises(InputError, match="the input alone costs"):
        sweep(plan((0.001,)), tmp_path / "refused")
    (tmp_path / "sweep.json").write_text("[" * 100_000)
    with pytest.raises(SourceError, match="damaged"):
        load_sweep(tmp_path)
    with locked_folder(tmp_path / "busy"), pytest.raises(OutputError, match="works in this folder"):
        sweep(plan(), tmp_path / "busy")


def test_targets():
    assert geometric(8, 1, 4) == pytest.approx((8, 4, 2, 1))
    assert falling(1, 0.5, 3) == (1, 0.5, 0.25)


def test_pieces_do_not_depend_on_the_folder(plan, tmp_path):
    one, other = (pieces(plan(chain=True), tmp_path / name) for name in ("a", "b"))
    assert [piece.key for piece in one] == [piece.key for piece in other]
    assert [piece.after for piece in one] == [None, "seed-0/net-00"]
    assert list(run_pieces([])) == []
