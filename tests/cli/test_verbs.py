"""Each verb does its work, with the exit codes and the JSON of the contract."""

import json

import pytest

from dynapdeploy import load_image
from dynapdeploy.cli.main import VERBS


def test_every_verb_has_help_with_examples(dynapdeploy):
    for verb in VERBS:
        result = dynapdeploy(verb, "--help")
        assert result.code == 0
        assert "Example" in result.out, verb


def test_help_and_version(dynapdeploy):
    shown = dynapdeploy("--help")
    assert shown.code == 0
    assert all(verb in shown.out for verb in VERBS)
    assert dynapdeploy("--version").out.startswith("dynapdeploy, version 0.")


def test_check_of_a_net_that_fits(dynapdeploy, net_file):
    words = ("check", f"{net_file}:good", "--input-shape", "2,20,20", "--format", "json")
    result = dynapdeploy(*words)
    document = json.loads(result.out)
    assert result.code == 0
    assert (document["command"], document["status"]) == ("check", "fits")
    assert document["device"] == "speck2fdevkit"
    assert [row["layer"] for row in document["layers"]] == ["0", "4"]
    for row in document["layers"]:
        assert isinstance(row["core"], int)
        assert {"kernel_memory", "neuron_memory"} <= set(row)


def test_check_of_the_all_convnet_says_which_layers_do_not_fit_and_why(dynapdeploy):
    result = dynapdeploy("check", "all_convnet", "--device", "speck2fdevkit", "--format", "json")
    document = json.loads(result.out)
    assert result.code == 1
    assert document["status"] == "does_not_fit"
    errors = [d for d in document["diagnostics"] if d["severity"] == "error"]
    assert {d["rule"] for d in errors} == {"DYN021", "DYN022"}
    assert len({d["layer"] for d in errors}) == 7
    for diagnostic in errors:
        assert diagnostic["message"]
        assert diagnostic["fix"]
        assert diagnostic["actual"] > diagnostic["limit"]
    shown = dynapdeploy("check", "all_convnet")
    assert shown.code == 1
    assert "does not fit" in shown.out


@pytest.mark.parametrize(
    ("factory", "rule"),
    [
        ("max_pooling", "DYN030"),
        ("biased", "DYN050"),
        ("rectangular", "DYN010"),
        ("sigmoid", "DYN001"),
        ("forty", "DYN020"),
    ],
)
def test_a_net_that_does_not_fit_is_not_written(dynapdeploy, net_file, tmp_path, factory, rule):
    path = tmp_path / "never.dynap"
    words = (f"{net_file}:{factory}", "--input-shape", "2,20,20")
    assert rule in dynapdeploy("check", *words).out
    result = dynapdeploy("convert", *words, "-o", path)
    assert result.code == 1
    assert "nothing was written" in result.err
    assert list(tmp_path.iterdir()) == []


def test_a_bias_is_accepted_where_the_user_says_so(dynapdeploy, net_file, tmp_path):
    words = (f"{net_file}:biased", "--input-shape", "2,20,20", "--allow-bias")
    result = dynapdeploy("convert", *words, "-o", tmp_path / "leak.dynap")
    assert result.code == 0
    assert "DYN051" in result.out


def test_convert_estimate_and_flash(dynapdeploy, net_file, recording_file, tmp_path):
    image = tmp_path / "good.dynap"
    words = (f"{net_file}:good", "--input-shape", "2,20,20", "-o", image, "--format", "json")
    converted = json.loads(dynapdeploy("convert", *words).out)
    assert converted["status"] == "done"
    assert image.exists()

    result = dynapdeploy(
        "estimate", image, "--data", f"events:{recording_file}", "--format", "json"
    )
    document = json.loads(result.out)
    assert result.code == 0
    assert document["samples"] == 1
    assert document["accuracy"] is None
    assert document["synops_per_sample"] > 0
    per_layer = sum(layer["synops_per_sample"] for layer in document["layers"])
    assert per_layer == document["synops_per_sample"]
    energy = document["energy"]
    assert energy["joules_per_synop"]["value"] == 1e-11
    assert energy["dynamic_j_per_sample"]["mode"] == "predicted"
    assert energy["dynamic_j_per_sample"]["value"] == pytest.approx(per_layer * 1e-11)

    flashed = dynapdeploy("flash", image, "--device", "speck2fdevkit", "--format", "json")
    document = json.loads(flashed.out)
    assert flashed.code == 0
    assert flashed.err.count("Running the emulator instead") == 1
    assert document["target"] == "emulator"
    assert document["self_test"]["identical"] is True


def test_flash_without_fallback_says_what_is_missing(dynapdeploy, image_file):
    result = dynapdeploy("flash", image_file, "--device", "speck2fdevkit", "--no-fallback")
    assert result.code == 3
    assert "samna" in result.err


def test_flash_refuses_a_chip_the_image_was_not_made_for(dynapdeploy, image_file):
    for device in ("speck2e", "unbounded", "speck2b"):
        result = dynapdeploy("flash", image_file, "--device", device)
        assert result.code == 1
        assert device in result.err


def test_devices_lists_none_and_says_how_to_install_samna(dynapdeploy):
    result = dynapdeploy("devices", "--format", "json")
    document = json.loads(result.out)
    assert result.code == 0
    assert document["boards"] == []
    assert document["samna"]["state"] in ("absent", "stub")
    assert "pip install" in document["install"]


def test_profiles(dynapdeploy):
    document = json.loads(dynapdeploy("profiles", "--format", "json").out)
    assert "speck2fdevkit" in [profile["name"] for profile in document["profiles"]]
    assert "65,536" in dynapdeploy("profiles", "speck2fdevkit").out


def test_count_of_a_model_and_of_an_image(dynapdeploy, image_file, net_file):
    model = json.loads(dynapdeploy("count", "all_convnet", "--format", "json").out)
    assert model["parameters"] == 1_617_312
    words = (f"{net_file}:good", "--input-shape", "2,20,20", "--format", "json")
    net = json.loads(dynapdeploy("count", *words).out)
    image = json.loads(dynapdeploy("count", image_file, "--format", "json").out)
    assert net["neurons"] == image["neurons"] == 4 * 18 * 18 + 10
    assert net["parameters"] == image["parameters"]


def test_export_to_sinabs_and_nir(dynapdeploy, net_file, tmp_path):
    words = (f"{net_file}:good", "--input-shape", "2,20,20")
    assert dynapdeploy("export", *words, "--to", "nir", "-o", tmp_path / "good.nir").code == 0
    assert dynapdeploy("export", *words, "--to", "sinabs", "-o", tmp_path / "good.py").code == 0
    assert dynapdeploy("check", tmp_path / "good.nir").code == 0
    assert (
        dynapdeploy("check", f"{tmp_path / 'good.py'}:build", "--input-shape", "2,20,20").code == 0
    )


def test_an_exported_nir_file_has_scales_and_gives_the_same_image(dynapdeploy, tmp_path):
    import nir

    path, exported = tmp_path / "nets.py", tmp_path / "net.nir"
    path.write_text(
        "import torch\nfrom torch import nn\n\ndef normed():\n    torch.manual_seed(0)\n"
        "    norm = nn.BatchNorm2d(4)\n    nn.init.uniform_(norm.weight)\n"
        "    return nn.Sequential(nn.Conv2d(2, 4, 3, bias=False), nn.Dropout2d(), norm,\n"
        "        nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(36, 3, bias=False))\n"
    )
    words = (f"{path}:normed", "--input-shape", "2,8,8")
    assert dynapdeploy("export", *words, "--to", "nir", "-o", exported).code == 0
    whole = nir.read(exported)
    for layer in ("0", "6"):
        assert whole.metadata["dynapdeploy"][layer]["bits"] == 8
        assert whole.metadata["dynapdeploy"][layer]["scale"] > 0
    images = []
    for source in (words, (exported,)):
        target = tmp_path / f"{len(images)}.dynap"
        assert dynapdeploy("convert", *source, "-o", target).code == 0
        images.append(load_image(target))
    for before, after in zip(images[0].cores, images[1].cores, strict=True):
        assert (after.core, after.name, after.threshold_high) == (
            before.core,
            before.name,
            before.threshold_high,
        )
        assert after.weights.tolist() == before.weights.tolist()
        assert after.destinations == before.destinations


def test_jitter_is_reported_as_mean_and_range(dynapdeploy, image_file, recording_file):
    words = ("estimate", image_file, "--data", f"events:{recording_file}", "--jitter", "3")
    document = json.loads(dynapdeploy(*words, "--format", "json").out)
    synops = document["jitter"]["synops_per_sample"]
    assert synops["low"] <= synops["mean"] <= synops["high"]
