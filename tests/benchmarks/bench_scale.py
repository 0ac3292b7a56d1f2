"""What many recordings cost beside their emulation: opening, threads, processes, parts, Dask.

    PYTHONPATH=. python tests/benchmarks/bench_scale.py [IMAGE nmnist:PATH]

Without arguments: 2000 made-up recordings of 200 events and a small net. Every ratio of two workers
to one stands beside the machine's own: two copies of a plain loop at once against one.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))
ROUNDS = 4


def loop(rounds: int = 6_000_000) -> None:
    """Work that shares nothing with anybody."""
    total = 0
    for number in range(rounds):
        total += number


def together(count: int) -> float:
    """Seconds that ``count`` copies of the loop take at once."""
    copies = [multiprocessing.Process(target=loop) for _ in range(count)]
    return timed(lambda: [c.start() for c in copies] + [c.join() for c in copies])


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    """Print one line per figure."""
    from tiny_recordings import write_net, write_recordings

    from dynapdeploy import convert, load_image
    from dynapdeploy.data import Selection
    from dynapdeploy.data.dataset import Subset
    from dynapdeploy.emulator import warm_up
    from dynapdeploy.estimate import estimate

    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        if len(sys.argv) == 3:
            image, data = load_image(sys.argv[1]), sys.argv[2]
        else:
            image = convert(write_net(place), input_shape=(2, 34, 34))
            data = f"nmnist:{write_recordings(place / 'data', train=1, test=200)}"
        warm_up()
        selection = Selection(data, "test")
        selection.open()
        tracemalloc.start()
        whole = selection.open()
        held = tracemalloc.get_traced_memory()[0] / len(whole)
        tracemalloc.stop()
        seconds = timed(selection.open) / len(whole)
        print(f"opening: {seconds * 1e6:.0f} us and {held:.0f} bytes per recording")
        chosen = Subset(whole, [i % len(whole) for i in range(200)])
        one, two, most = [], [], []
        for _ in range(ROUNDS):
            one.append(timed(lambda: estimate(image, chosen, workers=1, keep=False)))
            two.append(timed(lambda: estimate(image, chosen, workers=2, keep=False)))
            most.append(2 * together(1) / together(2))
        ratios = ", ".join(f"{a / b:.2f}" for a, b in zip(one, two, strict=True))
        print(
            f"estimate, 200 recordings: {min(one) / 200 * 1e3:.2f} ms each in one thread, "
            f"{min(two) / 200 * 1e3:.2f} in two; ratios {ratios} (machine: {figures(most)})"
        )
        in_parts(image, selection, len(whole), place)
        cluster(place)


def in_parts(image, selection, count: int, place: Path) -> None:
    """Parts, by one process and by two, and taken up again."""
    from dynapdeploy.estimate.estimate_parts import estimate_in_parts
    from dynapdeploy.estimate.parts import SAMPLES, Workers
    from dynapdeploy.scale.piece import read_record

    os.environ["DYNAPDEPLOY_THREADS"] = "1"
    most, ratios, rates = [], [], {1: [], 2: []}
    for _ in range(ROUNDS):
        for processes, found in rates.items():
            shutil.rmtree(place / "out", ignore_errors=True)
            times: list[tuple[float, int]] = []
            began = time.perf_counter()
            estimate_in_parts(
                image, selection, Workers(place / "out", processes=processes),
                progress=lambda done: times.append((time.perf_counter() - began, done)),  # noqa: B023
            )  # fmt: skip
            (first, before), (last, after) = times[min(len(times) // 4, 10)], times[-1]
            found.append((last - first) / max(1, after - before) * 1e3)
        most.append(2 * together(1) / together(2))
        ratios.append(rates[1][-1] / rates[2][-1])
        start = times[0][0]
    print(
        f"in parts of {SAMPLES}: {min(rates[1]):.2f} ms per recording by one process, "
        f"{min(rates[2]):.2f} by two once they run, after {start:.1f} s; "
        f"ratios {figures(ratios)} (machine: {figures(most)})"
    )
    seconds = timed(lambda: estimate_in_parts(image, selection, Workers(place / "out", True)))
    records = list((place / "out" / "parts").iterdir())
    tracemalloc.start()
    kept = [read_record(path) for path in records]
    held = tracemalloc.get_traced_memory()[0] / count
    tracemalloc.stop()
    size = sum(path.stat().st_size for path in records) / count
    print(
        f"taken up again: {seconds / len(kept) * 1e3:.2f} ms per part; a record has {size:.0f} "
        f"bytes per recording, the parent {held:.0f}; a worker has "
        f"{resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3:.0f} MB at most"
    )


def cluster(place: Path, count: int = 1000) -> None:
    """Empty parts over a Dask scheduler with two workers."""
    import psutil

    from dynapdeploy.scale import Piece, run_pieces
    from dynapdeploy.scale.trial import TRIAL

    file = place / "scheduler.json"
    quietly = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": ROOT}
    words = ["--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file), "--no-dashboard"]
    begin = [sys.executable, "-m"]
    running = [subprocess.Popen([*begin, "distributed.cli.dask_scheduler", *words], **quietly)]
    while not file.exists() or not file.read_text().strip():
        time.sleep(0.05)
    address = json.loads(file.read_text())["address"]
    words = [address, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
    words += ["--local-directory", str(place)]
    for _ in range(2):
        running.append(subprocess.Popen([*begin, "distributed.cli.dask_worker", *words], **quietly))
    try:
        list(
            run_pieces([Piece(f"w{i}", TRIAL, {"value": i}) for i in range(50)], scheduler=address)
        )
        scheduler = psutil.Process(running[0].pid)
        before, own = scheduler.cpu_times().user, time.process_time()
        todo = [Piece(f"p{i}", TRIAL, {"value": i}) for i in range(count)]
        seconds = timed(lambda: list(run_pieces(todo, scheduler=address)))
        print(
            f"Dask: {seconds / count * 1e3:.1f} ms per part; "
            f"{(scheduler.cpu_times().user - before) / count * 1e3:.1f} ms of the scheduler's "
            f"processor, {(time.process_time() - own) / count * 1e3:.1f} ms of the parent's"
        )
    finally:
        for process in running:
            process.kill()
            process.wait()


def figures(values: list[float]) -> str:
    """The values in rising order."""
    return ", ".join(f"{value:.2f}" for value in sorted(values))


if __name__ == "__main__":
    main()
