"""Everything that makes no sense is refused with one clear message."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_hand_computed import at, neuron, single

from dynapdeploy.chip.image import ChipImage, Destination
from dynapdeploy.emulator import (
    Emulator,
    Jitter,
    Settings,
    emulate,
    emulate_by_reference,
    emulate_many,
)
from dynapdeploy.errors import DataError, DeployError, ImageError, InputError
from dynapdeploy.events import EVENT, checked_events, make_events

RUNS = pytest.mark.parametrize(
    "run", [emulate, emulate_by_reference, lambda i, e: emulate_many(i, [e, e], workers=2)]
)


def columns(**dtypes):
    kinds = {"t": np.int64, "x": np.int16, "y": np.int16, "p": np.int16} | dtypes
    kinds = {name: kind for name, kind in kinds.items() if kind is not None}
    return np.zeros(2, np.dtype(list(kinds.items())))


def columns_of(order):
    return np.dtype([(name, np.int64) for name in order])


BAD_EVENTS = {
    "unsorted": (
        make_events([5, 4], [0, 0], [0, 0], [0, 0]),
        "not sorted by time, event 1 has t=4",
    ),
    "negative time": (make_events([-1], [0], [0], [0]), "time -1 at event 0 is negative"),
    "x outside": (make_events([0], [1], [0], [0]), "event 0 has x=1, outside the input map"),
    "y outside": (make_events([0], [0], [7], [0]), "event 0 has y=7, outside the input map"),
    "channel outside": (make_events([0], [0], [0], [2]), "event 0 has p=2, outside the input map"),
    "negative x": (make_events([0], [-1], [0], [0]), "event 0 has x=-1, outside the input map"),
    "no polarity": (columns(p=None), "fields x, y, t, p was expected, got fields t, x, y"),
    "plain array": (np.zeros((3, 4)), "structured array with fields x, y, t, p was expected"),
    "not an array": ("events", "structured array with fields x, y, t, p was expected"),
    "two dimensions": (columns()[None], r"one dimension was expected, got shape \(1, 2\)"),
    "times in seconds": (columns(t=np.float64), "field t must be an integer, got float64"),
    "NaN": (columns(x=np.float32), "field x must be an integer, got float32"),
}


@RUNS
@pytest.mark.parametrize("name", BAD_EVENTS)
def test_bad_events(run, name):
    events, message = BAD_EVENTS[name]
    with pytest.raises(DataError, match=message):
        run(single(neuron()), events)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(-1, 4), st.integers(-1, 2), st.integers(-1, 3), st.integers(-1, 1)),
        max_size=5,
    ),
    st.sampled_from([None, (1, 3, 2)]),
)
def test_the_quick_look_and_the_long_one_agree(rows, shape):
    """Events of the package's own kind are looked at by a kernel, others field by field."""
    own = np.array(rows, EVENT)
    other = np.array([tuple(row[i] for i in (3, 1, 2, 0)) for row in rows], columns_of("pxyt"))
    found = []
    for events in (own, other):
        try:
            found.append(checked_events(events, shape).tolist())
        except DataError as fault:
            found.append(str(fault))
    assert found[0] == found[1]


def test_read_only_and_strided_events():
    events = make_events(range(8), [0, 9] * 4, [0] * 8, [0] * 8)
    events.flags.writeable = False
    kept = events[::2]
    expected = emulate(single(neuron()), kept.copy())
    for given_events in (kept, np.ascontiguousarray(kept)):
        np.testing.assert_array_equal(
            emulate(single(neuron()), given_events).events, expected.events
        )
    assert len(expected.events)


def test_a_refused_piece_changes_nothing():
    stream = Emulator(single(neuron(30)))
    stream.feed(at(1, 2))
    with pytest.raises(DataError):
        stream.feed(make_events([3, 4], [0, 9], [0, 0], [0, 0]))
    assert stream.result().synops == {2: 2}
    stream.feed(at(3))
    assert stream.states[2].item() == 90


def test_fields_in_any_order_and_of_any_integer_kind():
    kinds = [("x", np.uint8), ("p", bool), ("t", np.uint32), ("y", np.int32)]
    events = np.zeros(3, kinds)
    events["t"] = 1, 2, 3
    assert emulate(single(neuron()), events).events["t"].tolist() == [2]


def loop():
    return ChipImage(
        "unbounded",
        (
            neuron(core=1, destinations=(Destination(2),)),
            neuron(core=2, destinations=(Destination(1),)),
        ),
        (1,),
    )


BAD_IMAGES = {
    "loop": (loop, r"the destinations form a loop, cores 1 -> 2 -> 1"),
    "three destinations": (
        lambda: neuron(destinations=(Destination(None),) * 3),
        "3 destinations, a core has at most 2",
    ),
    "NaN weight": (lambda: neuron(np.nan), "weights must be integers, got float64"),
    "NaN bias": (lambda: neuron(bias=np.array([np.nan])), "bias must be integers, got float64"),
    "NaN threshold": (lambda: neuron(threshold_high=np.nan), "threshold_high must be an integer"),
    "9-bit weight": (lambda: neuron(128), "weights must lie in -128..127, got 128..128"),
    "NaN stride": (lambda: neuron(stride=(np.nan, 1)), "stride must be 2 integers"),
    "decimator 8": (lambda: neuron(decimator=8), "decimator must lie in 0..7, got 8"),
    "readout 0": (
        lambda: ChipImage("unbounded", (neuron(),), (2,), readout_stride=0),
        "readout_stride must lie in 1..1024, got 0",
    ),
}


@pytest.mark.parametrize("name", BAD_IMAGES)
def test_bad_images(name):
    build, message = BAD_IMAGES[name]
    with pytest.raises(ImageError, match=message):
        build()


def test_not_an_image():
    with pytest.raises(ImageError, match="a ChipImage was expected, got str"):
        emulate("image", at(1))


@pytest.mark.parametrize("hz", [0, -1, float("nan"), float("inf"), "fast", True, 1e7], ids=repr)
def test_bad_clocks(hz):
    with pytest.raises(InputError, match="settings: slow_clock_hz must"):
        Settings(slow_clock_hz=hz)


@pytest.mark.parametrize(
    ("name", "value"),
    [("order", "sideways"), ("overflow", None), ("lower_bound", 3), ("leak_fires", "no")],
)
def test_bad_choices(name, value):
    with pytest.raises(InputError, match=f"settings: {name} must be one of"):
        Settings(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"), [("seed", -1), ("seed", 1.5), ("window_us", float("nan")), ("window_us", -3)]
)
def test_bad_jitter(name, value):
    with pytest.raises(InputError, match=f"jitter: {name} must"):
        Jitter(**{name: value})


@pytest.mark.parametrize("run", [emulate, emulate_by_reference])
def test_bad_requests(run):
    image = single(neuron())
    with pytest.raises(InputError, match=r"monitor: core 5 is not in the image \(cores \[2\]\)"):
        run(image, at(1), monitor=[5])
    with pytest.raises(InputError, match="monitor: a core is named twice"):
        run(image, at(1), monitor=[2, 2])
    with pytest.raises(InputError, match="jitter perturbs the depth-first order"):
        run(image, at(1), settings=Settings(order="breadth-first"), jitter=Jitter())
    with pytest.raises(InputError, match="settings must be Settings, got dict"):
        run(image, at(1), settings={"order": "depth-first"})
    with pytest.raises(InputError, match="jitter must be a Jitter, got int"):
        run(image, at(1), jitter=3)


def test_more_single_ticks_than_can_be_worked_off():
    core = neuron(bias=np.array([-1]))
    clock = Settings(slow_clock_hz=1e6, leak_fires=True)
    with pytest.raises(DataError, match="ticks of the slow clock"):
        emulate(single(core), at(2**40), settings=clock)
    many = Settings(slow_clock_hz=1e6)
    assert emulate(single(core), at(2**40), settings=many).states[2].item() == -50


def test_maps_beyond_16_bits():
    with pytest.raises(ImageError, match=r"input_shape must lie in 1\.\.32768"):
        neuron(
            weights=np.ones((1, 1, 1, 1), int),
            input_shape=(1, 1, 2**15 + 1),
            output_shape=(1, 1, 2**15 + 1),
        )


def test_strides_and_paddings_beyond_any_map():
    for geometry in ({"stride": (2**33, 1)}, {"padding": (0, 2**62)}):
        with pytest.raises(ImageError, match="must lie in"):
            neuron(weights=np.ones((1, 1, 1, 1), int), **geometry)


def test_every_refusal_is_a_deploy_error():
    assert issubclass(DataError, DeployError) and issubclass(InputError, DeployError)
