"""Weights and thresholds in integers: what must hold always, and the traps of sinabs."""

import numpy as np
import pytest
from chip_layers import layer
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sinabs_backend import sinabs_backend

from dynapdeploy.chip.quantize import quantize, quantize_as_sinabs
from dynapdeploy.graph.nodes import IAF

WEIGHTS = arrays(np.float64, (3, 2, 2, 2), elements=st.floats(-4, 4, width=32))


def drawn(scale: float, shape=(16, 8, 3, 3), seed=0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, scale, shape)


@given(WEIGHTS, st.floats(0.01, 10), st.none() | st.floats(-10, -0.001))
def test_no_single_weight_leaves_sixteen_bits(weight, threshold, bound):
    found = quantize(layer(weight, neuron=IAF(threshold, bound)))
    weights = found.weights.astype(int)
    assert 1 <= found.threshold_high <= 32767
    assert found.threshold_low < 0
    assert found.threshold_high + weights.max(initial=0) <= 32767 + 1
    assert found.threshold_low + weights.min(initial=0) >= -32768


@given(WEIGHTS, st.floats(0.05, 10))
def test_weights_are_the_nearest_integers_of_one_scale(weight, threshold):
    found = quantize(layer(weight, neuron=IAF(threshold)))
    assert np.abs(found.weights - weight * found.scale).max() <= 0.5 + 1e-9
    assert found.clipped == 0


def test_the_largest_weight_uses_all_eight_bits():
    found = quantize(layer(drawn(0.1)))
    assert max(found.weights.max(), -found.weights.astype(int).min() - 1) == 127
    assert found.threshold_high == round(found.scale)


def test_without_lower_bound_the_scale_is_that_of_the_weights():
    free, bound = (quantize(layer(drawn(0.1), neuron=IAF(1.0, low))) for low in (None, -1.0))
    assert free.scale == bound.scale
    assert free.threshold_low == -32768 + np.abs(free.weights.astype(int)).max()
    assert bound.threshold_low == round(-bound.scale)


def test_a_bias_takes_no_bits_from_the_weights():
    weight = drawn(0.1)
    plain = quantize(layer(weight))
    biased = quantize(layer(weight, bias=np.full(16, 5.0)))
    np.testing.assert_array_equal(plain.weights, biased.weights)
    assert biased.bias is not None
    np.testing.assert_array_equal(biased.bias, np.full(16, round(5.0 * plain.scale)))


def test_a_bias_beyond_its_word_lowers_the_scale():
    found = quantize(layer(drawn(0.001), bias=np.full(16, 1000.0)))
    assert found.bias is not None
    assert found.bias.max() <= 32767
    assert found.scale == pytest.approx(32.767)


def test_a_lower_bound_of_zero_becomes_minus_one():
    assert quantize(layer(drawn(0.1), neuron=IAF(1.0, 0.0))).threshold_low == -1


def test_a_layer_of_zeros_is_quantized():
    found = quantize(layer(np.zeros((2, 1, 3, 3))))
    assert not found.weights.any()
    assert found.zeroed == 0
    assert found.threshold_high > 0


def test_measures_of_loss_against_a_plain_computation():
    weight = drawn(0.01)
    weight[0, 0, 0, 0] = 5.0
    found = quantize(layer(weight))
    rounded = np.rint(weight * found.scale)
    assert found.zeroed == (rounded == 0).mean()
    noise = ((rounded / found.scale - weight) ** 2).sum()
    assert found.signal_to_noise_db == pytest.approx(10 * np.log10((weight**2).sum() / noise))
    assert found.worst_channel_db < 1 < 20 < found.signal_to_noise_db
    assert found.effective_bits == pytest.approx(np.log2(len(np.unique(rounded))))


@pytest.mark.parametrize("scale", [0.001, 0.1, 1.0, 300.0])
@pytest.mark.parametrize("bound", [None, -1.0, 0.0])
@pytest.mark.parametrize("biased", [False, True])
def test_the_sinabs_quantizer_equals_sinabs(scale, bound, biased):
    import sinabs.layers as sl
    import torch
    from torch import nn

    weight = drawn(scale).astype(np.float32)
    bias = drawn(scale * 3, (16,), seed=1).astype(np.float32) if biased else None
    conv = nn.Conv2d(8, 16, 3, bias=biased)
    conv.weight.data = torch.from_numpy(weight)
    if bias is not None:
        conv.bias.data = torch.from_numpy(bias)
    neuron = sl.IAFSqueeze(batch_size=1, spike_threshold=torch.tensor(1.0), min_v_mem=bound)
    with sinabs_backend():
        from sinabs.backend.dynapcnn.discretize import discretize_conv_spike

        their_conv, their_neuron = discretize_conv_spike(conv, neuron, to_int=True)
    ours = quantize_as_sinabs(layer(weight, bias=bias, neuron=IAF(1.0, bound)))
    np.testing.assert_array_equal(ours.weights, their_conv.weight.detach().numpy())
    assert ours.threshold_high == int(their_neuron.spike_threshold)
    assert ours.threshold_low == int(their_neuron.min_v_mem)
    if bias is not None:
        np.testing.assert_array_equal(ours.bias, their_conv.bias.detach().numpy())


def test_trap_of_sinabs_no_lower_bound_zeroes_the_weights():
    weight = drawn(0.1)
    assert not quantize_as_sinabs(layer(weight)).weights.any()
    assert quantize(layer(weight)).zeroed < 0.02


def test_trap_of_sinabs_large_weights_give_threshold_zero():
    neuron = IAF(1.0, -1.0)
    weight = drawn(300.0)
    assert quantize_as_sinabs(layer(weight, neuron=neuron)).threshold_high == 0
    assert quantize(layer(weight, neuron=neuron)).threshold_high == 1


def test_trap_of_sinabs_an_outlier_zeroes_a_layer():
    weight = drawn(0.01, (64, 32, 3, 3))
    weight[0, 0, 0, 0] = 5.0
    assert quantize_as_sinabs(layer(weight, neuron=IAF(1.0, -1.0))).zeroed > 0.9
