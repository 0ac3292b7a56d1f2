"""What a choice makes of a layer, and which layers must choose together."""

from dataclasses import replace

import numpy as np
from chip.chip_layers import layer, network
from hypothesis import given
from hypothesis import strategies as st

from dynapdeploy.chip.image import ChipImage, CoreImage, Destination
from dynapdeploy.chip.lower import Network, Target
from dynapdeploy.chip.quantize import nearest, quantize
from dynapdeploy.emulator import emulate
from dynapdeploy.events import make_events
from dynapdeploy.graph.nodes import IAF
from dynapdeploy.tuning.activity import INPUT, evened, feeders, groups
from dynapdeploy.tuning.choice import LayerChoice, quantize_chosen, rescaled

ONE = np.ones((1, 1, 1, 1))


def test_the_plain_choice_is_the_plain_quantizer():
    plain = layer(np.random.default_rng(0).normal(size=(4, 2, 3, 3)), neuron=IAF(1.5, -2.0))
    chosen = quantize_chosen(plain, LayerChoice(), 1.0, nearest)
    expected = quantize(plain)
    np.testing.assert_array_equal(chosen.weights, expected.weights)
    assert (chosen.threshold_high, chosen.threshold_low) == (
        expected.threshold_high,
        expected.threshold_low,
    )


@given(st.floats(0.1, 10), st.floats(0.1, 10))
def test_threshold_and_bias_follow_from_the_activities(inputs, outputs):
    plain = layer(ONE, neuron=IAF(2.0, -1.0), bias=np.array([0.5]))
    found = rescaled(plain, LayerChoice(activity=outputs), inputs)
    assert np.isclose(found.neuron.threshold, 2.0 * inputs / outputs)
    assert np.isclose(found.neuron.lower_bound, -1.0 * inputs / outputs)
    assert found.bias is not None and np.isclose(found.bias[0], 0.5 * inputs)


def test_the_lower_bound_is_in_thresholds():
    plain = layer(ONE, neuron=IAF(2.0))
    assert rescaled(plain, LayerChoice(lower_bound=-4.0, activity=2.0), 1.0).neuron == IAF(1.0, -4)
    bounded = layer(ONE, neuron=IAF(2.0, -1.0))
    assert rescaled(bounded, LayerChoice(lower_bound=None), 1.0).neuron.lower_bound is None


def test_twice_the_activity_gives_twice_the_spikes():
    plain = layer(np.full((1, 1, 1, 1), 0.25), (1, 1))
    counts = []
    for activity in (1.0, 2.0):
        found = quantize_chosen(plain, LayerChoice(activity=activity), 1.0, nearest)
        core = CoreImage(
            core=0,
            name="conv",
            weights=found.weights,
            input_shape=plain.input_shape,
            output_shape=plain.output_shape,
            threshold_high=found.threshold_high,
            threshold_low=found.threshold_low,
            destinations=(Destination(None),),
        )
        zeros = np.zeros(80, int)
        run = emulate(
            ChipImage("unbounded", (core,), (0,)), make_events(zeros, zeros, zeros, zeros)
        )
        counts.append(len(run.events))
    assert counts == [20, 40]


def clipped_share(clip: float) -> float:
    weight = np.random.default_rng(1).normal(size=(8, 8, 3, 3))
    found = quantize_chosen(layer(weight), LayerChoice(clip=clip), 1.0, nearest)
    return found.clipped


def test_clipping_cuts_off_the_share_that_it_says():
    assert clipped_share(1.0) == 0
    assert 0.005 < clipped_share(0.99) < 0.02


def branches() -> Network:
    """input -> a -> (b, c) -> d; the input reaches e beside d."""
    names = {
        "a": (Target("b"), Target("c")),
        "b": (Target("d"),),
        "c": (Target("d"),),
        "d": (Target("e"),),
        "e": (Target(None),),
    }
    layers = [replace(layer(ONE, name=n), targets=targets) for n, targets in names.items()]
    return replace(network(*layers), entry=("a", "e"))


def test_layers_that_are_added_up_share_an_activity():
    found = set(groups(branches()))
    assert found == {
        frozenset({"a"}),
        frozenset({"b", "c"}),
        frozenset({"d", INPUT}),
        frozenset("e"),
    }


def test_the_activity_beside_the_input_stays():
    net = branches()
    levels = {INPUT: 10.0, "a": 5.0, "b": 1.0, "c": 2.0, "d": 4.0, "e": 20.0}
    assert evened(net, levels, 1.0) == {"a": 2.0, "b": 5.0, "c": 5.0, "d": 1.0, "e": 0.5}
    assert feeders(net) == {"a": INPUT, "e": INPUT, "b": "a", "c": "a", "d": "b"}
