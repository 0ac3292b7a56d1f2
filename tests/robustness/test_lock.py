"""Two processes and one output folder."""

import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from dynapdeploy import lock
from dynapdeploy.errors import OutputError
from dynapdeploy.lock import LOCK, locked_folder

HOLDER = """
import sys, time
from dynapdeploy.lock import locked_folder
with locked_folder(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that works in ``tmp_path``."""
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=root
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_the_second_process_is_refused_and_told_by_whom(holder, tmp_path):
    with (
        pytest.raises(OutputError, match=f"process {holder.pid} on .* works in this folder"),
        locked_folder(tmp_path, wait_s=0),
    ):
        pytest.fail("two processes in one folder")


def test_the_lock_of_a_killed_process_is_free(holder, tmp_path):
    os.kill(holder.pid, signal.SIGKILL)
    with locked_folder(tmp_path) as folder:
        assert folder == tmp_path
        assert (tmp_path / LOCK).read_text().startswith(f"process {os.getpid()} on ")


def test_a_process_that_ends_in_time_is_waited_for(tmp_path):
    script = HOLDER.replace("60", "0.3")
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=root
    )
    assert process.stdout.readline() == "held\n"
    with locked_folder(tmp_path, wait_s=20):
        pass
    process.communicate()
    assert process.returncode == 0


def test_many_at_once_never_overlap(tmp_path):
    script = (
        "import sys, os\n"
        "from dynapdeploy.lock import locked_folder\n"
        "for _ in range(30):\n"
        "    with locked_folder(sys.argv[1], wait_s=60) as folder:\n"
        "        handle = os.open(folder / 'alone', os.O_CREAT | os.O_EXCL)\n"
        "        os.close(handle)\n"
        "        os.unlink(folder / 'alone')\n"
    )
    root = Path(__file__).parents[2]
    several = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], cwd=root) for _ in range(3)
    ]
    assert [process.wait(timeout=120) for process in several] == [0, 0, 0]


def test_nothing_is_left_but_what_belongs_to_others(tmp_path):
    (tmp_path / ".model.safetensors.abcd1234.part").touch()
    (tmp_path / ".holiday.zip.abcd1234.part").touch()
    with locked_folder(tmp_path, ["model.safetensors"]):
        names = {path.name for path in tmp_path.iterdir()}
        assert names == {LOCK, ".holiday.zip.abcd1234.part"}
    assert [path.name for path in tmp_path.iterdir()] == [".holiday.zip.abcd1234.part"]
    with pytest.raises(KeyError), locked_folder(tmp_path):
        raise KeyError
    assert not (tmp_path / LOCK).exists()


def test_a_file_system_without_locks_is_said(tmp_path, monkeypatch):
    import fcntl

    def none(handle, how):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", none)
    with (
        pytest.warns(UserWarning, match="this file system knows no locks"),
        locked_folder(tmp_path),
    ):
        pass


def test_no_wait_where_nobody_is(tmp_path, monkeypatch):
    monkeypatch.setattr(lock.time, "sleep", lambda s: pytest.fail("it waited"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with locked_folder(tmp_path / "new" / "folder") as folder:
            assert folder.is_dir()
