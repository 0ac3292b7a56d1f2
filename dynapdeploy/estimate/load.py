"""Load: synaptic operations per second and core, over sliding windows.

No public source gives the number of SynOps per second that a core, or the event router, can take;
the documentation says only that too many stall the whole chip. A budget therefore comes from the
user or stays unknown. Times are those of the input events: the load is what the recording asks
for, not what an overloaded chip would make of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dynapdeploy.compiled import cached

WINDOW_US = 10_000


@dataclass(frozen=True)
class CoreLoad:
    """Load of one core over a set of samples.

    Attributes:
        layer, core: which one.
        mean_synops_per_s: SynOps of all samples over the time of all samples.
        peak_synops_per_s: the most in any window of any sample, per second.
        peak_sample: the sample it was met in.
        synops_per_event: SynOps in this core per input event.
        budget_synops_per_s: what the core may take, None if unknown.
        peak_share: peak over budget.
    """

    layer: str
    core: int
    mean_synops_per_s: float | None
    peak_synops_per_s: float
    peak_sample: str | None
    synops_per_event: float | None
    budget_synops_per_s: float | None = None

    @property
    def peak_share(self) -> float | None:
        """Peak over budget, None without a budget."""
        budget = self.budget_synops_per_s
        return None if budget is None else self.peak_synops_per_s / budget

    @property
    def saturating_events_per_s(self) -> float | None:
        """Input events per second at which the mean load meets the budget.

        Taken to be proportional to the input rate; None without a budget or without events.
        """
        if self.budget_synops_per_s is None or not self.synops_per_event:
            return None
        return self.budget_synops_per_s / self.synops_per_event


@dataclass(frozen=True)
class Load:
    """Load of all cores.

    Attributes:
        window_us: length of the sliding window.
        cores: in topological order.
        source: where the budget comes from.
    """

    window_us: int
    cores: tuple[CoreLoad, ...]
    source: str

    @property
    def saturates_first(self) -> CoreLoad | None:
        """The core that meets its budget at the lowest input rate, None without a budget."""
        known = [core for core in self.cores if core.saturating_events_per_s is not None]
        return min(known, key=lambda core: core.saturating_events_per_s or 0.0, default=None)


@cached()
def in_windows(times, additions, start_us, window_us, bins):
    """The largest sum of ``additions`` in any window ``(t - window_us, t]``, and their sum in each
    of ``bins`` windows from ``start_us`` on, int64 ``[bins]``; what lies beyond them is left out.

    Args:
        times: int64 ``[n]``, sorted, µs.
        additions: int64 ``[n]``, from 0 on.
    """
    timeline = np.zeros(bins, np.int64)
    peak = inside = binned = 0
    first = np.uint64(0)  # unsigned: nobody looks whether it is negative
    place, end = -1, times[0] if len(times) else 0
    for last in range(len(times)):
        now, amount = times[last], additions[last]
        inside += amount
        while times[first] <= now - window_us:
            inside -= additions[first]
            first += np.uint64(1)
        peak = max(peak, inside)
        if now >= end:
            if 0 <= place < bins:
                timeline[place] = binned
            place, binned = (now - start_us) // window_us, 0
            end = start_us + (place + 1) * window_us
        binned += amount
    if 0 <= place < bins:
        timeline[place] = binned
    return peak, timeline


@cached()
def total_until(times, additions, end_us):
    """The sum of the ``additions`` at ``times`` (see :func:`in_windows`) up to ``end_us``."""
    total = 0
    for i in range(len(times)):
        if times[i] > end_us:
            break
        total += additions[i]
    return total


def load_of(
    layers: Sequence[tuple[str, int]],
    synops: Mapping[int, int],
    peaks: Mapping[int, tuple[int, str | None]],
    events: int,
    duration_us: int,
    window_us: int,
    budget: float | None,
) -> Load:
    """Sum up the load of a set of samples.

    Args:
        layers: name and physical core, in topological order.
        synops: of all samples, by core.
        peaks: most additions in a window and the sample it was met in, by core.
        events, duration_us: of all samples.
        budget: SynOps per second and core, None if unknown.
    """
    cores = tuple(
        CoreLoad(
            layer=name,
            core=core,
            mean_synops_per_s=synops[core] / duration_us * 1e6 if duration_us else None,
            peak_synops_per_s=peaks[core][0] / window_us * 1e6,
            peak_sample=peaks[core][1],
            synops_per_event=synops[core] / events if events else None,
            budget_synops_per_s=budget,
        )
        for name, core in layers
    )
    source = (
        "no public source gives a limit of SynOps per second; give a budget to be told more"
        if budget is None
        else "given by the user; no public source gives a limit"
    )
    return Load(window_us, cores, source)
