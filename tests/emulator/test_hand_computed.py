"""Small cases whose result can be worked out on paper, for the reference and the engine alike."""

import numpy as np
import pytest

from dynapdeploy.chip.image import ChipImage, CoreImage, Destination
from dynapdeploy.emulator import Settings, emulate, emulate_by_reference
from dynapdeploy.events import make_events


def watched(image, events, **asked):
    return emulate(image, events, peak_queue=True, **asked)


BOTH = pytest.mark.parametrize("run", [watched, emulate_by_reference], ids=["engine", "reference"])


def neuron(weight=50, **changes):
    """One core of one neuron with one input."""
    values = {
        "core": 2,
        "name": "one",
        "weights": np.array([[[[weight]]]]),
        "input_shape": (1, 1, 1),
        "output_shape": (1, 1, 1),
        "threshold_high": 100,
        "threshold_low": -100,
        "destinations": (Destination(None),),
    }
    return CoreImage(**(values | changes))


def single(*cores, entry=(2,)):
    return ChipImage("unbounded", cores, entry)


def at(*times):
    return make_events(times, [0] * len(times), [0] * len(times), [0] * len(times))


@BOTH
def test_fires_at_the_threshold_and_not_below(run):
    result = run(single(neuron(50)), at(1, 2, 3, 4, 5))
    assert result.events["t"].tolist() == [2, 4]
    assert result.states[2].item() == 50
    assert result.spikes == {2: 2}
    assert result.synops == {2: 5}


@BOTH
def test_one_spike_per_event_and_the_rest_waits(run):
    image = single(neuron(0, initial_state=np.array([[[350]]])))
    result = run(image, at(1, 2, 3, 4))
    assert result.events["t"].tolist() == [1, 2, 3]
    assert result.states[2].item() == 50


@BOTH
def test_return_to_zero(run):
    image = single(neuron(70, return_to_zero=True))
    result = run(image, at(1, 2, 3))
    assert result.events["t"].tolist() == [2]
    assert result.states[2].item() == 70


@BOTH
@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Settings(), (-100, -40)),
        (Settings(lower_bound="discard"), (-60, 0)),
    ],
)
def test_lower_bound(run, settings, expected):
    core = neuron(-60, weights=np.array([[[[-60]], [[60]]]]), input_shape=(2, 1, 1))
    down = make_events([1, 2], [0, 0], [0, 0], [0, 0])
    up = make_events([1, 2, 3], [0, 0, 0], [0, 0, 0], [0, 0, 1])
    found = tuple(run(single(core), e, settings=settings).states[2].item() for e in (down, up))
    assert found == expected


@BOTH
@pytest.mark.parametrize(("overflow", "state"), [("saturate", 32767), ("wrap", -32768 + 99)])
def test_overflow(run, overflow, state):
    start = np.array([[[32767]]])
    core = neuron(100, threshold_high=32767, threshold_low=-32768, initial_state=start)
    result = run(single(core), at(1), settings=Settings(overflow=overflow))
    fired = overflow == "saturate"
    assert result.states[2].item() == (0 if fired else state)
    assert result.spikes[2] == fired


@BOTH
def test_leak_of_the_published_notebook(run):
    """The leak notebook of sinabs: thr = 127, low = -127, bias = -13, start at thr, 1 Hz."""
    start = np.array([[[127]]])
    core = neuron(
        0, bias=np.array([-13]), threshold_high=127, threshold_low=-127, initial_state=start
    )
    states = []
    for tick in range(2, 12):
        silent = at(tick * 1_000_000)
        states.append(
            run(single(core), silent, settings=Settings(slow_clock_hz=1)).states[2].item()
        )
    assert states == [101, 88, 75, 62, 49, 36, 23, 10, -3, -16]


@BOTH
def test_a_tick_comes_before_events_of_its_time(run):
    core = neuron(60, bias=np.array([40]))
    clock = Settings(slow_clock_hz=1000)
    assert len(run(single(core), at(999), settings=clock).events) == 0
    assert run(single(core), at(1000), settings=clock).events["t"].tolist() == [1000]


@BOTH
@pytest.mark.parametrize("order", ["depth-first", "breadth-first"])
def test_a_leak_fires_only_when_asked(run, order):
    core = neuron(0, bias=np.array([100]))
    for fires, times in ((False, [10_001]), (True, [3334, 6667, 10_000])):
        settings = Settings(slow_clock_hz=300, leak_fires=fires, order=order)
        assert run(single(core), at(10_001), settings=settings).events["t"].tolist() == times


@BOTH
@pytest.mark.parametrize(("code", "every"), [(0, 2), (1, 4), (5, 128), (7, 512)])
def test_decimator(run, code, every):
    core = neuron(100, decimator=code)
    result = run(single(core), at(*range(1, 2 * every + 2)), monitor=[2])
    assert result.events["t"].tolist() == [every, 2 * every]
    assert result.spikes[2] == len(result.monitored[2]) == 2 * every + 1


@BOTH
def test_order_of_neurons_pooling_shift_and_drops(run):
    """A 2x2 map of two features, all firing; the next map is too small for feature shift 3."""
    first = neuron(
        weights=np.full((2, 1, 2, 2), 100),
        input_shape=(1, 3, 3),
        output_shape=(2, 2, 2),
        destinations=(Destination(None, 1, 5), Destination(7, 2, 3)),
    )
    second = neuron(
        core=7, name="two", weights=np.ones((1, 4, 1, 1)).astype(int), input_shape=(4, 1, 1)
    )
    centre = make_events([9], [1], [1], [0])
    result = run(single(first, second), centre, monitor=[2])
    spikes = [(y, x, f) for y in range(2) for x in range(2) for f in range(2)]
    found = result.monitored[2]
    assert list(zip(found["y"], found["x"], found["p"], strict=True)) == spikes
    assert (result.events["p"] - 5).tolist() == found["p"].tolist()
    assert result.dropped == {2: 0, 7: 4}
    assert result.synops == {2: 8, 7: 4}
    assert result.states[7].item() == 4
    assert result.peak_queue == 4


@BOTH
def test_branches_that_merge_take_turns_depth_first_and_not_breadth_first(run):
    """Two entry cores feed one; +60 from the first, -60 from the second: order decides."""
    cores = [
        neuron(100, core=i, name=f"in{i}", destinations=(Destination(5, 1, i),)) for i in (0, 1)
    ]
    merge = neuron(
        core=5, name="sum", weights=np.array([[[[100]], [[-60]]]]), input_shape=(2, 1, 1)
    )
    image = single(*cores, merge, entry=(1, 0))
    depth = run(image, at(1))
    assert depth.events["t"].tolist() == []
    assert depth.states[5].item() == 40
    breadth = run(image, at(1), settings=Settings(order="breadth-first"))
    assert breadth.events["t"].tolist() == [1]
    assert breadth.states[5].item() == -60
