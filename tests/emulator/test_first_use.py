"""Compiled once, told once, and one kernel for every image."""

import os
import subprocess
import sys

from test_streaming import chain, drawn_events

from dynapdeploy.emulator import Jitter, Settings, careful, emulate, is_compiled, kernel, warm_up

TELL = """
from dynapdeploy.emulator import is_compiled, warm_up
print(is_compiled())
warm_up(lambda line: print(line))
print(is_compiled())
"""


def test_told_only_where_it_compiles(tmp_path):
    environment = os.environ | {
        "NUMBA_CACHE_DIR": str(tmp_path),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    first, second = (
        subprocess.run(
            [sys.executable, "-c", TELL],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        for _ in range(2)
    )
    assert first[0] == "False" and first[1].startswith("compiling the emulator")
    assert first[2] == "True"
    assert second == ["True", "True"]


def test_ready_after_a_warm_up():
    for saturations in (False, True):
        warm_up(saturations=saturations)
        assert is_compiled(saturations=saturations)


def test_one_kernel_serves_every_run():
    events = drawn_events(20)
    for extra in (
        {},
        {"monitor": [0]},
        {"settings": Settings(order="breadth-first", slow_clock_hz=100)},
        {"saturations": True},
        {"jitter": Jitter(1)},
    ):
        emulate(chain(), events, **extra)
        emulate(chain(), events[:0], **extra)
    assert len(kernel.run.signatures) == 1
    assert len(careful.run.signatures) == 1
