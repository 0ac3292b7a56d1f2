"""Additions told apart in time: they add up to what the emulator counts, and peaks are exact."""

import numpy as np
import pytest
from emulator.random_images import SETTINGS, events_for, images
from hypothesis import given, settings
from hypothesis import strategies as st

from dynapdeploy.emulator import emulate
from dynapdeploy.estimate.load import in_windows, load_of
from dynapdeploy.estimate.reach import arrivals, reach_maps


def neurons_reached(core, x, y):
    """Counted one by one."""
    features, _, ky, kx = core.weights.shape
    _, height, width = core.output_shape
    count = 0
    for oy in range(height):
        for ox in range(width):
            dy = y - (oy * core.stride[0] - core.padding[0])
            dx = x - (ox * core.stride[1] - core.padding[1])
            count += features if 0 <= dy < ky and 0 <= dx < kx else 0
    return count


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_additions_in_time_add_up_to_the_emulators_count(data):
    image = data.draw(images())
    events = data.draw(events_for(image))
    run = emulate(
        image,
        events,
        monitor=[core.core for core in image.cores],
        settings=data.draw(SETTINGS),
    )
    came = arrivals(image, reach_maps(image), events, run.monitored)
    assert {core: int(n.sum()) for core, (_, n) in came.items()} == dict(run.synops)
    for times, _ in came.values():
        assert (np.diff(times) >= 0).all()


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_entry_cores_by_brute_force(data):
    image = data.draw(images(plain=True))
    events = data.draw(events_for(image))
    maps = reach_maps(image)
    for entry in image.entry:
        core = image[entry]
        expected = [neurons_reached(core, int(e["x"]), int(e["y"])) for e in events]
        found = maps[-1, entry][events["p"], events["y"], events["x"]]
        assert found.tolist() == expected


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9)), max_size=12),
    st.integers(1, 20),
)
def test_peak_by_brute_force(pairs, window):
    pairs = sorted(pairs)
    times = np.array([t for t, _ in pairs], np.int64)
    additions = np.array([n for _, n in pairs], np.int64)
    expected = max(
        (sum(n for t, n in pairs if end - window < t <= end) for end in range(52)), default=0
    )
    assert in_windows(times, additions, 0, window, 1)[0] == expected


def test_bins_leave_out_what_lies_beyond():
    _, found = in_windows(np.array([5, 14, 15, 99]), np.array([1, 2, 4, 8]), 5, 10, 2)
    assert found.tolist() == [3, 4]


def test_saturation_by_hand():
    load = load_of(
        [("a", 3), ("b", 7)], {3: 1000, 7: 4000}, {3: (20, "x"), 7: (60, "y")}, 100, 2_000_000,
        10_000, 1e4,
    )  # fmt: skip
    a, b = load.cores
    assert (a.mean_synops_per_s, b.mean_synops_per_s) == (500.0, 2000.0)
    assert (a.peak_synops_per_s, b.peak_synops_per_s) == pytest.approx((2000.0, 6000.0))
    assert b.peak_share == pytest.approx(0.6)
    assert load.saturates_first is b
    assert b.saturating_events_per_s == pytest.approx(250.0)


def test_without_events_and_budget_nothing_is_invented():
    load = load_of([("a", 3)], {3: 0}, {3: (0, None)}, 0, 0, 10_000, None)
    (core,) = load.cores
    assert core.mean_synops_per_s is None and core.synops_per_event is None
    assert load.saturates_first is None and "no public source" in load.source
