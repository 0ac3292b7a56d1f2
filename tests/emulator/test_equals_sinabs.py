"""Where nothing clamps, nothing is left above threshold and no core sees two events in a step, the
time-step simulation of sinabs gives the same spikes."""

import numpy as np
import pytest

from dynapdeploy.chip.image import ChipImage, CoreImage, Destination
from dynapdeploy.emulator import emulate
from dynapdeploy.events import make_events

THRESHOLD = 100
STEP_US = 1000


def simulated(layers, events, shape):
    """Spikes ``[steps, f, h, w]`` in sinabs; a layer is weights, stride, padding, pooling."""
    torch = pytest.importorskip("torch")
    sl = pytest.importorskip("sinabs.layers")
    frames = np.zeros((len(events), *shape), np.float32)
    frames[np.arange(len(events)), events["p"], events["y"], events["x"]] = 1
    x = torch.from_numpy(frames)
    with torch.no_grad():
        for weights, stride, padding, pooling in layers:
            kernel = torch.from_numpy(weights.astype(np.float32))
            x = torch.nn.functional.conv2d(x, kernel, None, stride, padding)
            neurons = sl.IAFSqueeze(
                batch_size=1, spike_threshold=torch.tensor(float(THRESHOLD)), min_v_mem=None
            )
            x = neurons(x)
            if pooling > 1:
                x = sl.SumPool2d(pooling)(x)
    return x.numpy().astype(int)


def image_of(layers, shape):
    cores = []
    for number, (weights, stride, padding, pooling) in enumerate(layers):
        out = tuple(
            (size + 2 * p - k) // s + 1
            for size, p, k, s in zip(shape[1:], padding, weights.shape[2:], stride, strict=True)
        )
        last = number == len(layers) - 1
        cores.append(
            CoreImage(
                core=number,
                name=f"layer{number}",
                weights=weights,
                input_shape=shape,
                output_shape=(len(weights), *out),
                stride=stride,
                padding=padding,
                threshold_high=THRESHOLD,
                threshold_low=-32768,
                destinations=(Destination(None if last else number + 1, pooling),),
            )
        )
        shape = (len(weights), *(size // pooling for size in out))
    return ChipImage("unbounded", tuple(cores), (0,)), shape


def assert_same_spikes(layers, shape, count, random):
    places = [random.integers(0, size, count) for size in shape]
    events = make_events(np.arange(count) * STEP_US, places[2], places[1], places[0])
    image, out = image_of(layers, shape)
    run = emulate(image, events, saturations=True)
    assert sum(run.saturated_low.values()) == sum(run.saturated_high.values()) == 0
    found = np.zeros((count, *out), int)
    e = run.events
    np.add.at(found, (e["t"] // STEP_US, e["p"], e["y"], e["x"]), 1)
    np.testing.assert_array_equal(found, simulated(layers, events, shape))
    assert len(e) > 20


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [((3, 3), (1, 1), (1, 1)), ((5, 2), (2, 1), (2, 0)), ((4, 4), (4, 2), (1, 3))],
)
def test_one_layer(seed, kernel, stride, padding):
    random = np.random.default_rng(seed)
    weights = random.integers(-50, THRESHOLD, (6, 2, *kernel))
    assert_same_spikes([(weights, stride, padding, 1)], (2, 9, 11), 400, random)


@pytest.mark.parametrize("seed", range(4))
def test_deeper_where_each_event_causes_at_most_one(seed):
    """Two layers of one feature and 1x1 kernels, pooled, then a wide one."""
    random = np.random.default_rng(seed)
    layers = [
        (random.integers(40, THRESHOLD, (1, 2, 1, 1)), (1, 1), (0, 0), 2),
        (np.array([[[[70]]]]), (1, 1), (0, 0), 1),
        (random.integers(-30, THRESHOLD, (5, 1, 3, 3)), (1, 1), (1, 1), 2),
    ]
    assert_same_spikes(layers, (2, 8, 8), 800, random)
