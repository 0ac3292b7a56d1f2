"""Every verb's JSON follows the schema that is published for it."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from dynapdeploy.cli.main import VERBS, run
from dynapdeploy.errors import InputError
from dynapdeploy.report.schema import MODELS, check_result, schema

DOCS = Path(__file__).parents[2] / "docs" / "schema"
NO_JSON = {"export", "shrink"}
"""Verbs whose result is a file."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A small training run: its folder and what train said."""
    from dynapdeploy.training.settings import TrainingSettings
    from dynapdeploy.training.trainer import train

    folder = tmp_path_factory.mktemp("schema") / "run"
    settings = TrainingSettings(
        data="digits", model="digits", epochs=1, limit=60, finetune_epochs=1, finetune_samples=32
    )
    train(settings, folder)
    return folder


@pytest.fixture
def said(capsys, monkeypatch):
    """``said("check", source, ...)`` as on the command line, with JSON out."""

    def call(*words, code=0):
        monkeypatch.setattr(sys, "argv", ["dynapdeploy", *map(str, words), "--format", "json"])
        with pytest.raises(SystemExit) as stop:
            run()
        out, err = capsys.readouterr()
        assert (stop.value.code or 0) == code, err
        content = json.loads(out)
        assert content["command"] == words[0]
        check_result(content)
        return content

    return call


def test_one_model_per_verb():
    assert set(MODELS) == set(VERBS) - NO_JSON


@pytest.mark.parametrize("verb", MODELS)
def test_published_schemas_are_those_of_the_code(verb):
    assert json.loads((DOCS / f"{verb}.json").read_text()) == schema(verb)
    assert {path.stem for path in DOCS.glob("*.json")} == set(MODELS)


def test_looking_up(said):
    said("devices")
    said("profiles")
    said("profiles", "speck2fdevkit")
    said("rules")
    said("count", "all_convnet")
    said("check", "all_convnet", code=1)
    said("check", "mnist_dvs")


def test_a_run_and_its_image(said, trained, tmp_path):
    image, other = tmp_path / "a.dynap", tmp_path / "b.dynap"
    said("convert", trained, "-o", image)
    said("convert", trained, "-o", other, "--device", "speck2edevkit")
    said("count", image)
    found = said("estimate", image, "--data", "digits", "--limit", 4, "--jitter", 1,
                 "--budget", 1e6, "--battery", 1)  # fmt: skip
    assert found["energy"]["dynamic_j_per_sample"]["mode"] == "predicted"
    unknown = said("estimate", other, "--data", "digits", "--limit", 2)
    assert unknown["energy"]["total_j_per_sample"]["value"] is None
    said("flash", image, "--device", "speck2fdevkit")
    said("validate", trained, "--limit", 4)
    said("validate", image, "--limit", 2)
    said("report", image, "-o", tmp_path / "r.html", "--limit", 4)
    report = said("report", trained, "-o", tmp_path / "r.html", "--limit", 4, "--no-ladder",
                  "--csv", tmp_path / "csv")  # fmt: skip
    assert all(Path(path).is_file() for path in report["files"])
    said("diff", image, other)
    result = tmp_path / "result.json"
    result.write_text(json.dumps(found))
    same = said("diff", result, result, "--fail-if", "synops>0")
    assert same["layers"] == [] and same["failed"] == []
    failed = said("diff", image, image, "--data", "digits", "--limit", 2,
                  "--fail-if", "synops>=0", "--fail-if", "accuracy<0", code=1)  # fmt: skip
    assert failed["status"] == "differs" and failed["failed"] == ["synops>=0"]


def test_unlabelled_recording(said, trained, tmp_path):
    from dynapdeploy.data import open_dataset

    image, file = tmp_path / "a.dynap", tmp_path / "recording.npz"
    said("convert", trained, "-o", image)
    events = open_dataset("digits", "test")[0].events
    np.savez(file, events=events)
    found = said("estimate", image, "--data", f"events:{file}")
    assert found["accuracy"] is None and found["synops_per_sample"] > 0
    said("validate", image, "--data", f"events:{file}")


def test_training(said, tmp_path):
    words = ("--data", "digits", "--model", "digits", "--epochs", 1, "--no-finetune")
    said("train", *words, "--limit", 60, "-o", tmp_path / "run")
    said("benchmark", tmp_path / "run", "--data", "digits", "--limit", 2)


def test_sweep(said, tmp_path):
    said("sweep", "--data", "digits", "--model", "digits", "--epochs", 1, "--limit", 60,
         "--no-finetune", "--target-ratio", "0.5", "-o", tmp_path / "sweep")  # fmt: skip


def test_demo(said, tmp_path, monkeypatch):
    from dynapdeploy.training import settings

    def small(**chosen):
        return settings.TrainingSettings(**chosen, limit=60, finetune_epochs=1, finetune_samples=32)

    monkeypatch.setattr("dynapdeploy.demo.LADDER_SAMPLES", 2)
    monkeypatch.setattr("dynapdeploy.demo.training_settings", small)
    found = said("demo", "-o", tmp_path / "demo", "--epochs", 1, "--limit", 4)
    assert Path(found["report"]).stat().st_size < 8_000_000


def test_measured_power():
    from dynapdeploy.hardware.power import Activity, PowerReading, Rail
    from dynapdeploy.hardware.power_run import Played, PowerRun
    from dynapdeploy.report.power import power_content

    reading = PowerReading({"io": Rail(1e-3, 1e-5, 10)}, 2.0, 3)
    run = PowerRun(reading, (Played("x", reading, Activity(1.0, 2.0)),))
    head = {"schema_version": 1, "command": "power", "device": "d", "status": "done"}
    rest = {"image": "i", "data": "d", "board": "b", "calibration": None}
    check_result({**head, **rest, **power_content(run)})
    with pytest.raises(InputError, match="board"):
        check_result({**head, **rest, **power_content(run), "board": None})


def test_what_does_not_follow_is_named():
    with pytest.raises(InputError, match=r"result of rules: rules\.0\.severity"):
        check_result(
            {"schema_version": 1, "command": "rules", "device": None, "status": "done",
             "rules": [{"rule": "DYN001", "severity": "loud", "title": "", "text": ""}]}
        )  # fmt: skip
    with pytest.raises(InputError, match="schema_version"):
        check_result({"schema_version": 2, "command": "x", "device": None, "status": "done"})
    with pytest.raises(InputError, match="result of None"):
        check_result([])
