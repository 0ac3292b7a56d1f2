"""Options of ``dynapdeploy train`` that reach the run."""

import errno
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from dynapdeploy.cli.train import command
from dynapdeploy.errors import OutputError
from dynapdeploy.report.training import STAGES, stage_table
from dynapdeploy.training.settings import TrainingSettings
from dynapdeploy.training.trainer import train


def test_options_are_settings_of_the_run(tmp_path):
    given = [
        "--data", "digits", "--model", "digits", "-o", str(tmp_path / "run"), "--epochs", "1",
        "--limit", "60", "--mode", "quantized", "--target-ratio", "0.6", "--penalty", "2",
        "--fanout", "nominal", "--quantize-weights", "--finetune-epochs", "1", "--shift", "0",
        "--finetune-samples", "16", "--dropout", "0.1", "--format", "json",
    ]  # fmt: skip
    result = CliRunner().invoke(command, given, catch_exceptions=False)
    assert result.exit_code == 0
    settings = json.loads((tmp_path / "run" / "run.json").read_text())["settings"]
    wanted = {
        "penalty": 2.0, "fanout": "nominal", "quantize_weights": True, "finetune_epochs": 1,
        "finetune_samples": 16, "dropout": 0.1, "shift": 0, "target_ratio": 0.6, "quantized": True,
    }  # fmt: skip
    assert {name: settings[name] for name in wanted} == wanted


def test_table_shows_results_only():
    figures = {"accuracy": 0.5, "synops_per_sample": 10.0}
    names = ("qrelu", "emulator_untuned", "emulator", "qrelu_tuned")
    table = stage_table({"stages": dict.fromkeys(names, figures)})
    assert list(table.columns[0].cells) == [STAGES[name] for name in names[:3]]


def test_a_full_disk_is_told_and_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    whole, saved = Path.write_bytes, []

    def full(path, content):
        if path.name.startswith(".checkpoint"):
            saved.append(path)
            if len(saved) == 2:
                raise OSError(errno.ENOSPC, "No space left on device")
        return whole(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    settings = TrainingSettings(data="digits", model="digits", epochs=2, limit=80, finetune=False)
    with pytest.raises(OutputError, match="No space left"):
        train(settings, tmp_path)
    assert (tmp_path / "checkpoint.safetensors").stat().st_size > 0
    assert train(settings, tmp_path, resume=True).metrics["training_samples"] == 80
