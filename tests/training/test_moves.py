"""Samples moved about: frames and events alike, nothing made up, nothing counted twice."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dynapdeploy.data.frames import frame
from dynapdeploy.errors import InputError
from dynapdeploy.events import make_events
from dynapdeploy.training.moves import Reach, moved_events, moved_frames, pixel_maps
from dynapdeploy.training.settings import TrainingSettings

SHAPE = (2, 6, 7)


def some_events(random: np.random.Generator, count: int = 60) -> np.ndarray:
    place = (random.integers(0, size, count) for size in (7, 6, 2))
    return make_events(np.arange(count), *place)


@given(
    st.integers(0, 3),
    st.floats(0, 180),
    st.floats(0, 0.9),
    st.floats(0, 5),
    st.integers(1, 4),
    st.integers(0, 2**32),
)
def test_frames_and_events_move_alike(shift, turn, zoom, bend, count, seed):
    random = np.random.default_rng(seed)
    maps = pixel_maps(Reach(shift, turn, zoom, bend), SHAPE[1:], count, random)
    recordings = [some_events(random) for _ in range(count)]
    still = torch.from_numpy(np.stack([frame(events, SHAPE) for events in recordings]))
    after = moved_frames(still, maps)
    for index, events in enumerate(recordings):
        moved = moved_events(events, maps[index], SHAPE)
        np.testing.assert_array_equal(after[index].numpy(), frame(moved, SHAPE))
        assert set(moved["t"]) <= set(events["t"]) and (np.diff(moved["t"]) > 0).all()


def test_bending_is_smooth_and_as_strong_as_asked():
    size, deviation = (40, 40), 2.0
    maps = pixel_maps(Reach(bend=deviation), size, 400, np.random.default_rng(0))
    places = np.where(maps < 1600, maps, -1).reshape(400, 40, 40)
    y, x = np.mgrid[:40, :40]
    inside = (slice(None), slice(13, 27), slice(13, 27))  # where nothing leaves the map
    moved = np.stack([places // 40 - y, places % 40 - x])[:, *inside]
    assert (places[inside] >= 0).all()
    assert 0.5 * deviation < moved.std() < 1.1 * deviation
    neighbours = np.diff(moved, axis=-1)
    assert neighbours.std() < 0.5 * moved.std()


@given(st.integers(0, 3), st.integers(0, 2**32))
def test_a_shift_keeps_the_picture(shift, seed):
    random = np.random.default_rng(seed)
    (places,) = pixel_maps(Reach(shift), (9, 9), 1, random)
    picture = places.reshape(9, 9)
    inside = picture[picture < 81]
    assert len(set(inside)) == len(inside) >= (9 - shift) ** 2
    (way,) = {int(place) - 9 * y - x for (y, x), place in np.ndenumerate(picture) if place < 81}
    assert abs(way) <= 10 * shift


def test_a_turn_about_the_middle_by_hand():
    class Always:
        """Draws the middle of the pixel, and the largest angle."""

        def integers(self, low, high, size):
            return np.zeros(size, np.int64)

        def uniform(self, low, high, size):
            return np.full(size, high if high > 1 else 0.0)

    (places,) = pixel_maps(Reach(turn=90), (3, 3), 1, Always())
    # 0 1 2      the top row becomes the right or left column, the middle stays
    # 3 4 5
    # 6 7 8
    assert places.tolist() == [6, 3, 0, 7, 4, 1, 8, 5, 2]


def test_unmoved_where_nothing_is_asked():
    assert not Reach() and Reach(shift=1) and Reach(turn=1) and Reach(zoom=0.1) and Reach(bend=1)
    maps = pixel_maps(Reach(), (4, 5), 3, np.random.default_rng(0))
    np.testing.assert_array_equal(maps, np.tile(np.arange(20), (3, 1)))


@pytest.mark.parametrize(("name", "value"), [("turn", 181), ("turn", -1), ("zoom", 0.95)])
def test_senseless_moves_are_refused(name, value):
    with pytest.raises(InputError, match=name):
        TrainingSettings(data="digits", model="digits", **{name: value})
