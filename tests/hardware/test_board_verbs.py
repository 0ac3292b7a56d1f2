"""The verbs that drive boards, as a user calls them, with the stand-in under samna's name."""

import json
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
from boards import FAST, HERE, REAL, chain, some_events
from samna_double import Double, Faults, installed

from dynapdeploy.cli import main
from dynapdeploy.hardware import opening


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flash")
    image = chain(device=REAL)
    image.save(folder / "chain.dynap")
    for name, duration in (("short", 20_000), ("long", 60_000_000)):
        events = some_events(image, 400, duration)
        for field, size in zip("pyx", image.input_shape, strict=True):
            events[field][0] = size - 1
        np.savez(folder / f"{name}.npz", events=events)
    return folder


@pytest.fixture
def run(folder, monkeypatch, capsys):
    """The command line in this process, with the double under samna's name and a fast clock."""

    def run(*arguments, boards=("Speck2fDevKit",), faults=()):
        monkeypatch.setattr(opening, "TIMING", FAST)
        words = [str(a).format(folder=folder) for a in arguments]
        monkeypatch.setattr(sys, "argv", ["dynapdeploy", *words])
        double = Double(boards, [Faults(**each) for each in faults], now=FAST.now)
        with installed(double), pytest.raises(SystemExit) as stop:
            main.run()
        assert not any(board.opened for board in double.boards)
        found = capsys.readouterr()
        return SimpleNamespace(returncode=stop.value.code, stdout=found.out, stderr=found.err)

    return run


FLASH = ("flash", "{folder}/chain.dynap", "--device", "speck2fdevkit")


def test_flash_writes_tests_and_streams(run, tmp_path):
    done = run(
        *FLASH, "--input", "{folder}/short.npz", "--monitor", "3", "--format", "json",
        "-o", tmp_path / "events.npz", "--save-config", tmp_path / "config.json",
        "--save-binary", tmp_path / "flash.bin",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["status"] == "done"
    assert found["target"] == "board"
    assert "SN0000" in found["board"]
    assert found["self_test"]["identical"]
    assert found["environment"]["samna"].startswith("samna ")
    (recording,) = found["recordings"]
    events = np.load(tmp_path / "events.npz")
    assert len(events["events"]) == recording["output_events"] == sum(recording["counts"]) > 100
    assert len(events["core3"]) == recording["spikes"]["3"]
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["cnn_layers"][3]["threshold_high"] == 300
    assert (tmp_path / "flash.bin").stat().st_size > 1000


def test_without_the_board_the_emulator_says_the_same(run):
    arguments = (*FLASH, "--input", "{folder}/short.npz", "--format", "json", "--no-self-test")
    on_board, emulated = run(*arguments), run(*arguments, boards=())
    assert "Running the emulator instead" in emulated.stderr
    one, other = (json.loads(done.stdout) for done in (on_board, emulated))
    assert (one["target"], other["target"]) == ("board", "emulator")
    assert one["recordings"][0]["counts"] == other["recordings"][0]["counts"]


def test_listening(run):
    arguments = (*FLASH, "--no-self-test", "--listen", "0.5", "--format", "json")
    found = json.loads(run(*arguments).stdout)
    assert found["live"] == {"output_events": 0, "counts": [0, 0, 0, 0], "readout": {}}
    assert run(*arguments, boards=()).returncode == 3


@pytest.mark.parametrize(
    ("arguments", "options", "code", "message"),
    [
        (("--no-fallback",), {"boards": ()}, 3, "is not attached"),
        ((), {"faults": [{"in_use": True}]}, 3, "in use by another program"),
        ((), {"faults": [{"calls": {"write": ["vanish"]}}]}, 3, "usb transfer failed"),
        (("--monitor", "5"), {}, 2, "the image uses cores"),
        (("--output", "{folder}/x.npz"), {}, 2, "nothing is to be streamed"),
    ],
)
def test_refusals(run, arguments, options, code, message):
    done = run(*FLASH, *arguments, **options)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert done.stderr.count("error:") == 1
    assert "Traceback" not in done.stderr


def test_devices(run):
    boards = ("Speck2fDevKit", "Speck2eDevKit", "Davis 346", "Speck2fDevKit")
    found = json.loads(run("devices", "--format", "json", boards=boards).stdout)
    assert found["samna"]["state"] == "real"
    assert [board["device"] for board in found["boards"]] == [
        "speck2fdevkit:0", "speck2edevkit:0", None, "speck2fdevkit:1",
    ]  # fmt: skip
    assert found["boards"][3]["serial"] == "SN0003"
    nothing = run("devices", "--format", "json", boards=())
    assert (nothing.returncode, json.loads(nothing.stdout)["boards"]) == (0, [])


def test_an_interrupted_stream_ends_at_once_and_writes_nothing(folder, tmp_path):
    """A process of its own, in the world's time: the recording takes a minute, Ctrl-C comes when
    the stop-watch has been started."""
    trace = tmp_path / "calls"
    output = tmp_path / "output"
    output.mkdir()
    words = (*FLASH, "--input", "{folder}/long.npz", "--no-self-test", "-o", output / "events.npz")
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "dynapdeploy.cli.main",
            *(str(w).format(folder=folder) for w in words),
        ],
        env=os.environ
        | {
            "PYTHONPATH": os.pathsep.join(map(str, (HERE / "on_path", HERE, HERE.parents[1]))),
            "DOUBLE_TRACE": str(trace),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's & ignores it
    )
    for _ in range(600):
        if trace.exists() and "stop_watch" in trace.read_text():
            break
        time.sleep(0.1)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert stderr.strip().endswith("interrupted")
    assert trace.read_text().split()[-1] == "close_device"
    assert list(output.iterdir()) == []


def test_power(run, tmp_path):
    done = run(
        "power", "{folder}/chain.dynap", "--device", "speck2fdevkit", "--seconds", "1",
        "--data", "events:{folder}/short.npz", "--format", "json",
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert found["idle"]["power"]["mode"] == "measured"
    assert set(found["idle"]["rails"]) == {"io", "ram", "logic", "pixel_digital", "pixel_analog"}
    assert found["recordings"][0]["synops_per_s"] > 0
    refused = run(
        "power", "{folder}/chain.dynap", "--device", "speck2fdevkit", "--seconds", "1",
        "--data", "events:{folder}/short.npz", "--calibrate", tmp_path / "mine.toml",
    )  # fmt: skip
    assert refused.returncode == 2
    assert "2 measurements for 3 unknowns" in refused.stderr
    assert list(tmp_path.iterdir()) == []
    absent = run(
        "power", "{folder}/chain.dynap", "--device", "speck2fdevkit",
        "--data", "events:{folder}/short.npz", boards=(),
    )  # fmt: skip
    assert absent.returncode == 3
