"""Options of ``dynapdeploy train`` that reach the run."""

import errno
import json
from dataclasses import fields
from pathlib import Path

import pytest
from click.testing import CliRunner

from dynapdeploy.cli.train import command
from dynapdeploy.errors import InputError, OutputError
from dynapdeploy.report.training import STAGES, stage_table
from dynapdeploy.training.run import load_run
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
    alone = stage_table({"stages": {"emulator": figures}})
    assert list(alone.columns[0].cells) == ["emulator"]
    undone = stage_table({"stages": {"emulator": {**figures, "tuning": "did not help, undone"}}})
    assert list(undone.columns[0].cells) == ["emulator (fine-tuning did not help, undone)"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--no-finetune", "--finetune-epochs", "5"], "--finetune-epochs goes with fine-tuning"),
        (["--no-finetune", "--finetune-samples", "5"], "--finetune-samples goes with"),
        (["--mode", "nopenalty", "--penalty", "2"], "--penalty is of no use"),
        (["--mode", "weightscale", "--target-energy", "1e-6"], "--target-energy is of no use"),
        (["--devices", "0"], "x>=1"),
        (["--devices", "many"], "many"),
    ],
)
def test_options_that_others_leave_without_effect(tmp_path, options, said):
    net = ["--data", "digits", "--model", "digits", "-o", str(tmp_path / "run")]
    result = CliRunner().invoke(command, [*net, *options])
    assert result.exit_code == 2 and said in result.output
    assert not (tmp_path / "run").exists()


def test_targets_below_the_input_are_refused_in_their_own_unit(tmp_path):
    settings = TrainingSettings(data="digits", model="digits", limit=60, target_energy_j=1e-7)
    with pytest.raises(InputError, match=r"target_energy_j 1e-07 is 10,000 SynOps .* \d\.\d+e-07$"):
        train(settings, tmp_path)


def test_plots_that_find_no_room_cost_the_plots_only(tmp_path, monkeypatch):
    from dynapdeploy.training import trainer

    def full(path, rows):
        raise OutputError(f"cannot write {path}: No space left on device")

    monkeypatch.setattr(trainer, "plot_losses", full)
    settings = TrainingSettings(data="digits", model="digits", epochs=1, limit=60, finetune=False)
    with pytest.raises(OutputError, match=r"losses\.png"):
        train(settings, tmp_path)
    assert load_run(tmp_path).metrics["training_samples"] == 60


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


def test_the_command_and_python_have_the_same_defaults():
    known = {field.name: field.default for field in fields(TrainingSettings)}
    shown = {option.name: option.default for option in command.params if option.name in known}
    both = {name: default for name, default in shown.items() if type(default) is type(known[name])}
    assert both == {name: known[name] for name in both}
    assert {"finetune_epochs", "finetune_samples", "seed"} <= set(both)
