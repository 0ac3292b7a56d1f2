"""A few kills at random moments; ``kill_runs.py`` does thirty of them."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("verb", ["train", "sweep"])
def test_killed_and_resumed_gives_the_same(verb):
    script = Path(__file__).parent / "kill_runs.py"
    done = subprocess.run(
        [sys.executable, str(script), verb, "--kills", "2", "--seed", "1", "--no-finetune"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(f"{verb}: 2 kills, ")
    assert " 0 runs came to their end" not in done.stdout
