"""The backward pass through the events, against a brute-force walk in plain Python."""

import numpy as np
import pytest
import torch

from dynapdeploy.events import make_events
from dynapdeploy.training.spike_gradient import Layer, by_kernels


def layer(kernel, arriving, fired, size, **geometry):
    geometry = {"pooling": 1, "stride": (1, 1), "padding": (0, 0)} | geometry
    counts = torch.zeros(len(fired), kernel.shape[0], *size)
    for index, spikes in enumerate(fired):
        for spike in spikes:
            counts[index, spike["p"], spike["y"], spike["x"]] += 1
    wakes = torch.zeros(counts.shape, dtype=torch.bool)
    return Layer(kernel, arriving, fired, counts, wakes, **geometry)


def test_what_comes_after_the_last_spike_has_no_part_in_it():
    """One neuron, two senders: excitation before its spike, inhibition after it."""
    kernel = torch.tensor([1.0, -1.0]).reshape(1, 2, 1, 1)
    arriving = make_events([10, 20, 30], [0, 0, 0], [0, 0, 0], [0, 0, 1])
    fired = make_events([20], [0], [0], [0])
    only = layer(kernel, [arriving], [fired], (1, 1))
    own = torch.full((1, 1, 1, 1), 3.0)
    (found,) = by_kernels([only], [own])
    assert found.flatten().tolist() == [6.0, 0.0]
    (found,) = by_kernels([only], [own], late=1.0)
    assert found.flatten().tolist() == [6.0, 3.0]
    (found,) = by_kernels([only], [own], late=0.5)
    assert found.flatten().tolist() == [6.0, 1.5]


def test_flow_reaches_the_senders_spikes_that_came_in_time():
    """The sender fires at 10 and 30, its receiver at 20: only the first spike had a part in it."""
    below = layer(
        torch.ones(1, 1, 1, 1),
        [make_events([5, 10, 25, 30], [0] * 4, [0] * 4, [0] * 4)],
        [make_events([10, 30], [0, 0], [0, 0], [0, 0])],
        (1, 1),
    )
    above = layer(
        torch.full((1, 1, 1, 1), 2.0), below.fired, [make_events([20], [0], [0], [0])], (1, 1)
    )
    zero = torch.zeros(1, 1, 1, 1)
    first, second = by_kernels([below, above], [zero, torch.ones(1, 1, 1, 1)])
    assert second.item() == 1.0  # one arrival up to t = 20
    assert first.item() == 2 * 2.0  # the sender's arrivals at 5 and 10, times the weight above
    first, _ = by_kernels([below, above], [torch.ones(1, 1, 1, 1), zero])
    assert first.item() == 4.0  # its own count: all arrivals up to its last spike


@pytest.mark.parametrize(
    ("stride", "padding", "pooling"), [(1, 0, 1), (1, 1, 2), (2, 2, 1), (3, 1, 1), (2, 0, 2)]
)
def test_gradient_by_weights_is_that_of_a_walk_through_all_events(stride, padding, pooling):
    random = np.random.default_rng(stride * 10 + padding)
    features, channels, side, count = 3, 2, 9, 200
    kernel = torch.from_numpy(random.normal(size=(features, channels, 3, 4)).astype(np.float32))
    high = (side // pooling + 2 * padding - 3) // stride + 1
    wide = (side // pooling + 2 * padding - 4) // stride + 1
    recordings, spikes = [], []
    for _ in range(5):
        times = np.sort(random.integers(0, 100, count))
        x, y, p = (random.integers(0, bound, count) for bound in (side, side, channels))
        recordings.append(make_events(times, x, y, p))
        times = np.sort(random.integers(0, 100, 30))
        x, y, p = (random.integers(0, bound, 30) for bound in (wide, high, features))
        spikes.append(make_events(times, x, y, p))
    only = layer(
        kernel, recordings, spikes, (high, wide),
        stride=(stride, stride), padding=(padding, padding), pooling=pooling,
    )  # fmt: skip
    own = torch.from_numpy(random.normal(size=(5, features, high, wide)).astype(np.float32))
    expected = np.zeros(kernel.shape)
    for index, (events, fired) in enumerate(zip(recordings, spikes, strict=True)):
        last = {(s["p"], s["y"], s["x"]): s["t"] for s in fired}
        for event in events:
            for (f, to_y, to_x), until in last.items():
                ky = event["y"] // pooling + padding - stride * int(to_y)
                kx = event["x"] // pooling + padding - stride * int(to_x)
                if 0 <= ky < 3 and 0 <= kx < 4 and event["t"] <= until:
                    expected[f, event["p"], ky, kx] += own[index, f, to_y, to_x]
    (found,) = by_kernels([only], [own])
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4, atol=1e-4)
    again = by_kernels([only], [own])[0]
    assert torch.equal(found, again)
