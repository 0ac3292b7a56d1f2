"""The emulator beside sinabs: ``python tests/benchmarks/bench_emulator.py``.

Both run on one thread, in one process, recording by recording in turn, with their inputs prepared
outside the timing. Times of one thread are processor time and the best of several runs, since the
machine may have other work; the ratios count. One and two workers are timed by the wall clock in
turn, and the median of the pairs is printed, beside that of a loop that shares nothing.
"""

from __future__ import annotations

import argparse
import threading
import time
from dataclasses import dataclass, replace

import llvmlite.binding
import numpy as np
from emulator_workloads import DATA, Workload, mnist_dvs, scnn_nmnist
from numba import njit

from dynapdeploy.chip.image import ChipImage, CoreImage
from dynapdeploy.emulator import Emulator, Jitter, emulate_many, is_compiled, warm_up
from dynapdeploy.emulator.ticks import packed
from dynapdeploy.events import make_events

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


def share_of_spikes(work: Workload) -> tuple[float, float]:
    """Share of the kernel's time that goes into emitting spikes, and its seconds per event.

    Each core is given its own events again, where they were and in their order, with weights of
    zero, so that nothing fires; what that takes is the rest.
    """
    image = work.image()
    recordings = work.recordings[:: max(1, len(work.recordings) // 20)]
    whole, silent, count = 0.0, 0.0, 0
    ids = [core.core for core in image.cores]
    runs = emulate_many(image, recordings, workers=1, monitor=ids[:-1])
    for events, run in zip(recordings, runs, strict=True):
        whole += kernel_time(image, events)
        for core in image.cores:
            count += len(events)
            quiet = replace(core, threshold_high=32767, weights=0 * core.weights, destinations=())
            silent += kernel_time(replace(image, cores=(quiet,), entry=(core.core,)), events)
            if core.core in run.monitored:
                events = pooled(run.monitored[core.core], core, image)
    return 1 - silent / whole, whole / count


def kernel_time(image: ChipImage, events: np.ndarray) -> float:
    chip = Emulator(image)
    machine, items = chip._machine, packed(events)

    def run():
        machine.reset()
        machine.work(items, chip._entry, chip._leaking)

    return min(timed(run) for _ in range(7))


def pooled(spikes: np.ndarray, core: CoreImage, image: ChipImage) -> np.ndarray:
    """The spikes as they reach the next core."""
    (to,) = core.destinations
    arrived = spikes.copy()
    arrived["x"] //= to.pooling
    arrived["y"] //= to.pooling
    _, height, width = image[to.core].input_shape
    return arrived[(arrived["x"] < width) & (arrived["y"] < height)]


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
    share, per_event = share_of_spikes(work)

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
    print(f"  kernel, per event        {per_event * 1e9:9.1f} ns    (in a core)")
    print(f"  share of emitting spikes {share:9.0%}       (of the kernel's time)")
    again = list(work.recordings) * max(1, 120 // count)
    median, low, high = pairs(
        lambda: emulate_many(image, again, workers=1), lambda: emulate_many(image, again, workers=2)
    )
    print(
        f"  two workers              {median:9.2f} x     ({low:.2f} to {high:.2f}; to reach 1.7x)"
    )
    print("  time with more asked for, of the plain run:")
    for name, asked in EXTRAS.items():
        print(f"    {name:23}{extra(work, asked):9.2f}")


def pairs(one, two, count: int = 11) -> tuple[float, float, float]:
    """How much faster ``two`` is than ``one``: median, first and third quartile of pairs."""
    ratios = [timed(one, time.perf_counter) / timed(two, time.perf_counter) for _ in range(count)]
    return tuple(np.quantile(ratios, (0.5, 0.25, 0.75)).tolist())


EXTRAS: dict[str, dict] = {
    "spikes of each neuron": {"count_spikes": True},
    "peak of the queue": {"peak_queue": True},
    "all cores monitored": {"monitor": None},
    "saturations": {"saturations": True},
    "jitter": {"jitter": Jitter()},
}


def extra(work: Workload, asked: dict) -> float:
    """Time of the first recordings with ``asked``, relative to that without."""
    image = work.image()
    if "monitor" in asked:
        asked = {"monitor": [core.core for core in image.cores]}
    recordings = work.recordings[:: max(1, len(work.recordings) // 10)]
    best = np.full((2, len(recordings)), np.inf)
    chips = Emulator(image), Emulator(image, **asked)
    for _ in range(5):
        for i, events in enumerate(recordings):
            for kind, chip in enumerate(chips):

                def run(chip=chip, events=events):
                    chip.reset()
                    chip.feed(events)
                    chip.result()

                best[kind, i] = min(best[kind, i], timed(run))
    plain, more = best.sum(1)
    return more / plain


LIMIT = """
limit: the kernel adds {lanes} int16 at a time ({width}).
  one event after another into 1,024 neurons in a row, state and weights in the
  first-level cache:       {wide:9.2e} SynOps/s
  numpy, int16 + int16:    {numpy:9.2e} additions/s
  32 every two cycles, since a cycle stores 256 bits, at the {clock:.1f} GHz that a loop of
  dependent instructions shows: {most:.2e} SynOps/s
  States and weights of both nets fit the second-level cache, so memory sets no limit. The engine
  stands below since an event reaches 3 rows of 10 to 48 neurons, so that the vectors are partly
  empty, and costs some ten nanoseconds of its own and as many for its spikes.
two threads of a loop that shares nothing: {two:.2f} times one ({low:.2f} to {high:.2f}), this
  machine's ceiling for two workers"""


def limit() -> None:
    """What the machine allows: contiguous additions, and two cores."""
    state, weights = np.zeros(4096, np.int16), np.ones(4096, np.int16)

    def add():
        for _ in range(2000):
            np.add(state, weights, out=state)

    core = CoreImage(
        core=0,
        name="wide",
        weights=np.zeros((1024, 1, 1, 1), np.int8),
        input_shape=(1, 1, 1),
        output_shape=(1024, 1, 1),
        threshold_high=32767,
        threshold_low=-32768,
        destinations=(),
    )
    chip = Emulator(ChipImage("unbounded", (core,), (0,)))
    nothing = np.zeros(20_000, int)
    events = make_events(nothing, nothing, nothing, nothing)
    features = llvmlite.binding.get_host_cpu_features()
    clock = 6 * ROUNDS / min(timed(lambda: _spin(ROUNDS, 1)) for _ in range(5))
    two, low, high = pairs(lambda: side_threads(1), lambda: side_threads(2))
    print(
        LIMIT.format(
            lanes=32,
            width="AVX-512" if features.get("avx512bw") else "as several narrower vectors",
            wide=1024 * len(events) / min(timed(lambda: chip.feed(events)) for _ in range(20)),
            numpy=4096 * 2000 / min(timed(add) for _ in range(5)),
            clock=clock / 1e9,
            most=32 / 2 * clock,
            two=2 * two,
            low=2 * low,
            high=2 * high,
        )
    )


ROUNDS = 20_000_000


@njit(nogil=True)
def _spin(rounds, value):
    """Six instructions a round, each of which waits for the one before."""
    for _ in range(rounds):
        value ^= value << 13
        value ^= value >> 7
        value ^= value << 17
    return value


def side_threads(count: int) -> None:
    """The loop once in each of ``count`` threads."""
    threads = [threading.Thread(target=_spin, args=(ROUNDS, 1 + i)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="runs of each recording")
    parser.add_argument("--peers", type=int, default=8, help="recordings that sinabs runs too")
    options = parser.parse_args()
    if not (DATA / "nmnist").is_dir():
        parser.exit(3, f"no recordings under {DATA}; DYNAPDEPLOY_DATA names the folder\n")
    compiled = is_compiled()
    how = "from disk" if compiled else "compiled"
    print(f"first use: {timed(warm_up, time.perf_counter):.2f} s ({how})")
    side_threads(1)
    for work in (scnn_nmnist(), mnist_dvs(), mnist_dvs(PAPER_SYNOPS)):
        measure(work, options.rounds, options.peers)
    limit()


if __name__ == "__main__":
    main()
