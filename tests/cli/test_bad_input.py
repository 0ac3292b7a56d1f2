"""Bad input: one message that names the thing, the contract's exit code, nothing half-written."""

import pickle
import zipfile

import numpy as np
import pytest


def assert_refused(result, code, *words):
    assert result.code == code, result.err
    messages = [line for line in result.err.splitlines() if line.startswith("error:")]
    assert len(messages) == 1, result.err
    assert "Traceback" not in result.err
    for word in words:
        assert str(word) in result.err


@pytest.mark.parametrize("content", [None, b"", b"\x89HDF\r\n\x1a\n\0\0", b"hello, not a network"])
def test_damaged_nir_files(dynapdeploy, tmp_path, content):
    path = tmp_path / "net.nir"
    if content is not None:
        path.write_bytes(content)
    assert_refused(dynapdeploy("check", path), 2, "net.nir")


def test_a_file_that_is_no_source(dynapdeploy, tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(b"onnx")
    assert_refused(dynapdeploy("check", path), 2, "net.onnx", ".nir")


def test_a_folder_that_is_no_training_run(dynapdeploy, tmp_path):
    assert_refused(dynapdeploy("convert", tmp_path, "-o", tmp_path / "x.dynap"), 2, "run.json")


def test_an_unknown_source_suggests_the_nearest_model(dynapdeploy):
    assert_refused(dynapdeploy("check", "mnist_dv"), 2, "Did you mean mnist_dvs?")


@pytest.mark.parametrize(
    ("factory", "words"),
    [
        ("nothing", ["no function nothing"]),
        ("value", ["no function value"]),
        ("broken", ["RuntimeError", "no weights today"]),
        ("number", ["number"]),
    ],
)
def test_factories_that_give_no_network(dynapdeploy, net_file, factory, words):
    result = dynapdeploy("check", f"{net_file}:{factory}", "--input-shape", "2,20,20")
    assert_refused(result, 2, *words)


def test_a_factory_file_with_a_fault(dynapdeploy, tmp_path):
    (tmp_path / "bad.py").write_text("def build(:\n")
    assert_refused(dynapdeploy("check", f"{tmp_path}/bad.py:build"), 2, "bad.py", "SyntaxError")
    assert_refused(dynapdeploy("check", f"{tmp_path}/none.py:build"), 2, "none.py")


def test_a_model_without_weights_is_not_converted(dynapdeploy, tmp_path):
    path = tmp_path / "x.dynap"
    assert_refused(dynapdeploy("convert", "mnist_dvs", "-o", path), 2, "without weights")
    assert not path.exists()


class Bomb:
    def __reduce__(self):
        return (exec, ("raise SystemExit('the pickle ran')",))


def test_weights_that_are_none(dynapdeploy, net_file, tmp_path):
    words = ("check", f"{net_file}:good", "--input-shape", "2,20,20", "--weights")
    assert_refused(dynapdeploy(*words, tmp_path / "none.pt"), 2, "none.pt")
    for name in ("empty.pt", "empty.safetensors"):
        (tmp_path / name).write_bytes(b"")
        assert_refused(dynapdeploy(*words, tmp_path / name), 2, name)
    (tmp_path / "foreign.pt").write_bytes(b"some text that is no weights")
    assert_refused(dynapdeploy(*words, tmp_path / "foreign.pt"), 2, "foreign.pt")
    (tmp_path / "bomb.pt").write_bytes(pickle.dumps(Bomb()))
    assert_refused(dynapdeploy(*words, tmp_path / "bomb.pt"), 2, "bomb.pt")
    with zipfile.ZipFile(tmp_path / "bomb2.pt", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Bomb(), protocol=2))
        archive.writestr("archive/version", "3")
    assert_refused(dynapdeploy(*words, tmp_path / "bomb2.pt"), 2, "bomb2.pt")


def test_weights_that_do_not_fit(dynapdeploy, net_file, tmp_path):
    import torch

    torch.save({"0.weight": torch.zeros(4, 2, 5, 5)}, tmp_path / "other.pt")
    words = ("check", f"{net_file}:good", "--input-shape", "2,20,20")
    result = dynapdeploy(*words, "--weights", tmp_path / "other.pt")
    assert_refused(result, 2, "other.pt", "0.weight")


@pytest.mark.parametrize("shape", ["2,20", "2,20,x", "0,20,20", "2,20,20,20", "-1,2,3"])
def test_an_input_shape_that_is_none(dynapdeploy, net_file, shape):
    result = dynapdeploy("check", f"{net_file}:good", f"--input-shape={shape}")
    assert result.code == 2
    assert shape in result.err


@pytest.mark.parametrize("shape", ["1,20,20", "2,3,3", "2,40,40"])
def test_an_input_shape_that_does_not_fit_the_weights(dynapdeploy, net_file, shape):
    words = ("check", f"{net_file}:good", "--input-shape", shape)
    assert_refused(dynapdeploy(*words), 2, f"{net_file}:good")


def test_a_missing_input_shape_is_asked_for(dynapdeploy, net_file):
    assert_refused(dynapdeploy("check", f"{net_file}:good"), 2, "--input-shape")


def test_an_unknown_device_lists_the_known(dynapdeploy, net_file):
    words = ("check", f"{net_file}:good", "--input-shape", "2,20,20", "--device", "speck2f")
    assert_refused(dynapdeploy(*words), 2, "Did you mean", "speck2fdevkit", "speck2dmini")


def test_an_unknown_verb_and_option(dynapdeploy):
    result = dynapdeploy("chekc", "x")
    assert result.code == 2
    assert "check" in result.err
    assert dynapdeploy("check", "x", "--colour").code == 2
    assert dynapdeploy("check").code == 2


def test_changed_images(dynapdeploy, image_file, tmp_path):
    content = bytearray(image_file.read_bytes())
    content[len(content) // 2] ^= 4
    changed = tmp_path / "changed.dynap"
    changed.write_bytes(content)
    for words in (
        ("flash", changed, "--device", "speck2fdevkit"),
        ("estimate", changed, "--data", "digits"),
        ("count", changed),
    ):
        assert_refused(dynapdeploy(*words), 2, "changed.dynap", "checksum")
    missing = tmp_path / "missing.dynap"
    assert_refused(dynapdeploy("flash", missing, "--device", "speck2fdevkit"), 2, "missing.dynap")


@pytest.mark.parametrize(
    "spec", ["nmist:x", "digits:here", "nmnist", "nmnist:/nowhere/at/all", "events:/nowhere.npz"]
)
def test_data_that_is_not_there(dynapdeploy, image_file, spec):
    result = dynapdeploy("estimate", image_file, "--data", spec)
    assert_refused(result, 2, spec.rpartition(":")[2])


def test_data_that_does_not_match_the_image(dynapdeploy, net_file, tmp_path):
    import dynapdeploy as package

    path = tmp_path / "other.dynap"
    package.convert(f"{net_file}:biased", input_shape=(2, 30, 30), allow_bias=True).save(path)
    result = dynapdeploy("estimate", path, "--data", "digits")
    assert_refused(result, 1, "2x20x20", "2x30x30")


def test_events_outside_the_map(dynapdeploy, image_file, tmp_path):
    from dynapdeploy.events import make_events

    np.save(tmp_path / "outside.npy", make_events([0, 1], [3, 25], [3, 3], [0, 1]))
    words = ("estimate", image_file, "--data", f"events:{tmp_path / 'outside.npy'}")
    result = dynapdeploy(*words)
    assert result.code in (1, 2)
    assert "Traceback" not in result.err
    assert "26" in result.err or "25" in result.err


@pytest.mark.parametrize("where", ["nowhere/x.dynap", "."])
def test_an_output_that_cannot_be_written(dynapdeploy, net_file, tmp_path, where):
    words = ("convert", f"{net_file}:good", "--input-shape", "2,20,20", "-o", tmp_path / where)
    assert_refused(dynapdeploy(*words), 2, "cannot write")
    assert list(tmp_path.iterdir()) == []


def test_an_error_leaves_the_old_image_as_it_was(dynapdeploy, net_file, tmp_path):
    path = tmp_path / "old.dynap"
    path.write_bytes(b"old")
    words = ("convert", f"{net_file}:biased", "--input-shape", "2,20,20", "-o", path)
    assert dynapdeploy(*words).code == 1
    assert path.read_bytes() == b"old"


def test_debug_shows_the_traceback(dynapdeploy):
    result = dynapdeploy("check", "nothing-here", "--debug")
    assert result.code == 2
    assert "Traceback" in result.err


def test_a_device_is_not_written_over(dynapdeploy, net_file, tmp_path):
    import os

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    words = ("convert", f"{net_file}:good", "--input-shape", "2,20,20", "-o", pipe)
    assert_refused(dynapdeploy(*words), 2, "pipe", "no plain file")
    assert pipe.is_fifo()


def test_a_source_is_not_written_over(dynapdeploy, net_file, tmp_path):
    path = tmp_path / "net.nir"
    words = (f"{net_file}:good", "--input-shape", "2,20,20")
    assert dynapdeploy("export", *words, "--to", "nir", "-o", path).code == 0
    before = path.read_bytes()
    assert_refused(dynapdeploy("convert", path, "-o", path), 2, "net.nir", "input")
    assert path.read_bytes() == before


def test_a_factory_that_exits(dynapdeploy, tmp_path):
    (tmp_path / "quits.py").write_text("def build():\n    raise SystemExit(0)\n")
    assert_refused(dynapdeploy("check", f"{tmp_path}/quits.py:build"), 2, "SystemExit")


@pytest.mark.parametrize("value", ["nan", "inf", "1e300"])
def test_numbers_that_are_none(dynapdeploy, image_file, value):
    result = dynapdeploy("estimate", image_file, "--data", "digits", "--window", value)
    assert result.code == 2
    assert value in result.err


def test_the_input_beside_other_channels(dynapdeploy, tmp_path):
    (tmp_path / "skip.py").write_text(
        """
import torch
from torch import nn


class Skip(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(2, 4, 3, padding=1, bias=False)
        self.b = nn.Conv2d(6, 4, 3, padding=1, bias=False)

    def forward(self, x):
        return torch.relu(self.b(torch.cat([x, torch.relu(self.a(x))], 1)))


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(2, 1, 1, bias=False)

    def forward(self, x):
        return torch.relu(self.c(torch.cat([x, x + x], 1)))
"""
    )
    for name, shape in (("Skip", "2,8,8"), ("Twice", "1,4,4")):
        words = (f"{tmp_path}/skip.py:{name}", "--device", "unbounded", "--input-shape", shape)
        result = dynapdeploy("check", *words)
        assert (result.code, "DYN001" in result.out) == (1, True)
        assert dynapdeploy("convert", *words, "-o", tmp_path / "never.dynap").code == 1
