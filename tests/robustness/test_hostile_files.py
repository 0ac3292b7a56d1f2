"""Files that mean harm: none runs code, none takes memory or time without bound."""

import gzip
import hashlib
import io
import json
import os
import pickle
import shutil
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from dynapdeploy.chip.image_file import MAGIC, from_bytes, to_bytes
from dynapdeploy.chip.profile import load_profile
from dynapdeploy.data.arrays import read_npy, read_npz
from dynapdeploy.data.cifar10_batches import read_batch
from dynapdeploy.data.mnist import read_idx
from dynapdeploy.data.recording_file import read_recording
from dynapdeploy.errors import DataError, ImageError, ProfileError, SourceError
from dynapdeploy.sources import _load_weights
from dynapdeploy.training.architecture import describe
from dynapdeploy.training.checkpoint import load_checkpoint
from dynapdeploy.training.run import load_run
from dynapdeploy.training.sweep import load_sweep

GOLDEN = Path(__file__).parents[1] / "chip" / "golden" / "two_cores.dynap"
DEEP = "[" * 100_000


class Harm:
    """Unpickled, it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture
def harm(tmp_path):
    """An object that does harm when it is unpickled; fails the test if that happened."""
    path = tmp_path / "harmed"
    yield Harm(path)
    assert not path.exists(), "code of the file has run"


def test_the_harm_is_real(tmp_path):
    pickle.loads(pickle.dumps(Harm(tmp_path / "harmed")))
    assert (tmp_path / "harmed").is_dir()


def test_pickles_as_weights(harm, tmp_path):
    zipped, old, plain = (tmp_path / name for name in ("zipped.pt", "old.pt", "plain.pt"))
    torch.save({"weight": harm}, zipped)
    torch.save({"weight": harm}, old, _use_new_zipfile_serialization=False)
    plain.write_bytes(pickle.dumps({"weight": harm}))
    disguised = tmp_path / "disguised.safetensors"
    shutil.copy(zipped, disguised)
    for file in (zipped, old, plain, disguised):
        with pytest.raises(SourceError, match=file.name):
            _load_weights(nn.Linear(2, 2), file)


def test_pickles_as_data(harm, tmp_path):
    objects = np.array([harm, None], dtype=object)
    np.save(tmp_path / "objects.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "objects.npz", events=objects)
    (tmp_path / "plain.npy").write_bytes(pickle.dumps(harm))
    (tmp_path / "plain.npz").write_bytes(pickle.dumps(harm))
    for name in ("objects.npy", "objects.npz", "plain.npy", "plain.npz"):
        with pytest.raises(DataError, match=name):
            read_recording(tmp_path / name)
    (tmp_path / "batch").write_bytes(pickle.dumps({b"data": harm, b"labels": [1]}))
    with pytest.raises(DataError, match=r"it asks for posix\.mkdir"):
        read_batch(tmp_path / "batch")


def test_pickles_in_place_of_our_own_files(harm, tmp_path):
    for name in ("checkpoint.safetensors", "model.safetensors", "run.json", "sweep.json"):
        (tmp_path / name).write_bytes(pickle.dumps(harm))
    for read in (load_checkpoint, load_run, load_sweep):
        with pytest.raises(SourceError):
            read(tmp_path)
    with pytest.raises(ImageError):
        from_bytes(pickle.dumps(harm))


def npy_header(shape, dtype="<i8"):
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header


@pytest.mark.parametrize(
    "shape", [(10**15,), (2**62, 2**62), (-1,), (1,) * 40, (0, 10**18), "(1.5,)", "x"]
)
def test_arrays_of_absurd_size(tmp_path, shape):
    (tmp_path / "a.npy").write_bytes(npy_header(shape) + bytes(80))
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as packed:
        packed.writestr("events.npy", npy_header(shape) + bytes(80))
    tracemalloc.start()
    for read, name in ((read_npy, "a.npy"), (read_npz, "a.npz"), (read_recording, "a.npy")):
        with pytest.raises(DataError, match=name):
            read(tmp_path / name)
    assert tracemalloc.get_traced_memory()[1] < 50_000_000
    tracemalloc.stop()


def test_files_that_unpack_to_too_much(tmp_path, monkeypatch):
    monkeypatch.setattr("dynapdeploy.data.arrays.LARGEST_ARRAYS", 10**6)
    monkeypatch.setattr("dynapdeploy.data.mnist.LARGEST_FILE", 10**6)
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("events.npy", npy_header((10**6, 4)) + bytes(32 * 10**6))
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(bytes(10**8)))
    tracemalloc.start()
    with pytest.raises(DataError, match="claims more than"):
        read_npz(tmp_path / "bomb.npz")
    with pytest.raises(DataError, match="more than 1,000,000 bytes"):
        read_idx(tmp_path / "bomb.gz", 3)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


def test_a_zip_that_lies_about_its_sizes(tmp_path):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("events.npy", npy_header((1000, 4)) + bytes(32_000))
    broken = content.getvalue().replace(struct.pack("<I", 32_000 + len(npy_header((1000, 4)))),
                                        struct.pack("<I", 100))  # fmt: skip
    assert broken != content.getvalue()
    (tmp_path / "lie.npz").write_bytes(broken)
    with pytest.raises(DataError, match=r"lie\.npz"):
        read_npz(tmp_path / "lie.npz")


@pytest.mark.parametrize("sizes", [(2**32 - 1,) * 3, (0, 2**32 - 1, 2**32 - 1), (2**31, 2, 2)])
def test_idx_of_absurd_size(tmp_path, sizes):
    (tmp_path / "idx").write_bytes(bytes((0, 0, 8, 3)) + struct.pack(">III", *sizes) + bytes(100))
    with pytest.raises(DataError):
        read_idx(tmp_path / "idx", 3)


def test_text_nested_without_end(tmp_path):
    for name in ("run.json", "sweep.json"):
        (tmp_path / name).write_text(DEEP)
    (tmp_path / "model.safetensors").write_bytes(b"")
    (tmp_path / "deep.toml").write_text(f"a = {DEEP}")
    for read in (load_run, load_sweep):
        with pytest.raises(SourceError):
            read(tmp_path)
    with pytest.raises(ProfileError):
        load_profile(str(tmp_path / "deep.toml"))
    header = json.dumps({"__metadata__": {"state": DEEP}}).encode()
    (tmp_path / "checkpoint.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    with pytest.raises(SourceError):
        load_checkpoint(tmp_path)


def safetensors(shape, content=b""):
    entry = {"dtype": "F32", "shape": shape, "data_offsets": [0, len(content)]}
    header = json.dumps({"0.weight": entry}).encode()
    return struct.pack("<Q", len(header)) + header + content


@pytest.mark.parametrize(
    "content",
    [
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 10**9) + b"{}",
        safetensors([2**40, 2**40]),
        safetensors([10**12]),
        safetensors([-1]),
    ],
)
def test_safetensors_of_absurd_size(tmp_path, content):
    file = tmp_path / "w.safetensors"
    file.write_bytes(content)
    (tmp_path / "checkpoint.safetensors").write_bytes(content)
    with pytest.raises(SourceError):
        _load_weights(nn.Linear(2, 2), file)
    with pytest.raises(SourceError):
        load_checkpoint(tmp_path)
    with pytest.raises(ImageError):
        from_bytes(MAGIC + b"1\n" + hashlib.sha256(content).digest() + content)


def run_folder(folder, **changes):
    """A training folder of one small layer, with changes to its record."""
    content = safetensors([2, 2], bytes(16))
    (folder / "model.safetensors").write_bytes(content)
    record = {
        "schema_version": 1,
        "layers": describe(nn.Sequential(nn.Linear(2, 2, bias=False))),
        "input_shape": [1, 1, 2],
        "classes": ["a", "b"],
        "input_coding": {"merge_polarity": True, "pixels": None},
        "settings": {"data": "digits", "model": "digits"},
        "weights_sha256": {"model.safetensors": hashlib.sha256(content).hexdigest()},
        "metrics": {},
    }
    (folder / "run.json").write_text(json.dumps({**record, **changes}))
    return folder


def test_layers_of_absurd_size(tmp_path):
    assert isinstance(load_run(run_folder(tmp_path)).module[0], nn.Linear)
    huge = {"kind": "Linear", "in_features": 10**6, "out_features": 10**6, "bias": False}
    for layers in ([huge], [{**huge, "in_features": 10**30}], [{"kind": "Linear"}], 3, [3], "x"):
        with pytest.raises(SourceError):
            load_run(run_folder(tmp_path, layers=layers))


@pytest.mark.parametrize("name", ["classes", "input_shape", "input_coding", "settings", "metrics"])
@pytest.mark.parametrize("value", [None, 3, "x", [[]], {"a": {}}, [1e400], {"": -1}])
def test_records_of_wrong_types(tmp_path, name, value):
    try:
        found = load_run(run_folder(tmp_path, **{name: value}))
    except SourceError:
        return
    assert all(isinstance(label, str) for label in found.classes)


def test_older_and_newer_versions_are_named(tmp_path):
    golden = GOLDEN.read_bytes()
    with pytest.raises(ImageError, match="schema '7' is unknown"):
        from_bytes(golden.replace(b"schema 1\n", b"schema 7\n", 1))
    with pytest.raises(SourceError, match="schema version"):
        load_run(run_folder(tmp_path, schema_version=7))
    (tmp_path / "sweep.json").write_text('{"schema_version": 7, "rows": []}')
    with pytest.raises(SourceError, match="schema version 7 is unknown"):
        load_sweep(tmp_path)


def test_flips_of_a_large_image():
    """10,000 single-bit flips at random places, and 200 truncations."""
    image = from_bytes(GOLDEN.read_bytes())
    core = image.cores[0]
    random = np.random.default_rng(0)
    from dataclasses import replace

    from dynapdeploy import ChipImage, CoreImage, Destination

    shape = (64, 16, 5, 5)
    large = CoreImage(
        **{
            **{name: getattr(core, name) for name in ("core", "name", "threshold_high")},
            "weights": random.integers(-128, 128, shape).astype(np.int8),
            "input_shape": (16, 20, 20),
            "output_shape": (64, 16, 16),
            "stride": (1, 1),
            "padding": (0, 0),
            "threshold_low": core.threshold_low,
            "return_to_zero": False,
            "destinations": (Destination(None),),
        }
    )
    content = to_bytes(ChipImage(image.device, (large,), (large.core,)))
    assert len(content) > 25_000 and replace(large) is not None
    from_bytes(content)
    missed = 0
    for place in random.integers(0, 8 * len(content), 10_000).tolist():
        flipped = bytearray(content)
        flipped[place // 8] ^= 1 << place % 8
        try:
            from_bytes(bytes(flipped))
            missed += 1
        except ImageError:
            continue
    for length in random.integers(0, len(content), 200).tolist():
        with pytest.raises(ImageError):
            from_bytes(content[:length])
    assert missed == 0
