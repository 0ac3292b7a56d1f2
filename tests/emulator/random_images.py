"""Random small images, events and settings: everything the emulator can be asked for."""

import numpy as np
from hypothesis import strategies as st

from dynapdeploy.chip.image import ChipImage, CoreImage, Destination
from dynapdeploy.emulator import Jitter, Settings
from dynapdeploy.events import make_events

THRESHOLDS = st.one_of(
    st.integers(1, 200), st.sampled_from([0, 1, 127, 128, 300, 2000, 32640, 32767])
)
LOWS = st.one_of(
    st.sampled_from([-32768, -32641, -32767, -1, 0, 1, 50, 150, 32767]), st.integers(-300, -1)
)
MOST_SPIKES = 400
"""Bound on the spikes that one input event may cause if every neuron reached fires."""


def _bytes(draw, count):
    return np.frombuffer(draw(st.binary(min_size=count, max_size=count)), np.int8)


@st.composite
def core_shapes(draw, channels=None):
    features = draw(st.one_of(st.integers(1, 4), st.sampled_from([1, 11, 33])))
    if channels is None:
        channels = draw(st.integers(1, 3))
    size = [draw(st.integers(1, 7)) for _ in "yx"]
    stride = tuple(draw(st.sampled_from([1, 1, 2, 3, 4])) for _ in "yx")
    padding = tuple(draw(st.integers(0, 2)) for _ in "yx")
    kernel = [draw(st.integers(1, min(4, s + 2 * p))) for s, p in zip(size, padding, strict=True)]
    return features, channels, size, kernel, stride, padding


@st.composite
def images(draw, leak=False, plain=False):
    """A ChipImage of one to five cores in any acyclic order, with maps that need not match."""
    count = draw(st.integers(1, 5))
    ids = draw(st.permutations(range(9)))[:count]
    shapes = [draw(core_shapes())]
    entry = [0]
    for position in range(1, count):
        if draw(st.integers(0, 3)) == 0:
            features, _, _, _, stride, padding = draw(core_shapes(shapes[0][1]))
            size = shapes[0][2]
            kernel = [
                draw(st.integers(1, min(3, s + 2 * p))) for s, p in zip(size, padding, strict=True)
            ]
            shapes.append((features, shapes[0][1], size, kernel, stride, padding))
            entry.append(position)
        else:
            shapes.append(draw(core_shapes()))
    cores, spread = [], {}
    for position in reversed(range(count)):
        features, channels, size, kernel, stride, padding = shapes[position]
        choice = st.sampled_from([None, *ids[position + 1 :]])
        destinations = [
            Destination(
                draw(choice), draw(st.sampled_from([1, 2, 4])), draw(st.sampled_from([0, 0, 1, 3]))
            )
            for _ in range(draw(st.integers(1, 2) if position + 1 < count else st.integers(0, 2)))
        ]
        reach = features * int(np.prod([-(-k // s) for k, s in zip(kernel, stride, strict=True)]))
        while destinations and _spread(reach, destinations, spread) > MOST_SPIKES:
            destinations.pop()
        spread[ids[position]] = _spread(reach, destinations, spread)
        out = [
            (s + 2 * p - k) // step + 1
            for s, p, k, step in zip(size, padding, kernel, stride, strict=True)
        ]
        start = None
        if not plain and draw(st.integers(0, 3)) == 0:
            low = draw(st.sampled_from([-32768, -200, 0]))
            start = low + 250 * (_bytes(draw, features * out[0] * out[1]).astype(int) + 128)
            start = np.clip(start, -32768, 32767).reshape(features, *out)
        bias = None
        if leak and draw(st.booleans()):
            bias = np.array(draw(st.lists(BIASES, min_size=features, max_size=features)))
        cores.append(
            CoreImage(
                core=ids[position],
                name=f"layer{position}",
                weights=_bytes(draw, features * channels * kernel[0] * kernel[1]).reshape(
                    features, channels, *kernel
                ),
                bias=bias,
                input_shape=(channels, *size),
                output_shape=(features, *out),
                stride=stride,
                padding=padding,
                threshold_high=draw(THRESHOLDS),
                threshold_low=draw(LOWS),
                return_to_zero=draw(st.booleans()),
                destinations=tuple(destinations),
                decimator=None if plain else draw(st.sampled_from([None, None, None, 0, 1, 4])),
                initial_state=start,
            )
        )
    return ChipImage("unbounded", tuple(reversed(cores)), tuple(ids[i] for i in entry))


BIASES = st.one_of(st.integers(-40, 40), st.sampled_from([0, -32768, 32767, 5000]))


def _spread(reach, destinations, spread):
    return reach * (1 + sum(spread.get(d.core, 0) for d in destinations))


@st.composite
def events_for(draw, image, most=25):
    """Sorted events inside the input map of ``image``."""
    channels, height, width = image.input_shape
    count = draw(st.integers(0, most))
    raw = _bytes(draw, 4 * count).reshape(4, count).astype(int) + 128
    times = np.cumsum(np.where(raw[0] > 200, raw[0] * 40, raw[0] // 40))
    return make_events(times, raw[1] % width, raw[2] % height, raw[3] % channels)


SETTINGS = st.builds(
    Settings,
    order=st.sampled_from(["depth-first", "breadth-first"]),
    slow_clock_hz=st.sampled_from([None, 0.1, 100, 333.3, 1000.0, 3000.5, 7000 / 3]),
    leak_fires=st.booleans(),
    lower_bound=st.sampled_from(["clamp", "discard"]),
    overflow=st.sampled_from(["saturate", "wrap"]),
)

CLOCKS = st.builds(
    Settings,
    order=st.sampled_from(["depth-first", "breadth-first"]),
    slow_clock_hz=st.sampled_from([None, 0.1, 100, 333.3, 1000.0, 3000.5, 7000 / 3]),
)

JITTERS = st.builds(
    Jitter,
    seed=st.integers(0, 1000),
    window_us=st.sampled_from([0, 5, 1000]),
    branches=st.booleans(),
    neurons=st.booleans(),
)
