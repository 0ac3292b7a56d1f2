"""The package opens no network connection unless it is asked to, loopback aside."""

import os
import subprocess
import sys
from pathlib import Path

from tiny_recordings import write_net, write_recordings

ROOT = Path(__file__).parents[2]
SCRIPT = """
import ipaddress
import sys


def watch(event, arguments):
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        if arguments[0] not in (None, "", "localhost"):
            sys.stderr.write(f"NETWORK {event} {arguments[0]}\\\\n")
    if event in ("socket.connect", "socket.bind", "socket.sendto"):
        address = arguments[1]
        if isinstance(address, tuple) and not ipaddress.ip_address(address[0]).is_loopback:
            sys.stderr.write(f"NETWORK {event} {address}\\\\n")


sys.addaudithook(watch)
if sys.argv[1] == "control":
    import socket

    with socket.socket() as ours:
        ours.bind(("0.0.0.0", 0))
    sys.exit()

from dynapdeploy.cli.main import main

folder, data, net = sys.argv[1:]
for words in (
    ["train", "--data", data, "--model", net, "--epochs", "1", "--no-finetune",
     "--target-ratio", "0.8", "--threads", "1", "-o", f"{folder}/run"],
    ["convert", f"{folder}/run", "--device", "speck2fdevkit", "-o", f"{folder}/net.dynap"],
    ["estimate", f"{folder}/net.dynap", "--data", data, "--limit", "4"],
    ["devices"],
):
    main.main(words, standalone_mode=False)
    sys.stderr.write(f"DONE {words[0]}\\\\n")
""".replace("\\\\n", "\\n")


def run(*words) -> str:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *map(str, words)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stderr


def test_the_watch_sees_a_connection():
    assert "NETWORK socket.bind ('0.0.0.0', 0)" in run("control")


def test_no_verb_goes_to_the_network(tmp_path):
    data = f"nmnist:{write_recordings(tmp_path / 'data')}"
    told = run(tmp_path, data, write_net(tmp_path))
    assert told.count("DONE") == 4
    assert "NETWORK" not in told
