"""Kill worker processes with SIGKILL at random moments and compare with an undisturbed run.

    python tests/robustness/kill_workers.py estimate --kills 10
    python tests/robustness/kill_workers.py sweep --kills 10
    python tests/robustness/kill_workers.py estimate --kills 10 --dask

Two workers do the parts of an estimate, or the nets of a sweep; each dies when it has used a random
share of six seconds of processor time. Runs are begun, each in a new folder, until all kills are
spent.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))
sys.path.insert(0, str(ROOT))
LONGEST_LIFE_S = 6.0
WORKER = "distributed.cli.dask_worker"
Work = Callable[[Path, str | None], str]
"""Does it all in a new folder, by two processes or a scheduler; the result as text."""


def estimating(place: Path) -> Work:
    """Digits in a net without training, with one jittered repetition."""
    import torch

    from dynapdeploy.data import Selection
    from dynapdeploy.emulator import Jitter
    from dynapdeploy.estimate.estimate_parts import estimate_in_parts
    from dynapdeploy.estimate.parts import Workers
    from dynapdeploy.pipeline import convert
    from dynapdeploy.report.estimation import estimate_content
    from dynapdeploy.training.models import MODELS, build

    torch.manual_seed(0)
    image = convert(build("digits"), input_shape=(1, 20, 20), coding=MODELS["digits"].coding)
    jitters = [Jitter(1, 100)]

    def work(folder: Path, scheduler: str | None) -> str:
        workers = Workers(folder, processes=2, scheduler=scheduler)
        found = estimate_in_parts(image, Selection("digits", "test"), workers, jitters=jitters)
        return json.dumps(estimate_content(found))

    return work


def sweeping(place: Path) -> Work:
    """Six targets for a tiny net on 40 recordings, fine-tuning included."""
    from tiny_recordings import write_net, write_recordings

    from dynapdeploy.training.settings import TrainingSettings
    from dynapdeploy.training.sweep import sweep
    from dynapdeploy.training.sweep_plan import SweepPlan, geometric

    settings = TrainingSettings(
        data=f"nmnist:{write_recordings(place / 'data')}",
        model=write_net(place),
        epochs=2,
        finetune_epochs=2,
        threads=1,
    )
    plan = SweepPlan(settings=settings, targets=geometric(0.95, 0.6, 6), scale_ups=(1.5,))

    def work(folder: Path, scheduler: str | None) -> str:
        found = sweep(plan, folder, workers=2, scheduler=scheduler)
        return json.dumps(found.rows) + (folder / "sweep.csv").read_text()

    return work


@contextmanager
def cluster(place: Path) -> Iterator[str]:
    """A Dask scheduler and two workers; one that dies is replaced, as SLURM or Kubernetes do."""
    file = place / "scheduler.json"
    common = {"cwd": ROOT, "env": {**os.environ, "PYTHONPATH": str(ROOT)}}
    common |= {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    begin = [sys.executable, "-m"]
    words = ["--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file), "--no-dashboard"]
    scheduler = subprocess.Popen([*begin, "distributed.cli.dask_scheduler", *words], **common)
    while not file.exists() or not file.read_text().strip():
        time.sleep(0.05)
    address = json.loads(file.read_text())["address"]
    words = [address, "--no-nanny", "--nthreads", "1", "--no-dashboard"]
    words += ["--local-directory", str(place)]
    over = threading.Event()

    def keep_one() -> None:
        while not over.is_set():
            worker = subprocess.Popen([*begin, WORKER, *words], **common)
            while worker.poll() is None and not over.wait(0.05):
                pass
            worker.terminate()
            worker.wait()

    keepers = [threading.Thread(target=keep_one) for _ in range(2)]
    for keeper in keepers:
        keeper.start()
    try:
        yield address
    finally:
        over.set()
        for keeper in keepers:
            keeper.join()
        scheduler.terminate()
        scheduler.wait()


def workers() -> list[psutil.Process]:
    """The worker processes under this one that are at work."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            words = " ".join(process.cmdline())
        except psutil.Error:
            continue
        if "dynapdeploy.scale.worker" in words or WORKER in words:
            found.append(process)
    return found


def kill(chance: random.Random, left: list[None], over: threading.Event) -> None:
    """Kill workers until ``left`` is empty or the run is ``over``."""
    lifetimes: dict[int, float] = {}
    while left and not over.wait(0.05):
        for worker in workers():
            age = lifetimes.setdefault(worker.pid, chance.uniform(0, LONGEST_LIFE_S))
            try:
                used = worker.cpu_times()
            except psutil.Error:
                continue
            if left and used.user + used.system >= age:
                worker.kill()
                left.pop()
                break


def main() -> int:
    """The exit code is 0 if nothing was lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("job", choices=["estimate", "sweep"])
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dask", action="store_true")
    chosen = parser.parse_args()
    chance, left = random.Random(chosen.seed), [None] * chosen.kills
    runs = different = 0
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        work = (estimating if chosen.job == "estimate" else sweeping)(place)
        expected, began = work(place / "undisturbed", None), time.monotonic()
        while left:
            over = threading.Event()
            killer = threading.Thread(target=kill, args=(chance, left, over))
            folder = place / str(runs)
            folder.mkdir()
            with cluster(folder) if chosen.dask else nullcontext() as address:
                killer.start()
                found = work(folder / "out", address)
                over.set()
                killer.join()
            runs += 1
            different += found != expected
    where = "Dask workers" if chosen.dask else "worker processes"
    print(
        f"{chosen.job}: {chosen.kills} {where} killed in {runs} runs, {different} results differ "
        f"from the undisturbed run, {time.monotonic() - began:.0f} s"
    )
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
