"""A disk that is full, a limit on the size of files, a folder that cannot be written."""

import os
import resource
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from dynapdeploy.errors import OutputError
from dynapdeploy.files import replacing, write_bytes

ROOT = Path(__file__).parents[2]


@contextmanager
def largest_file(size: int):
    """No file may grow beyond ``size`` bytes: writing fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def run(code: str, folder: Path) -> subprocess.CompletedProcess:
    """Code in a process whose files may have 20,000 bytes; ``folder`` is its first argument."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
    return subprocess.run(
        [sys.executable, "-c", limit + code, str(folder)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "MPLCONFIGDIR": str(folder.parent)},
    )


def test_the_old_file_stays(tmp_path):
    file = tmp_path / "result.bin"
    write_bytes(file, b"old")
    with largest_file(1000):
        write_bytes(file, b"n" * 1000)
        with pytest.raises(OutputError, match=r"cannot write .*result.bin: File too large"):
            write_bytes(file, b"x" * 1001)
    assert file.read_bytes() == b"n" * 1000
    assert [path.name for path in tmp_path.iterdir()] == ["result.bin"]


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 KiB, where this process may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True)
    except OSError as fault:
        pytest.skip(f"no mount here: {fault}")
    if done.returncode:
        pytest.skip(f"may not mount a small file system: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk(small_disk):
    file = small_disk / "result.bin"
    write_bytes(file, b"old")
    with pytest.raises(OutputError, match=r"cannot write .*result.bin: No space left on device"):
        write_bytes(file, bytes(100_000))
    assert file.read_bytes() == b"old"
    assert [path.name for path in small_disk.iterdir()] == ["result.bin"]


def test_a_full_disk_stops_training_with_one_message(small_disk, tmp_path):
    from tiny_recordings import write_net, write_recordings

    from dynapdeploy.training.settings import TrainingSettings
    from dynapdeploy.training.trainer import train

    settings = TrainingSettings(
        data=f"nmnist:{write_recordings(tmp_path / 'data')}",
        model=write_net(tmp_path),
        epochs=1,
        finetune=False,
        target_ratio=0.8,
        threads=1,
    )
    (small_disk / "filler").write_bytes(bytes(57_344))
    with pytest.raises(OutputError, match=r"cannot write .*No space left on device"):
        train(settings, small_disk)
    assert [path.name for path in small_disk.iterdir()] == ["filler"]


def test_a_folder_that_cannot_be_written(tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir()
    (folder / "old").write_bytes(b"old")
    folder.chmod(0o500)
    if os.access(folder, os.W_OK):
        pytest.skip("this user may write everywhere")
    with pytest.raises(OutputError, match="denied"):
        write_bytes(folder / "old", b"new")
    assert (folder / "old").read_bytes() == b"old"


def test_a_read_only_disk(small_disk):
    (small_disk / "old").write_bytes(b"old")
    remount = ["mount", "-o", "remount,ro", str(small_disk)]
    subprocess.run(remount, check=True)
    with pytest.raises(OutputError, match="Read-only file system"):
        write_bytes(small_disk / "old", b"new")
    assert (small_disk / "old").read_bytes() == b"old"


def test_a_writer_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "result") as temporary:
        temporary.write_bytes(b"half")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_checkpoint_and_plots_obey_too(tmp_path):
    place = tmp_path / "out"
    place.mkdir()
    (place / "losses.png").write_bytes(b"old")
    (place / "checkpoint.safetensors").write_bytes(b"old")
    code = """
import sys
from pathlib import Path
import torch
from dynapdeploy.errors import OutputError
from dynapdeploy.training.checkpoint import Checkpoint, save_checkpoint
from dynapdeploy.training.plots import plot_losses
folder = Path(sys.argv[1])
weights = {"weight": torch.zeros(100_000)}
try:
    save_checkpoint(folder, Checkpoint("qrelu", 1, {}, (), {}, weights, {}))
except OutputError as fault:
    print(fault)
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 20_000))
from dynapdeploy.training.metrics import EpochMetrics
try:
    plot_losses(folder / "losses.png", [EpochMetrics("qrelu", 1, 1., 1., 0., None, 1., 1.)] * 3)
except OutputError as fault:
    print(fault)
"""
    done = run(code, place)
    lines = done.stdout.splitlines()
    assert len(lines) == 2, done.stderr
    assert "checkpoint.safetensors" in lines[0] and "losses.png" in lines[1]
    assert {path.name: path.read_bytes() for path in place.iterdir()} == {
        "losses.png": b"old",
        "checkpoint.safetensors": b"old",
    }


def test_nir_on_a_full_disk(small_disk):
    from dynapdeploy.graph import write_nir
    from dynapdeploy.graph.graph import Graph
    from dynapdeploy.graph.nodes import Input, Linear, Output

    nodes = {"in": Input((100, 1, 1)), "fc": Linear(np.ones((400, 100))), "out": Output()}
    graph = Graph(nodes, {"fc": ("in",), "out": ("fc",)}, "wide")
    with pytest.raises(OutputError, match=r"wide.nir: No space left on device"):
        write_nir(graph, small_disk / "wide.nir")
    assert list(small_disk.iterdir()) == []
