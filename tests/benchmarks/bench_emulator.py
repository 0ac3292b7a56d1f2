"""The emulator beside sinabs: ``python tests/benchmarks/bench_emulator.py``.

Both run on one thread, in one process, recording by recording in turn, with their inputs prepared
outside the timing. Times are processor time of the thread (of two workers: by the wall clock) and
the best of several runs, since the machine may have other work; the ratios count.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, replace

import numpy as np
from emulator_workloads import DATA, Workload, mnist_dvs, scnn_nmnist

from dynapdeploy.emulator import Emulator, emulate_many, is_compiled, warm_up

GOALS = {"scnn_nmnist": (15, 30), "mnist_dvs": (60, 150)}
PAPER_SYNOPS = 1.66e6
"""SynOps per chunk of the paper's largest published MNIST-DVS net."""


@dataclass
class Times:
    """Seconds per recording."""

    emulator: np.ndarray
    sinabs: np.ndarray


def timed(run, clock=time.thread_time) -> float:
    start = clock()
    run()
    return clock() - start


def side_by_side(work: Workload, emulator: Emulator, rounds: int, peers: int) -> Times:
    """Best time of each recording; sinabs on ``peers`` of them, spread evenly."""
    import sinabs
    import torch

    torch.set_num_threads(1)
    net = work.sinabs_net()
    ours = np.full(len(work.recordings), np.inf)
    theirs = np.full(len(work.recordings), np.nan)
    chosen = set(np.linspace(0, len(ours) - 1, min(peers, len(ours))).astype(int).tolist())
    with torch.no_grad():
        for i, events in enumerate(work.recordings):
            raster = work.raster(events)

            def simulate(raster=raster):
                sinabs.reset_states(net)
                net(raster)

            def emulate(events=events):
                emulator.reset()
                emulator.feed(events)

            if i in chosen:
                theirs[i] = min(timed(simulate) for _ in range(2))
            ours[i] = min(timed(emulate) for _ in range(rounds))
    return Times(ours, theirs)


def without_spikes(work: Workload, items: int = 200_000) -> np.ndarray:
    """Seconds per event that reaches a core and fires nothing, for each core."""
    image = work.image()
    total = []
    for core in image.cores:
        silent = replace(core, threshold_high=32767, weights=0 * core.weights, destinations=())
        chip = Emulator(replace(image, cores=(silent,), entry=(core.core,)))
        random = np.random.default_rng(0)
        c, h, w = core.input_shape
        events = np.zeros(items, work.recordings[0].dtype)
        for field, size in (("x", w), ("y", h), ("p", c)):
            events[field] = random.integers(0, size, items)
        chip.feed(events)
        total.append(min(timed(lambda: chip.feed(events)) for _ in range(3)) / items)  # noqa: B023
    return np.array(total)


def measure(work: Workload, rounds: int, peers: int) -> None:
    image = work.image()
    emulator = Emulator(image)
    runs = emulate_many(image, work.recordings, workers=1)
    synops = sum(sum(run.synops.values()) for run in runs)
    spikes = {core.core: sum(run.spikes[core.core] for run in runs) for core in image.cores}
    recorded = sum(int(e["t"][-1] - e["t"][0]) for e in work.recordings) / 1e6
    given = sum(map(len, work.recordings))
    worked = [given, *list(spikes.values())[:-1]]
    times = side_by_side(work, emulator, rounds, peers)
    both = ~np.isnan(times.sinabs)
    ours, count = times.emulator.sum(), len(work.recordings)
    ratio = times.sinabs[both].sum() / times.emulator[both].sum()
    least = (np.array(worked) * without_spikes(work)).sum()

    goal = GOALS.get(work.name.split(",")[0])
    aim = f"   (to reach {goal[0]}x, aim {goal[1]}x)" if goal else ""
    print(f"\n{work.name}: {count} recordings, {synops / count / 1e6:.2f} M SynOps each")
    print(f"  sinabs, 1 ms steps       {times.sinabs[both].mean() * 1e3:9.2f} ms per recording")
    print(f"  emulator                 {times.emulator[both].mean() * 1e3:9.2f} ms per recording")
    print(f"  ratio                    {ratio:9.1f} x{aim}")
    print(f"  SynOps/s, one thread     {synops / ours:9.2e}     (to reach 2e9, aim 5e9)")
    print(f"  SynOps/s of sinabs       {synops / count / np.nanmean(times.sinabs):9.2e}")
    print(f"  real-time factor         {recorded / ours:9.1f} x")
    print(f"  input events per second  {given / ours:9.2e}")
    print(f"  events per second        {sum(worked) / ours:9.2e}     (in all cores)")
    print(f"  time per event in a core {ours / sum(worked) * 1e9:9.1f} ns")
    print(f"  of it, without spikes    {least / sum(worked) * 1e9:9.1f} ns")
    print(
        f"  share of emitting spikes {max(0.0, 1 - least / ours):9.0%}       (the rest of the time)"
    )
    again = list(work.recordings) * max(1, 240 // count)

    def many(workers: int) -> float:
        def work_off():
            emulate_many(image, again, workers=workers)

        return min(timed(work_off, time.perf_counter) for _ in range(3))

    one, two = many(1), many(2)
    print(f"  two workers              {one / two:9.2f} x     (to reach 1.7x)")


LIMIT = """
limit: numpy adds contiguous int16 in the first-level cache at {rate:.1e}/s. 32 lanes of AVX-512,
one group every 2 cycles of 3.5 GHz, would be 5.6e10 SynOps/s. States and weights of both nets
stay in the caches, so memory sets no limit. The engine stands below because an event reaches
three rows of only 24 to 48 neurons, costs some hundred instructions of its own, and where it
fires a mispredicted branch or two besides (4 ns each)."""


def limit() -> None:
    """What the arithmetic alone could do: contiguous additions at the width of the vectors."""
    state, weights = np.zeros(4096, np.int16), np.ones(4096, np.int16)

    def add():
        for _ in range(2000):
            np.add(state, weights, out=state)

    print(LIMIT.format(rate=4096 * 2000 / min(timed(add) for _ in range(5))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="runs of each recording")
    parser.add_argument("--peers", type=int, default=20, help="recordings that sinabs runs too")
    options = parser.parse_args()
    if not (DATA / "nmnist").is_dir():
        parser.exit(3, f"no recordings under {DATA}; DYNAPDEPLOY_DATA names the folder\n")
    compiled = is_compiled()
    how = "from disk" if compiled else "compiled"
    print(f"first use: {timed(warm_up, time.perf_counter):.2f} s ({how})")
    for work in (scnn_nmnist(), mnist_dvs(), mnist_dvs(PAPER_SYNOPS)):
        measure(work, options.rounds, options.peers)
    limit()


if __name__ == "__main__":
    main()
