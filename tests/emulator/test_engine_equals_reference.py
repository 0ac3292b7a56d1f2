"""The engine and the reference agree on every event, state and counter."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_images import CLOCKS, JITTERS, SETTINGS, events_for, images

from dynapdeploy.emulator import Settings, emulate, emulate_by_reference

MANY = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def assert_equal_runs(left, right, counted=True):
    np.testing.assert_array_equal(left.events, right.events)
    assert left.monitored.keys() == right.monitored.keys()
    for core, events in left.monitored.items():
        np.testing.assert_array_equal(events, right.monitored[core])
    assert left.states.keys() == right.states.keys()
    for core, state in left.states.items():
        assert state.dtype == np.int16
        np.testing.assert_array_equal(state, right.states[core])
    for core, counts in left.counts.items():
        np.testing.assert_array_equal(counts, right.counts[core])
    assert left.synops == right.synops
    assert left.spikes == right.spikes
    assert left.dropped == right.dropped
    assert left.peak_queue in (None, right.peak_queue)
    assert left.settings == right.settings
    assert left.jitter == right.jitter
    if counted:
        assert left.saturated_low == right.saturated_low
        assert left.saturated_high == right.saturated_high


def compare(data, image, choices, jitter=None, counted=False):
    events = data.draw(events_for(image))
    ids = [core.core for core in image.cores]
    monitor = data.draw(st.lists(st.sampled_from(ids), unique=True, max_size=2))
    asked = {"monitor": monitor, "settings": choices, "jitter": jitter}
    extra = {name: data.draw(st.booleans()) for name in ("count_spikes", "peak_queue")}
    fast = emulate(image, events, saturations=counted, **asked, **extra)
    assert list(fast.counts) == (ids if extra["count_spikes"] else [])
    assert (fast.peak_queue is not None) == extra["peak_queue"]
    assert_equal_runs(fast, emulate_by_reference(image, events, **asked), counted)


@settings(MANY, max_examples=1000)
@given(data=st.data(), image=images())
def test_plain(data, image):
    compare(data, image, Settings())


@settings(MANY, max_examples=150)
@given(data=st.data(), image=images(leak=True), choices=CLOCKS)
def test_leak_and_order(data, image, choices):
    compare(data, image, choices)


@settings(MANY, max_examples=200)
@given(data=st.data(), image=images(leak=True), choices=SETTINGS)
def test_every_setting_with_saturations(data, image, choices):
    compare(data, image, choices, counted=True)


@settings(MANY, max_examples=150)
@given(data=st.data(), image=images(leak=True), jitter=JITTERS, clock=st.sampled_from([None, 500]))
def test_jitter(data, image, jitter, clock):
    compare(data, image, Settings(slow_clock_hz=clock), jitter)


@pytest.mark.slow
@settings(MANY, max_examples=10_000)
@given(
    data=st.data(),
    image=images(leak=True),
    choices=st.one_of(st.just(Settings()), CLOCKS, SETTINGS),
    jitter=st.one_of(st.none(), st.none(), JITTERS),
    counted=st.booleans(),
)
def test_ten_thousand_images_with_every_setting(data, image, choices, jitter, counted):
    if jitter is not None:
        choices = replace(choices, order="depth-first")
    compare(data, image, choices, jitter, counted)
