"""``check --suggest``, ``convert --calibrate``, ``--picture`` and ``--core``."""

import json

import pytest


def test_suggest_gives_changes_and_their_cost(dynapdeploy, net_file):
    result = dynapdeploy("check", f"{net_file}:rectangular", "--input-shape", "2,8,8", "--suggest")
    assert result.code == 1
    assert "0: a 5x5 kernel" in result.out
    assert "parameters 120 to 200" in result.out


def test_suggest_as_json(dynapdeploy, net_file):
    words = ("--input-shape", "2,20,20", "--suggest", "--format", "json")
    content = json.loads(dynapdeploy("check", f"{net_file}:biased", *words).out)
    suggestion = content["suggestion"]
    assert suggestion["changes"] == [{"layer": "0", "what": "bias", "value": None}]
    assert suggestion["synops_ratio"] == {"value": 1.0, "unit": "1", "mode": "predicted"}
    assert content["diagnostics"][0]["changes"] == suggestion["changes"]
    fits = dynapdeploy("check", f"{net_file}:good", *words).out
    assert json.loads(fits)["suggestion"]["changes"] == []
    none = dynapdeploy("check", f"{net_file}:sigmoid", *words).out
    assert json.loads(none)["suggestion"] is None


def test_calibrate_prints_before_and_after(dynapdeploy, net_file, tmp_path):
    image, picture = tmp_path / "net.dynap", tmp_path / "chip.png"
    words = (
        "--input-shape",
        "2,20,20",
        "-o",
        image,
        "--calibrate",
        "digits",
        "--calibrate-limit",
        3,
    )
    result = dynapdeploy("convert", f"{net_file}:good", *words, "--picture", picture)
    assert result.code == 0
    assert "before" in result.out and "after" in result.out
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_picture_takes_any_name(tmp_path):
    import numpy as np

    from dynapdeploy.chip.compile import compile_graph
    from dynapdeploy.chip.profile import load_profile
    from dynapdeploy.graph.graph import chain
    from dynapdeploy.graph.nodes import Conv2d, Input, Output, ReLU
    from dynapdeploy.report.chip_picture import draw_chip

    nodes: dict = {"input": Input((1, 4, 4))}
    for i, name in enumerate((r"$\frac{$", "x" * 500, "<b>")):
        nodes |= {name: Conv2d(np.ones((1, 1, 1, 1))), f"relu{i}": ReLU()}
    graph = chain({**nodes, "output": Output()}, "$a_$" * 100)
    for device in ("speck2fdevkit", "unbounded"):
        draw_chip(compile_graph(graph, load_profile(device)), tmp_path / "chip.png")
        assert (tmp_path / "chip.png").read_bytes().startswith(b"\x89PNG")


def test_a_core_for_a_layer_that_is_not_there(dynapdeploy, net_file):
    words = ("--input-shape", "2,20,20", "--core", "conv9=3")
    result = dynapdeploy("check", f"{net_file}:good", *words)
    assert result.code == 2
    assert "there is no layer conv9" in result.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--percentile", 90), "--percentile goes with --normalise"),
        (("--normalise-level", 5), "--normalise-level goes with --normalise"),
        (("--calibrate-limit", 5), "--calibrate-limit goes with --calibrate"),
        (("--calibrate-seed", 5), "--calibrate-seed goes with --calibrate"),
        (("--calibrate", "digits", "--quantizer", "sinabs"), "for the default quantizer"),
        (("--sensor", "merged", "--merge-polarity"), "--merge-polarity has no say"),
        (("--sensor", "merged", "--events-per-unit", 1), "--events-per-unit has no say"),
    ],
)
def test_options_that_would_be_ignored_are_refused(dynapdeploy, net_file, tmp_path, words, told):
    image = tmp_path / "net.dynap"
    shape = ("--input-shape", "2,20,20")
    result = dynapdeploy("convert", f"{net_file}:good", *shape, "-o", image, *words)
    assert result.code == 2
    assert told in result.err
    assert not image.exists()


def test_names_with_brackets_are_shown_as_they_are(dynapdeploy, tmp_path):
    path = tmp_path / "odd[bold].py"
    path.write_text(
        "from collections import OrderedDict\n"
        "from torch import nn\n"
        "def build():\n"
        "    conv = nn.Conv2d(2, 4, 3, bias=False)\n"
        "    return nn.Sequential(OrderedDict([('[/red]', conv), ('r', nn.ReLU())]))\n"
    )
    words = (f"{path}:build", "--input-shape", "2,8,8")
    shown = dynapdeploy("check", *words)
    assert shown.code == 0, shown.err
    assert "[/red]" in shown.out
    assert "odd[bold].py:build fits speck2fdevkit" in shown.out
    assert dynapdeploy("convert", *words, "-o", tmp_path / "odd.dynap").code == 0
    assert "[/red]" in dynapdeploy("count", *words).out
