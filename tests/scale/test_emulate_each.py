"""Results one by one: in order, equal to those at once, and no recording read long before."""

from pathlib import Path

import numpy as np
import pytest

from dynapdeploy import load_image
from dynapdeploy.emulator import emulate_each, emulate_many
from dynapdeploy.errors import DataError, InputError
from dynapdeploy.events import make_events

IMAGE = Path(__file__).parents[1] / "chip" / "golden" / "two_cores.dynap"


@pytest.fixture(scope="module")
def image():
    return load_image(IMAGE)


@pytest.fixture(scope="module")
def recordings(image):
    channels, height, width = image.input_shape
    random = np.random.default_rng(0)
    return [
        make_events(
            np.arange(count),
            random.integers(0, width, count),
            random.integers(0, height, count),
            random.integers(0, channels, count),
        )
        for count in random.integers(0, 60, 40).tolist()
    ]


@pytest.mark.parametrize("workers", [1, 3])
def test_in_order_and_equal(image, recordings, workers):
    expected = emulate_many(image, recordings, workers=1)
    found = list(emulate_each(image, iter(recordings), workers=workers))
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert np.array_equal(ours.events, theirs.events)
        assert (ours.synops, ours.spikes) == (theirs.synops, theirs.spikes)
        assert all(np.array_equal(ours.states[c], theirs.states[c]) for c in theirs.states)


@pytest.mark.parametrize(("workers", "ahead"), [(1, 1), (2, 8)])
def test_few_recordings_are_read_ahead(image, recordings, workers, ahead):
    read = 0

    def source():
        nonlocal read
        for events in recordings:
            read += 1
            yield events

    results = emulate_each(image, source(), workers=workers)
    assert read == 0
    for done, _ in enumerate(results, 1):
        assert read <= done - 1 + ahead
        if done == 10:
            break
    assert read < len(recordings)


def test_faults_come_where_they_are(image, recordings):
    def source():
        yield recordings[0]
        raise DataError("the disk is gone")

    for workers in (1, 2):
        with pytest.raises(DataError, match="the disk is gone"):
            list(emulate_each(image, source(), workers=workers))
    with pytest.raises(InputError, match="workers"):
        emulate_each(image, recordings, workers=0)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_an_error_comes_after_the_results_before_it(image, recordings, workers):
    def source():
        yield from recordings[:3]
        raise DataError("no more")

    found = emulate_each(image, source(), workers=workers)
    for _ in range(3):
        next(found)
    with pytest.raises(DataError, match="no more"):
        next(found)
