"""Jitter varies what the chip leaves open, and nothing else."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from random_images import events_for, images
from test_engine_equals_reference import MANY, assert_equal_runs
from test_hand_computed import at, neuron, single
from test_streaming import chain, drawn_events

from dynapdeploy.chip.image import ChipImage, Destination
from dynapdeploy.emulator import Jitter, emulate, emulate_by_reference
from dynapdeploy.events import make_events


def test_equal_seeds_give_equal_runs_and_others_differ():
    image, events = chain(), drawn_events(300)
    runs = [emulate(image, events, jitter=Jitter(seed, window_us=100)) for seed in (1, 1, 2)]
    assert_equal_runs(runs[0], runs[1])
    assert not np.array_equal(runs[0].events, runs[2].events)


def test_branches_do_not_vary_a_chain():
    """Cores 5 to 7 in a row: what waits for a core stays in its order."""
    first, second = chain().cores
    image = ChipImage(
        "unbounded",
        (
            replace(first, core=5, destinations=(Destination(6, 2),)),
            replace(second, core=6, destinations=(Destination(None),)),
        ),
        (5,),
    )
    events = drawn_events(500)
    plain = emulate(image, events)
    for seed in range(3):
        jittered = emulate(image, events, jitter=Jitter(seed))
        np.testing.assert_array_equal(jittered.events, plain.events)
        assert jittered.synops == plain.synops


def test_branches_vary_a_merge():
    cores = [
        neuron(100, core=i, name=f"in{i}", destinations=(Destination(5, 1, i - 3),)) for i in (3, 4)
    ]
    merge = neuron(
        core=5, name="sum", weights=np.array([[[[100]], [[-60]]]]), input_shape=(2, 1, 1)
    )
    image = single(*cores, merge, entry=(3, 4))
    found = {emulate(image, at(1), jitter=Jitter(s)).states[5].item() for s in range(20)}
    assert found == {-60, 40}
    still = {
        emulate(image, at(1), jitter=Jitter(s, branches=False)).states[5].item() for s in range(20)
    }
    assert still == {-60}


def test_neurons_vary_in_the_parallel_cores_only():
    orders = {}
    for core in range(4):
        wide = neuron(core=core, weights=np.full((4, 1, 1, 1), 100), output_shape=(4, 1, 1))
        image = single(wide, entry=(core,))
        orders[core] = {
            tuple(emulate(image, at(1), jitter=Jitter(s)).events["p"]) for s in range(100)
        }
    assert orders[2] == orders[3] == {(0, 1, 2, 3)}
    assert len(orders[0]) > 15
    assert all(sorted(order) == [0, 1, 2, 3] for order in orders[0] | orders[1])


def test_window_moves_addresses_within_it_and_leaves_times():
    core = neuron(100, core=2, weights=np.full((1, 1, 1, 1), 100))
    core = replace(core, input_shape=(1, 1, 1000), output_shape=(1, 1, 1000))
    t = np.arange(1000) * 10
    events = make_events(t, np.arange(1000), 0 * t, 0 * t)
    run = emulate(single(core), events, jitter=Jitter(1, window_us=35))
    np.testing.assert_array_equal(run.events["t"], t)
    moved = run.events["x"] - np.arange(1000)
    assert sorted(run.events["x"]) == list(range(1000))
    assert 0 < np.abs(moved).max() <= 3


@settings(MANY, max_examples=100)
@given(data=st.data(), image=images(plain=True), seed=st.integers(0, 50))
def test_jitter_of_nothing_is_no_jitter(data, image, seed):
    events = data.draw(events_for(image))
    still = emulate(image, events, jitter=Jitter(seed, branches=False, neurons=False))
    assert_equal_runs(replace(still, jitter=None), emulate(image, events))


def test_one_parallel_core_alone_draws_like_the_reference():
    core = neuron(
        core=0, weights=np.full((5, 1, 1, 1), 50), output_shape=(5, 1, 1), threshold_high=50
    )
    image = ChipImage("unbounded", (replace(core, destinations=(Destination(None),)),), (0,))
    for seed in range(5):
        asked = {"jitter": Jitter(seed)}
        found = emulate(image, at(1, 2, 3), **asked)
        assert_equal_runs(found, emulate_by_reference(image, at(1, 2, 3), **asked), counted=False)
