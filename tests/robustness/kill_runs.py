"""Kill ``train`` or ``sweep`` with SIGKILL at random moments, resume, and compare with a run that
nobody disturbed.

    python tests/robustness/kill_runs.py train --kills 30
    python tests/robustness/kill_runs.py sweep --kills 30

Each kill comes at a moment drawn evenly over the time that the undisturbed run took. A run that
comes to its end is compared file by file, and a new one is begun until all kills are spent.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2]))
NET_FILES = ("model.safetensors", "untuned.safetensors", "metrics.csv", "run.json")
SWEEP_FILES = ("sweep.csv", "sweep.json", "sweep.png")


@dataclass
class Tally:
    """What came of it."""

    kills: int = 0
    runs: int = 0
    refused: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.kills} kills, {self.runs} runs came to their end, "
            f"{len(self.different)} files differ from the undisturbed run "
            f"({', '.join(self.different) or 'none'}), {len(self.refused)} resumptions refused"
        )


def command(verb: str, options: tuple[str, ...], folder: Path) -> list[str]:
    """The command line; --resume begins where there is nothing yet."""
    return [verb, *options, "-o", str(folder), "--resume"]


def compared(folder: Path, reference: Path) -> list[str]:
    """Names of the result files that are missing or differ."""
    names = [
        path.relative_to(reference)
        for path in sorted(reference.rglob("*"))
        if path.name in NET_FILES + SWEEP_FILES
    ]
    assert names, f"{reference} holds no results"
    return [
        str(name)
        for name in names
        if not (folder / name).is_file()
        or (folder / name).read_bytes() != (reference / name).read_bytes()
    ]


class Child:
    """A command line in a copy of this process, which has everything imported already."""

    def __init__(self, words: list[str], log: Path):
        self.log = log
        self.process = os.fork()
        if self.process == 0:
            code = 1
            try:
                sys.argv = ["dynapdeploy", *words]
                for stream, name in ((1, os.devnull), (2, str(log))):
                    os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
                from dynapdeploy.cli.main import run as run_command

                run_command()
            except SystemExit as stop:
                code = stop.code if isinstance(stop.code, int) else 0
            finally:
                os._exit(code)

    def wait(self, seconds: float | None) -> int | None:
        """The exit code; None where it was killed after ``seconds``."""
        end = None if seconds is None else time.monotonic() + seconds
        while end is None or time.monotonic() < end:
            done, status = os.waitpid(self.process, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.001)
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)
        return None


def run(verb: str, options: tuple[str, ...], kills: int, seed: int, place: Path) -> Tally:
    """Kill ``kills`` times; how it went."""
    import dynapdeploy.cli.output
    import dynapdeploy.training.loop
    import dynapdeploy.training.sweep
    import dynapdeploy.training.sweep_point  # noqa: F401

    chance, tally = random.Random(seed), Tally()
    reference, folder, log = place / "undisturbed", place / "killed", place / "log"
    assert Child(command(verb, options, reference), log).wait(None) == 0, log.read_text()
    shutil.rmtree(reference)
    began = time.monotonic()
    assert Child(command(verb, options, reference), log).wait(None) == 0, log.read_text()
    length = time.monotonic() - began
    while tally.kills < kills or folder.exists():
        spent = tally.kills >= kills
        seconds = None if spent else chance.uniform(0, length)
        code = Child(command(verb, options, folder), log).wait(seconds)
        if code is None:
            tally.kills += 1
            continue
        if code != 0:
            tally.refused.append(log.read_text(errors="replace").strip()[-300:])
            return tally
        tally.runs += 1
        tally.different += compared(folder, reference)
        shutil.rmtree(folder)
    return tally


def main() -> int:
    """The exit code is 0 if nothing was lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("verb", choices=["train", "sweep"])
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    chosen, options = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as name:
        place, began = Path(name), time.monotonic()
        tally = run(
            chosen.verb, (*tiny(chosen.verb, place), *options), chosen.kills, chosen.seed, place
        )
        print(f"{chosen.verb}: {tally}, {time.monotonic() - began:.0f} s")
        print("\n".join(tally.refused))
    return 1 if tally.refused or tally.different else 0


def tiny(verb: str, place: Path) -> tuple[str, ...]:
    """Options for 40 small recordings and a small net, two epochs, fine-tuning included."""
    from tiny_recordings import write_net, write_recordings

    data = f"nmnist:{write_recordings(place / 'data')}"
    target = ("0.8",) if verb == "train" else ("0.95:0.8:2", "--workers", "1")
    return (
        "--data", data, "--model", write_net(place), "--epochs", "2", "--threads", "1",
        "--target-ratio", *target,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
