"""A data set in parts gives the figures of the whole, whoever did the parts and how often."""

import dataclasses
import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_recordings import write_net

from dynapdeploy.emulator import Jitter
from dynapdeploy.errors import DataError, InputError, Mismatch, SourceError
from dynapdeploy.estimate import Outcome, Timing, estimate, parts
from dynapdeploy.estimate.estimate_parts import estimate_in_parts
from dynapdeploy.estimate.gather import read_any
from dynapdeploy.estimate.ladder_parts import climb_in_parts
from dynapdeploy.estimate.ladder_run import climb
from dynapdeploy.estimate.latency import latency_of
from dynapdeploy.estimate.parts import Workers
from dynapdeploy.estimate.tally import merged, tally, tally_from
from dynapdeploy.report.estimation import estimate_content
from dynapdeploy.report.ladder import ladder_content
from dynapdeploy.scale.local import Processes

DEVICE = "speck2fdevkit"


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(parts, "SAMPLES", 7)
    monkeypatch.setattr("dynapdeploy.estimate.ladder_run.SAMPLES", 7)


@pytest.fixture(scope="module")
def expected(tiny):
    image, selection = tiny
    whole = estimate(image, selection.open(), jitters=[Jitter(1, 100)], workers=2)
    assert whole.samples == 38 and len(whole.skipped) == 2
    return estimate_content(whole)


def test_an_estimate_by_processes_one_of_which_is_killed(tiny, expected, tmp_path, monkeypatch):
    kills, start = [], Processes._start

    def begin(self):
        process = start(self)
        if process is not None and not kills:
            kills.append(process.pid)
            process.kill()
        return process

    monkeypatch.setattr(Processes, "_start", begin)
    done = []
    found = estimate_in_parts(
        *tiny, Workers(tmp_path, processes=2), jitters=[Jitter(1, 100)], progress=done.append
    )
    assert estimate_content(found) == expected and kills
    assert sorted(done) == done and done[-1] == 2 * 39 and len(done) == 12


def test_interrupted_damaged_and_taken_up_again(tiny, expected, tmp_path):
    class Stop(Exception):
        pass

    def stop(done):
        if done == 14:
            raise Stop

    jitters = [Jitter(1, 100)]
    with pytest.raises(Stop):
        estimate_in_parts(*tiny, Workers(tmp_path), jitters=jitters, progress=stop)
    files = sorted((tmp_path / "parts").iterdir())
    assert [file.name for file in files] == ["0-00000000.json", "0-00000007.json"]
    with pytest.raises(InputError, match="--resume goes on"):
        estimate_in_parts(*tiny, Workers(tmp_path), jitters=jitters)
    with pytest.raises(InputError, match="cannot resume with another runs"):
        estimate_in_parts(*tiny, Workers(tmp_path, resume=True))
    files[0].write_text("[" * 100_000)
    files[1].write_text(files[1].read_text().replace('"schema_version": 2', '"schema_version": 1'))
    again = Workers(tmp_path, resume=True)
    assert estimate_content(estimate_in_parts(*tiny, again, jitters=jitters)) == expected
    (tmp_path / "plan.json").write_text("{")
    with pytest.raises(SourceError, match=r"plan\.json: damaged"):
        estimate_in_parts(*tiny, again, jitters=jitters)


def test_data_that_have_changed_are_not_mixed(tiny, tmp_path, monkeypatch):
    image, selection = tiny
    opened = dataclasses.replace(selection.open(), fingerprint="before")
    monkeypatch.setattr(type(selection), "open", lambda self: opened)
    with pytest.raises(DataError, match="not those that this job was begun with"):
        estimate_in_parts(image, selection, Workers(tmp_path))


def test_a_ladder_by_processes(tiny, tmp_path):
    _, selection = tiny
    name = write_net(tmp_path)
    seeded = "def net():\n    import torch\n\n    torch.manual_seed(0)\n"
    file = tmp_path / "tiny_net.py"
    file.write_text(file.read_text().replace("def net():\n", seeded))
    image, source, compilation = read_any(name, DEVICE, (2, 34, 34))
    whole = climb(source, compilation, image, selection.open())
    assert [rung.key for rung in whole.rungs if rung.reason] == ["board"]
    folder = Workers(tmp_path / "out", processes=2)
    chosen = {"device": DEVICE, "input_shape": (2, 34, 34)}
    found = climb_in_parts(name, image, selection, folder, **chosen)
    assert json.dumps(ladder_content(found)) == json.dumps(ladder_content(whole))


def test_a_ladder_of_an_image_alone_and_of_another_net(tiny, tmp_path):
    image, selection = tiny
    image.save(tmp_path / "net.dynap")
    name = str(tmp_path / "net.dynap")
    found = climb_in_parts(name, image, selection, Workers(tmp_path / "a"), device=DEVICE)
    whole = climb(None, None, image, selection.open())
    assert ladder_content(found) == ladder_content(whole)
    other = write_net(tmp_path)
    with pytest.raises(Mismatch, match="another chip image"):
        climb_in_parts(
            other, image, selection, Workers(tmp_path / "b"), device=DEVICE,
            input_shape=(2, 34, 34), events_per_unit=3.0,
        )  # fmt: skip


numbers = st.integers(0, 2**40)


@st.composite
def outcome(draw):
    at = sorted(draw(st.sets(st.integers(0, 30), max_size=5)))
    to = draw(st.lists(st.integers(-1, 2), min_size=len(at), max_size=len(at)))
    decided = bool(to) and to[-1] >= 0
    timing = Timing(
        turns_us=np.array(at, np.int64),
        turns_to=np.array(to, np.int64),
        decided=decided,
        stable_us=at[-1] if decided else 0,
        stable_events=draw(numbers),
        stable_synops=draw(numbers),
        peaks={4: draw(st.integers(0, 3))},
        timeline=np.zeros((1, 1), np.int64),
    )
    return Outcome(
        name=draw(st.text(max_size=3)),
        label=draw(st.sampled_from([None, 0, 1, 2])),
        counts=np.array(draw(st.lists(st.integers(0, 2), min_size=3, max_size=3))),
        events=draw(numbers),
        duration_us=draw(st.integers(0, 60)),
        spikes={4: draw(numbers)},
        synops={4: draw(numbers)},
        dropped={},
        timing=draw(st.sampled_from([None, timing])),
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(outcome(), min_size=1, max_size=12), st.data())
def test_tallies_add_up_exactly(tiny, found, data):
    image = dataclasses.replace(
        tiny[0],
        cores=(dataclasses.replace(tiny[0].cores[-1], core=4),),
        entry=(4,),
        self_test=None,
    )
    cuts = sorted(data.draw(st.lists(st.integers(0, len(found)), max_size=4)))
    bounds = [0, *cuts, len(found)]
    split = [found[a:b] for a, b in itertools.pairwise(bounds)]
    through_json = [tally_from(json.loads(json.dumps(tally(image, s).as_dict()))) for s in split]
    whole, added = tally(image, found), merged(through_json)
    changing = {**whole.as_dict(), "turns": None}
    assert {**added.as_dict(), "turns": None} == changing
    assert latency_of(added) == latency_of(whole)
    labelled = [o for o in found if o.label is not None and o.timing is not None]
    for time, share in zip(latency_of(whole).time_s, latency_of(whole).accuracy, strict=True):
        right = 0
        for o in labelled:
            known = o.timing.turns_to[o.timing.turns_us <= round(time * 1e6)]
            right += bool(len(known)) and known[-1] == o.label
        assert share == right / whole.labelled
