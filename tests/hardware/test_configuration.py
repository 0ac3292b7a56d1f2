"""What sinabs never writes: shifts, decimator, readout, monitors, initial states; and files."""

import json
from dataclasses import replace

import numpy as np
import pytest
from boards import NEURON, REAL, board, chain, same_memory, some_events
from samna_double import Double

from dynapdeploy import ChipImage, CoreImage, Destination, Mismatch
from dynapdeploy.hardware.configuration import (
    READOUT_PINS,
    Readout,
    configuration,
    difference,
    flash_binary,
    validate,
)
from dynapdeploy.report.streaming import readout_counts

CHIP = Double(()).speck2f


def one_core(**changes) -> CoreImage:
    values = {
        "core": 5,
        "name": "last",
        "weights": np.arange(24).reshape(2, 3, 2, 2),
        "input_shape": (3, 4, 6),
        "output_shape": (2, 3, 5),
        "threshold_high": 100,
        "threshold_low": -7,
        "destinations": (Destination(None),),
    }
    return CoreImage(**values | changes)


def written(core: CoreImage, **options):
    return configuration(ChipImage(REAL, (core,), (5,)), CHIP, **options).cnn_layers[5]


def test_the_double_has_the_memory_of_the_profile():
    assert len(NEURON) == 9
    assert same_memory()


def test_axes_and_initial_states():
    state = np.arange(30).reshape(2, 3, 5)
    layer = written(one_core(initial_state=state, weights=np.arange(24).reshape(2, 3, 2, 2)))
    assert layer.neurons_initial_value == state.swapaxes(1, 2).tolist()
    assert layer.weights[1][2][0] == [20, 22]
    assert layer.dimensions.input_shape.size.x == 6
    assert layer.dimensions.output_shape.size.y == 3
    assert layer.monitor_enable is True


def test_shift_decimator_leak_and_pooling():
    image = chain()
    first = replace(
        image.cores[0],
        destinations=(Destination(4, 2, 1),),
        decimator=5,
        bias=np.array([0, -3, 0, 0]),
    )
    image = replace(image, cores=(first, image.cores[1]), self_test=None)
    layer = configuration(image, CHIP).cnn_layers[3]
    target = layer.destinations[0]
    assert (target.layer, target.enable, target.pooling, target.feature_shift) == (4, True, 2, 1)
    assert layer.destinations[1].enable is False
    assert (layer.output_decimator_enable, layer.output_decimator_interval) == (True, 5)
    assert layer.leak_enable is True
    assert layer.biases == [0, -3, 0, 0]
    assert layer.monitor_enable is False
    with pytest.raises(Mismatch, match="whether monitored spikes are decimated is not known"):
        configuration(image, CHIP, monitor=[3])


def test_the_readout_layer():
    core = one_core(
        weights=np.ones((9, 3, 1, 1), int), input_shape=(3, 1, 1), output_shape=(9, 1, 1)
    )
    image = ChipImage(REAL, (core,), (5,), readout_stride=4)
    target = configuration(image, CHIP, readout=Readout(77, 32))
    layer = target.cnn_layers[5]
    assert layer.destinations[0].layer == 12
    assert layer.destinations[0].enable is True
    assert layer.monitor_enable is False
    readout = target.readout
    assert (readout.enable, readout.threshold, readout.readout_configuration_sel) == (True, 77, 3)
    assert (readout.low_pass_filter_disable, readout.low_pass_filter32_not16) == (False, True)
    assert (readout.monitor_enable, readout.readout_pin_monitor_enable) == (True, False)
    validate(CHIP, target)
    flash_binary(CHIP, target, pins=True)
    assert target.factory_config.io_sel == READOUT_PINS
    with pytest.raises(Mismatch, match="takes class k from channel 4 k"):
        configuration(replace(image, readout_stride=1), CHIP, readout=Readout())
    with pytest.raises(Mismatch, match="one output core with a 1x1 map"):
        configuration(ChipImage(REAL, (one_core(),), (5,)), CHIP, readout=Readout())


def test_readout_values():
    values = np.array([0, 1 << 20 | 3 << 16, 5 << 16 | 9, 1 << 20 | 3 << 16 | 255], np.uint32)
    assert readout_counts(values) == {3: 2}


def test_a_kernel_that_is_not_square_is_refused():
    core = one_core(
        weights=np.zeros((2, 3, 1, 2), int), output_shape=(2, 4, 5), input_shape=(3, 4, 6)
    )
    with pytest.raises(Mismatch, match="a 1x2 kernel"):
        written(core)


def test_two_configurations_are_compared_to_the_last_field():
    one, other = (configuration(chain(), CHIP) for _ in range(2))
    assert difference(json.loads(one.to_json()), json.loads(other.to_json())) is None
    weights = other.cnn_layers[4].weights
    weights[3][1][2][0] += 1
    other.cnn_layers[4].weights = weights
    found = difference(json.loads(one.to_json()), json.loads(other.to_json()))
    assert found is not None
    assert found.startswith("cnn_layers[4].weights[3][1][2][0] is")


def test_leak_and_readout_need_a_slow_clock():
    image = chain()
    first = replace(image.cores[0], bias=np.array([-2, 0, 1, 0]))
    image = replace(image, cores=(first, image.cores[1]), self_test=None)
    double, target = board()
    with pytest.raises(Mismatch, match="the leak of conv1 needs the slow clock"), target:
        target.load(image)
    double, target = board(slow_clock_hz=1000.0)
    with target:
        target.load(image, [3])
        assert double.boards[0].chip.slow_clock_hz == 1000.0
        assert len(target.stream(some_events(image, 100, 50_000)).monitored[3]) > 0


def test_the_double_is_strict():
    target = CHIP.configuration.SpeckConfiguration()
    layer = target.cnn_layers[0]
    for name in ("treshold_high", "pooling", "kernel_size"):
        with pytest.raises(AttributeError):
            setattr(layer, name, 1)
    for name, value in (
        ("threshold_high", 1.0), ("threshold_high", 32768), ("weights", [[[[128]]]]),
        ("weights", [[[[0.5]]]]), ("weights", [[[[1], [1, 2]]]]), ("leak_enable", 2),
        ("biases", [[1]]), ("output_decimator_interval", 8), ("dimensions", {"kernel": 3}),
    ):  # fmt: skip
        with pytest.raises((TypeError, AttributeError)):
            setattr(layer, name, value)
    with pytest.raises(IndexError):
        layer.destinations[2].enable = True
    with pytest.raises(TypeError):
        layer.destinations[0].pooling = 3
    with pytest.raises(AttributeError):
        CHIP.event.ReadNeuronValue(layer=1, address=0, timestamp=0)
    with pytest.raises(TypeError):
        CHIP.event.Spike(x=256)
    assert isinstance(CHIP.event.Spike(x=np.uint8(3)).x, int)
