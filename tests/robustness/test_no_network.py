"""The package opens no network connection unless it is asked to, loopback aside."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_recordings import write_net, write_recordings

ROOT = Path(__file__).parents[2]
WATCH = """
import ipaddress
import os
import sys


def told(event, what):
    with open(os.environ["TOLD"], "a") as file:
        file.write(f"{event} {what}\\n")


def watch(event, arguments):
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        if arguments[0] not in (None, "", "localhost"):
            told(event, arguments[0])
    if event in ("socket.connect", "socket.bind", "socket.sendto"):
        address = arguments[1]
        if isinstance(address, tuple) and not ipaddress.ip_address(address[0]).is_loopback:
            told(event, address)


sys.addaudithook(watch)
told("watched", sys.orig_argv[-1] if len(sys.orig_argv) == 3 else "")
"""
"""``sitecustomize.py``, which every Python process imports first, worker processes too."""
SCRIPT = """
import sys

from dynapdeploy.cli.main import main

folder, data, net = sys.argv[1:]
small = ["--epochs", "1", "--no-finetune", "--threads", "1"]
for words in (
    ["train", "--data", data, "--model", net, "--target-ratio", "0.8", *small,
     "-o", f"{folder}/run"],
    ["sweep", "--data", data, "--model", net, "--target-ratio", "0.8,0.7", *small,
     "--workers", "2", "-o", f"{folder}/sweep"],
    ["check", f"{folder}/run"],
    ["convert", f"{folder}/run", "--device", "speck2fdevkit", "-o", f"{folder}/net.dynap"],
    ["estimate", f"{folder}/net.dynap", "--data", data, "-o", f"{folder}/cost", "--workers", "2",
     "--split", "train"],
    ["validate", f"{folder}/run", "--limit", "4"],
    ["report", f"{folder}/net.dynap", "--data", data, "--limit", "4", "-o", f"{folder}/r.html"],
    ["export", f"{folder}/run", "--to", "nir", "-o", f"{folder}/net.nir"],
    ["count", f"{folder}/net.nir"],
    ["flash", f"{folder}/net.dynap", "--device", "speck2fdevkit"],
    ["devices"],
):
    main.main(words, standalone_mode=False)
    sys.stderr.write(f"DONE {words[0]}\\n")
"""


@pytest.fixture
def run(tmp_path):
    """Runs code with the watch; gives back its stderr and what the watch has told."""
    (tmp_path / "watch").mkdir()
    (tmp_path / "watch" / "sitecustomize.py").write_text(WATCH)
    environment = {
        **os.environ,
        "PYTHONPATH": f"{tmp_path / 'watch'}{os.pathsep}{ROOT}",
        "TOLD": str(tmp_path / "told"),
    }

    def call(code, *words) -> tuple[str, list[str]]:
        done = subprocess.run(
            [sys.executable, "-c", code, *map(str, words)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=environment,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stderr, (tmp_path / "told").read_text().splitlines()

    return call


def test_the_watch_sees_a_connection(run):
    code = "import socket\nsocket.socket().bind(('0.0.0.0', 0))"
    assert run(code)[1][-1] == "socket.bind ('0.0.0.0', 0)"


def test_no_verb_goes_to_the_network(run, tmp_path):
    data = f"nmnist:{write_recordings(tmp_path / 'data')}"
    done, told = run(SCRIPT, tmp_path, data, write_net(tmp_path))
    assert done.count("DONE") == 11
    workers = told.count("watched dynapdeploy.scale.worker")
    assert workers == 4 and {line.partition(" ")[0] for line in told} == {"watched"}
