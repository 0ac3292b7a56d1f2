"""One suite for everything that runs chip images: ``pytest --target emulator|speck2fdevkit``.

Without the option it runs on the emulator and on the stand-in of a board.
"""

from dataclasses import replace

import numpy as np
import pytest
from boards import DEVICE, board, chain, some_events

from dynapdeploy import ChipImage, CoreImage, DataError, Destination, EnvironmentLacks, emulate
from dynapdeploy.chip.sensor import Sensor
from dynapdeploy.emulator.self_test import with_self_test
from dynapdeploy.hardware.emulated import EmulatorTarget
from dynapdeploy.hardware.self_test import run_on

DURATION_US = 50_000


def pytest_generate_tests(metafunc):
    if "kind" in metafunc.fixturenames:
        asked = metafunc.config.getoption("--target")
        metafunc.parametrize("kind", ["emulator", "double"] if asked == "both" else [asked])


@pytest.fixture
def target(kind):
    if kind == "emulator":
        opened = EmulatorTarget()
    elif kind == "double":
        opened = board()[1]
    else:
        from dynapdeploy.hardware.opening import require_board

        try:
            opened = require_board(chain(), kind)
        except EnvironmentLacks as fault:
            pytest.skip(str(fault))
    with opened:
        yield opened


def places(events):
    return events[["x", "y", "p"]].tolist()


def branched() -> ChipImage:
    """Two entry cores, a core with two destinations, shifted features, two pooling factors."""
    rng = np.random.default_rng(3)

    def core(number, inputs, features, size, destinations):
        return CoreImage(
            core=number,
            name=f"c{number}",
            weights=rng.integers(-50, 100, (features, inputs, 3, 3)),
            input_shape=(inputs, *size),
            output_shape=(features, *size),
            padding=(1, 1),
            threshold_high=250,
            threshold_low=-250,
            destinations=destinations,
        )

    return ChipImage(
        DEVICE,
        (
            core(3, 2, 2, (8, 8), (Destination(5, 2), Destination(6, 2))),
            core(4, 2, 2, (8, 8), (Destination(5, 2, 2),)),
            core(5, 4, 3, (4, 4), (Destination(None, 2),)),
            core(6, 2, 3, (4, 4), (Destination(None, 4, 3), Destination(None, 1))),
        ),
        (3, 4),
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_self_test_is_identical(target, seed):
    report = run_on(target, chain(seed))
    assert report.identical
    assert report.found == report.expected > 1000


@pytest.mark.parametrize("seed", range(3))
def test_output_and_monitored_spikes_are_those_of_the_emulator(target, seed):
    image = chain(seed, layers=3)
    events = some_events(image, 300, DURATION_US, seed)
    expected = emulate(image, events, monitor=[4])
    target.load(image, [4])
    seen = []
    found = target.stream(events, stretch=10, watch=seen.append)
    assert len(expected.events) > 100
    assert places(found.events) == places(expected.events)
    assert places(found.monitored[4]) == places(expected.monitored[4])
    assert set(found.monitored) == {4}
    assert places(np.concatenate(seen)) == places(expected.events)
    assert len(found.readout) == found.late == 0


def test_branches_shifts_and_two_entries(target):
    image = branched()
    events = some_events(image, 300, DURATION_US)
    ids = [3, 4, 5, 6]
    expected = emulate(image, events, monitor=ids)
    target.load(image, ids)
    found = target.stream(events, stretch=10)
    for core in ids:
        assert places(found.monitored[core]) == places(expected.monitored[core])
    assert sorted(places(found.events)) == sorted(places(expected.events))
    assert len(found.events) > 100


def test_as_fast_as_possible_gives_the_same(target):
    image = chain()
    events = some_events(image, 300, DURATION_US)
    target.load(image)
    assert places(target.stream(events, stretch=0).events) == places(emulate(image, events).events)


def test_states_stay_without_a_reset_and_go_with_one(target):
    image = chain(1)
    events = some_events(image, 100, DURATION_US, 1)
    once = places(emulate(image, events).events)
    twice = np.concatenate([events, events])
    twice["t"][100:] += DURATION_US
    both = places(emulate(image, twice).events)
    assert both[: len(once)] == once != both[len(once) :]
    target.load(image)
    assert places(target.stream(events).events) == once
    assert places(target.stream(events).events) == both[len(once) :]
    target.reset()
    assert places(target.stream(events).events) == once
    target.load(image)
    assert places(target.stream(events).events) == once


def test_initial_states_come_back_at_a_reset(target):
    plain = chain(2)
    rng = np.random.default_rng(0)
    first = replace(plain.cores[0], initial_state=rng.integers(-200, 299, (4, 8, 8)))
    image = replace(plain, cores=(first, *plain.cores[1:]), self_test=None)
    events = some_events(image, 100, DURATION_US)
    expected = places(emulate(image, events).events)
    assert expected != places(emulate(plain, events).events)
    target.load(image)
    for _ in range(2):
        assert places(target.stream(events).events) == expected
        target.reset()


def test_a_hard_reset_and_strides(target):
    plain = chain(4).cores
    first = replace(
        plain[0],
        weights=plain[0].weights,
        stride=(2, 1),
        output_shape=(4, 4, 8),
        return_to_zero=True,
    )
    second = replace(plain[1], input_shape=(4, 4, 8), output_shape=(4, 4, 8))
    image = with_self_test(ChipImage(DEVICE, (first, second), (3,)))
    assert run_on(target, image).identical


@pytest.mark.parametrize(
    "sensor",
    [
        Sensor("both", (4, 4), (10, 18, 4, 12), (True, False)),
        Sensor("both", (4, 2), (0, 8, 40, 48), (False, True), diagonal=True),
    ],
)
def test_events_of_the_pixel_array(target, sensor):
    image = with_self_test(replace(chain(), sensor=sensor, self_test=None))
    assert image.input_shape == (2, 128, 128)
    events = some_events(image, 6000, DURATION_US)
    expected = emulate(image, events)
    assert len(expected.events) > 10
    assert places(expected.events) == places(
        emulate(replace(image, sensor=None), sensor.apply(events)).events
    )
    target.load(image)
    assert places(target.stream(events, stretch=10).events) == places(expected.events)


def test_events_outside_the_map_are_refused(target):
    image = chain()
    events = some_events(image, 10, 100)
    events["x"][3] = 8
    target.load(image)
    with pytest.raises(DataError, match="outside the input map"):
        target.stream(events)


def test_nothing_in_nothing_out(target):
    image = chain()
    target.load(image, [3])
    found = target.stream(some_events(image, 0, 1))
    assert len(found.events) == len(found.monitored[3]) == 0
