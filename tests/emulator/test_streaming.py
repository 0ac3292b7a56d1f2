"""Pieces, many recordings, and memory."""

import sys
import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_images import SETTINGS, events_for, images
from test_engine_equals_reference import MANY, assert_equal_runs

from dynapdeploy.chip.image import ChipImage, CoreImage, Destination
from dynapdeploy.emulator import Emulator, Jitter, Settings, emulate, emulate_many
from dynapdeploy.emulator import engine as engine_module
from dynapdeploy.emulator import machine as machine_module
from dynapdeploy.errors import DataError
from dynapdeploy.events import EVENT, make_events


def chain(threshold=60):
    random = np.random.default_rng(3)
    first = CoreImage(
        core=0,
        name="a",
        weights=random.integers(-60, 100, (6, 2, 3, 3)),
        input_shape=(2, 16, 16),
        output_shape=(6, 16, 16),
        padding=(1, 1),
        threshold_high=threshold,
        threshold_low=-100,
        destinations=(Destination(4, 2), Destination(None)),
    )
    second = CoreImage(
        core=4,
        name="b",
        weights=random.integers(-60, 100, (5, 6, 2, 2)),
        input_shape=(6, 8, 8),
        output_shape=(5, 4, 4),
        stride=(2, 2),
        threshold_high=threshold,
        threshold_low=-100,
        destinations=(Destination(None),),
    )
    return ChipImage("unbounded", (first, second), (0,))


def drawn_events(count, seed=0, start=0):
    random = np.random.default_rng(seed)
    t = start + np.sort(random.integers(0, 10 * count, count))
    x, y = random.integers(0, 16, (2, count))
    return make_events(t, x, y, random.integers(0, 2, count))


@settings(MANY, max_examples=150)
@given(data=st.data(), image=images(leak=True), choices=SETTINGS)
def test_pieces_equal_the_whole(data, image, choices):
    events = data.draw(events_for(image))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(events)), max_size=4)))
    monitor = [image.cores[-1].core]
    asked = {"monitor": monitor, "settings": choices, "count_spikes": True} | {
        name: data.draw(st.booleans()) for name in ("saturations", "peak_queue")
    }
    stream = Emulator(image, **asked)
    output, monitored = [], []
    for piece in np.split(events, cuts):
        output.append(stream.feed(piece))
        monitored.append(stream.monitored[monitor[0]])
    whole = emulate(image, events, **asked)
    np.testing.assert_array_equal(np.concatenate(output), whole.events)
    np.testing.assert_array_equal(np.concatenate(monitored), whole.monitored[monitor[0]])
    last = stream.result()
    assert last.synops == whole.synops
    assert last.spikes == whole.spikes
    assert last.dropped == whole.dropped
    assert last.saturated_low == whole.saturated_low
    assert last.saturated_high == whole.saturated_high
    assert last.peak_queue == whole.peak_queue
    for core, state in whole.states.items():
        np.testing.assert_array_equal(stream.states[core], state)
        np.testing.assert_array_equal(last.counts[core], whole.counts[core])


@pytest.mark.parametrize("jitter", [None, Jitter(5)])
def test_reset_starts_anew(jitter):
    image, events = chain(), drawn_events(300)
    stream = Emulator(image, jitter=jitter)
    stream.feed(events)
    stream.reset()
    assert all((state == 0).all() for state in stream.states.values())
    stream.feed(events)
    assert_equal_runs(stream.result(), emulate(image, events, jitter=jitter))


def test_states_are_copies():
    stream = Emulator(chain())
    stream.states[0][:] = 99
    assert (stream.states[0] == 0).all()


@pytest.mark.parametrize("order", ["depth-first", "breadth-first"])
def test_a_long_recording_goes_to_the_kernel_in_pieces(monkeypatch, order):
    image, events, settings = chain(), drawn_events(300), Settings(order=order)
    whole = emulate(image, events, monitor=[0, 4], settings=settings)
    monkeypatch.setattr(engine_module, "PIECE", 7)
    assert_equal_runs(emulate(image, events, monitor=[0, 4], settings=settings), whole)


def test_a_piece_must_not_begin_before_the_end_of_the_last():
    stream = Emulator(chain())
    stream.feed(make_events([5, 9], [0, 0], [0, 0], [0, 0]))
    with pytest.raises(DataError, match=r"begins at t=8, before t=9"):
        stream.feed(make_events([8], [0], [0], [0]))


def test_spikes_of_each_neuron_are_counted_where_asked_for():
    image, events = chain(), drawn_events(300)
    asked = emulate(image, events, count_spikes=True, monitor=[0, 4])
    assert emulate(image, events).counts == {}
    for core in image.cores:
        spikes = asked.monitored[core.core]
        counted = np.zeros(core.output_shape, int)
        np.add.at(counted, (spikes["p"], spikes["y"], spikes["x"]), 1)
        np.testing.assert_array_equal(asked.counts[core.core], counted)
        assert asked.spikes[core.core] == counted.sum() > 0


def test_nothing_in_nothing_out():
    result = emulate(chain(), np.empty(0, EVENT), monitor=[4])
    assert len(result.events) == len(result.monitored[4]) == 0
    assert result.synops == {0: 0, 4: 0}


@pytest.mark.parametrize(
    "asked",
    [{}, {"peak_queue": True}, {"saturations": True}, {"jitter": Jitter(3)}],
    ids=lambda asked: "".join(asked) or "plain",
)
@pytest.mark.parametrize("exits", [True, False], ids=["two exits", "one exit"])
def test_small_buffers_change_nothing(monkeypatch, asked, exits):
    """The queue grows and the output is emptied as often as needed, nothing is lost."""
    image, events = chain(threshold=1), drawn_events(1500)
    if not exits:
        first, second = image.cores
        image = replace(image, cores=(replace(first, destinations=first.destinations[:1]), second))
    roomy = emulate(image, events, monitor=[0, 4], **asked)
    assert roomy.peak_queue is None or roomy.peak_queue > 8
    monkeypatch.setattr(machine_module, "LEAST_QUEUE", 2)
    monkeypatch.setattr(machine_module, "LEAST_OUTPUT", 1)
    calls = []
    call = machine_module.Machine._call
    monkeypatch.setattr(
        machine_module.Machine, "_call", lambda self, *a: calls.append(1) or call(self, *a)
    )
    assert_equal_runs(emulate(image, events, monitor=[0, 4], **asked), roomy)
    assert len(calls) > 10


def test_a_queue_that_must_grow():
    """Each core sends every spike twice to the next, so what waits doubles from core to core."""
    cores = []
    for number in range(5):
        twice = (Destination(number + 1, 1, 0), Destination(number + 1, 1, 0))
        cores.append(
            CoreImage(
                core=number,
                name=f"layer{number}",
                weights=np.full((8, 1 if number == 0 else 8, 1, 1), 100),
                input_shape=(1 if number == 0 else 8, 1, 1),
                output_shape=(8, 1, 1),
                threshold_high=100,
                threshold_low=-100,
                destinations=twice if number < 4 else (),
            )
        )
    image = ChipImage("unbounded", tuple(cores), (0,))
    for jitter in (None, Jitter(1)):
        result = emulate(image, make_events([0], [0], [0], [0]), jitter=jitter, peak_queue=True)
        assert result.spikes == {n: 8 * 16**n for n in range(5)}
        assert result.peak_queue >= (16**4 if jitter is None else 16)


@pytest.mark.parametrize("workers", [1, 2, 3, None])
def test_many_recordings_in_order(workers):
    image = chain()
    recordings = [drawn_events(100 + 37 * i, seed=i) for i in range(20)]
    for jitter in (None, Jitter(2, window_us=50)):
        found = emulate_many(image, iter(recordings), workers=workers, jitter=jitter, monitor=[4])
        assert len(found) == len(recordings)
        for run, events in zip(found, recordings, strict=True):
            assert_equal_runs(run, emulate(image, events, jitter=jitter, monitor=[4]))


def test_the_kernel_runs_without_the_interpreters_lock():
    """While one thread is inside the kernel for long, another goes on counting."""
    image = chain(threshold=1)
    events = drawn_events(15_000)
    stream = Emulator(image)
    stream.feed(drawn_events(10))
    stream.reset()
    items = []
    done = threading.Event()

    def feed():
        stream.feed(events)
        done.set()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    try:
        worker = threading.Thread(target=feed)
        worker.start()
        while not done.is_set():
            items.append(1)
            done.wait(0.001)
        worker.join()
    finally:
        sys.setswitchinterval(interval)
    assert len(items) > 3


@pytest.mark.parametrize("workers", [0, -1, 1.5, 2.0, np.float64(2), True, np.True_, "2"])
def test_workers_must_be_a_number(workers):
    from dynapdeploy.errors import InputError

    with pytest.raises(InputError, match="workers must be an integer of at least 1"):
        emulate_many(chain(), [], workers=workers)


def test_any_integer_is_a_number_of_workers():
    events = drawn_events(50)
    (run,) = emulate_many(chain(), [events], workers=np.int64(2))
    assert_equal_runs(run, emulate(chain(), events))


def test_recordings_that_are_none():
    from dynapdeploy.errors import InputError

    with pytest.raises(InputError, match="recordings, one after another, were expected, got None"):
        emulate_many(chain(), None)


def _resident_growth(total, piece):
    """Growth of the resident memory in bytes while ``total`` events go through in pieces."""
    events = drawn_events(piece)
    span = int(events["t"][-1]) + 1
    stream = Emulator(chain(threshold=300), settings=Settings(slow_clock_hz=100), monitor=[4])
    before = 0
    for _ in range(10):
        stream.feed(events)
        events["t"] += span
        before = max(before, _resident())
    for _ in range(total // piece):
        stream.feed(events)
        events["t"] += span
    assert stream.result().synops[0] > 6 * 4 * total
    return _resident() - before


def _resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_does_not_grow():
    assert _resident_growth(2_000_000, 50_000) < 20e6


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_does_not_grow_over_a_hundred_million_events():
    assert _resident_growth(100_000_000, 500_000) < 50e6
