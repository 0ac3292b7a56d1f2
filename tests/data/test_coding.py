import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dynapdeploy.chip.input_coding import InputCoding, PixelCoding
from dynapdeploy.data import Sample
from dynapdeploy.data.coding import coded_shape, encode, pixel_events
from dynapdeploy.data.frames import frame, time_frames
from dynapdeploy.errors import DataError, Mismatch
from dynapdeploy.events import make_events

EVENTS = make_events([0, 10, 20, 20], [0, 1, 1, 2], [0, 1, 1, 0], [0, 1, 1, 0])
RECORDING = Sample("r", 3, events=EVENTS)
IMAGE = Sample("i", 3, pixels=np.array([[[0, 1], [2, 4]]], np.float32))


def test_merging_puts_all_in_channel_0_and_leaves_the_sample():
    merged = encode(RECORDING, InputCoding(merge_polarity=True), (1, 2, 3))
    assert merged["p"].tolist() == [0] * 4
    assert merged["t"].tolist() == EVENTS["t"].tolist()
    assert EVENTS["p"].tolist() == [0, 1, 1, 0]
    assert encode(RECORDING, InputCoding(), (2, 2, 3)).tolist() == EVENTS.tolist()
    assert coded_shape((2, 5, 6), True) == (1, 5, 6)
    assert coded_shape((2, 5, 6), False) == (2, 5, 6)


def test_pixels_at_even_distances():
    events = pixel_events(IMAGE.pixels, PixelCoding(1.0, duration_us=800))
    columns = sorted(zip(events["y"], events["x"], events["t"], strict=True))
    assert columns == [
        (0, 1, 400),
        (1, 0, 200),
        (1, 0, 600),
        (1, 1, 100),
        (1, 1, 300),
        (1, 1, 500),
        (1, 1, 700),
    ]


@given(
    arrays(np.float32, (2, 3, 4), elements=st.floats(0, 255, width=32)),
    st.sampled_from(["even", "random"]),
    st.floats(0.001, 0.2),
    st.integers(1, 10_000),
)
def test_pixel_events_count_what_the_coding_says(pixels, order, per_unit, duration):
    events = pixel_events(pixels, PixelCoding(per_unit, duration, order, seed=5))
    counts = np.rint(pixels.astype(np.float64) * per_unit)
    assert np.array_equal(frame(events, (2, 3, 4)), counts)
    assert (np.diff(events["t"]) >= 0).all()
    if len(events):
        assert events["t"][0] >= 0
        assert events["t"][-1] < duration


@pytest.mark.parametrize(
    ("sample", "coding"),
    [(RECORDING, InputCoding(pixels=PixelCoding(1.0))), (IMAGE, InputCoding())],
)
def test_image_and_recording_are_not_mixed_up(sample, coding):
    with pytest.raises(Mismatch, match=r"still image"):
        encode(sample, coding, (2, 9, 9))


def test_events_outside_the_map_are_refused_by_name():
    with pytest.raises(DataError, match=r"^r: events: event 3 has x=2"):
        encode(RECORDING, InputCoding(), (2, 2, 2))


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_pixels_that_no_count_can_stand_for(bad):
    with pytest.raises(DataError, match="pixels from 0 on"):
        pixel_events(np.full((1, 1, 1), bad), PixelCoding(1.0))


def test_frame_counts_events():
    assert frame(EVENTS, (2, 2, 3)).tolist() == [[[1, 0, 1], [0, 0, 0]], [[0, 0, 0], [0, 2, 0]]]
    assert frame(EVENTS, (2, 2, 3), True).tolist() == [[[1, 0, 1], [0, 2, 0]]]


def test_time_frames_add_up_to_the_frame():
    steps = time_frames(EVENTS, (2, 2, 3), 10)
    assert steps.sum((1, 2, 3)).tolist() == [1, 1, 2]
    assert np.array_equal(steps.sum(0), frame(EVENTS, (2, 2, 3)))
    assert time_frames(EVENTS, (2, 2, 3), 10, steps=5, merge_polarity=True).shape == (5, 1, 2, 3)
    assert time_frames(EVENTS[:0], (2, 2, 3), 10).shape == (0, 2, 2, 3)


def test_time_frames_lose_no_event_silently():
    with pytest.raises(DataError, match="after 2 steps"):
        time_frames(EVENTS, (2, 2, 3), 10, steps=2)
    with pytest.raises(DataError, match="before the first step"):
        time_frames(EVENTS, (2, 2, 3), 10, start_us=5)
    with pytest.raises(DataError, match="at least 1 us"):
        time_frames(EVENTS, (2, 2, 3), 0)
