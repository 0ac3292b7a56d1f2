"""From output features to classes."""

from dataclasses import replace

import numpy as np
from test_hand_computed import neuron, single

from dynapdeploy.emulator import output_classes
from dynapdeploy.events import make_events


def test_every_feature_is_a_class_by_default():
    events = make_events([0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 3, 9])
    assert output_classes(single(neuron()), events).tolist() == [0, 3, 9]


def test_the_erratum_of_the_readout_layer():
    image = replace(single(neuron()), readout_stride=4)
    features = np.arange(57)
    events = make_events(0 * features, 0 * features, 0 * features, features)
    classes = output_classes(image, events)
    assert {int(f): int(c) for f, c in zip(features, classes, strict=True) if c >= 0} == {
        0: 0, 4: 1, 8: 2, 12: 3, 16: 4, 20: 5, 24: 6, 28: 7, 32: 8, 36: 9, 40: 10, 44: 11, 48: 12,
        52: 13, 56: 14,
    }  # fmt: skip
