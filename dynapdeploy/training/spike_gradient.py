"""The gradient of the chip's spikes: a pass backward through the events.

A neuron's spikes are never taken back: it has fired ``n(t) = floor(max over s <= t of v(s))``
spikes by the time ``t``, with ``v`` the running sum of what has reached it, in thresholds (its
lower bound lies far below). So a change of ``v`` changes the count as it changes ``v`` at the time
of the last spike; what comes later has no part in it. A change of ``v`` also moves the spikes in
time, and whoever receives them counts those that come before its own last spike.

Going backward in time, let ``F`` be what one more spike of a neuron, from now on, would change of
the loss, summed over the spikes that it will still fire: of each of them its *flow*. Then, for
every event that arrives,

- the gradient by the weight through which it reaches a neuron grows by that neuron's ``F``,
- ``D = sum of weight * F`` over the neurons it reaches is what it adds to the loss,

and for the spikes ``1 .. n`` of the sender with ``D_1 .. D_n`` the flows are ``D_k - D_(k + 1)``,
the last one's ``D_n``, plus the gradient of the loss by the sender's count itself (its SynOps).
This is the gradient of the relaxed ``n``, without the floor. For a silent neuron all events count,
as it would have needed them all; there the gradient passes only if their sum is positive.

The usual surrogate, the gradient of a convolution of whole counts, is what comes out if all events
come before all spikes. It takes inhibition that comes too late for inhibition that works, but it
also sees maxima of ``v`` that are yet to come. ``late`` mixes both: that share of a last spike's
flow counts for the events after it as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import pad
from torch.nn.grad import conv2d_input

from dynapdeploy.compiled import cached
from dynapdeploy.emulator.many import in_threads
from dynapdeploy.processors import processors

STRIPS = 4
"""Parts of a batch whose gradients are summed one after another, however many threads there are."""


@dataclass(frozen=True, eq=False)
class Layer:
    """What one layer took and fired, for a batch of recordings.

    Attributes:
        kernel: float32 ``[f, c, ky, kx]``, what an arriving event adds, in thresholds.
        arriving: for each recording the events of the senders, by their addresses there.
        fired: for each recording the spikes of the layer.
        counts: float32 ``[n, f, h, w]``, the same spikes per neuron.
        wakes: bool ``[n, f, h, w]``, the silent neurons that let a gradient pass.
        pooling: addresses of arriving events are divided by it.
        stride, padding: ``(y, x)``.
    """

    kernel: torch.Tensor
    arriving: Sequence[np.ndarray]
    fired: Sequence[np.ndarray]
    counts: torch.Tensor
    wakes: torch.Tensor
    pooling: int
    stride: tuple[int, int]
    padding: tuple[int, int]


def by_kernels(
    layers: Sequence[Layer], by_counts: Sequence[torch.Tensor], late: float = 0.0
) -> list[torch.Tensor]:
    """Gradient of the loss by the kernel of every layer.

    Args:
        layers: in the order in which events pass them.
        by_counts: gradient by each layer's own counts ``[n, f, h, w]``, later layers aside.
        late: 0 to 1, see above.
    """
    found: list[torch.Tensor] = []
    changes: Sequence[np.ndarray] | None = None
    by_silent = torch.zeros(())
    for index in reversed(range(len(layers))):
        layer, own = layers[index], by_counts[index]
        waiting = torch.where(layer.wakes, own + by_silent, 0.0)
        kernel, changes, flow = _through(layer, own, changes, waiting, late)
        found.insert(0, kernel)
        if index:
            by_silent = _by_first_spike(layer, flow, layers[index - 1].counts.shape)
    return found


def _through(
    layer: Layer,
    own: torch.Tensor,
    changes: Sequence[np.ndarray] | None,
    waiting: torch.Tensor,
    late: float,
) -> tuple[torch.Tensor, list[np.ndarray], torch.Tensor]:
    """Back through one layer.

    Args:
        own: gradient by its counts.
        changes: ``D`` of each of its spikes, for each recording; None for the last layer.
        waiting: flow of the silent neurons.

    Returns:
        The gradient by the kernel, ``D`` of each arriving event, and every neuron's whole flow.
    """
    taps = _by_phase(layer.kernel.detach().numpy(), layer.stride[1])
    by_taps = np.zeros((STRIPS, taps.size), np.float32)
    flow = np.ascontiguousarray(waiting.numpy().transpose(0, 2, 3, 1))
    direct = np.ascontiguousarray(own.numpy().transpose(0, 2, 3, 1))
    rows = np.array([*taps.shape[:3], *flow.shape[1:]])
    onward = [np.zeros(len(events), np.float32) for events in layer.arriving]

    def strip(number: int) -> None:
        for index in range(number, len(flow), STRIPS):
            spikes, events = layer.fired[index], layer.arriving[index]
            place = (spikes["y"].astype(np.int64) * rows[4] + spikes["x"]) * rows[5] + spikes["p"]
            each = np.zeros(len(spikes), np.float32) if changes is None else changes[index]
            flows = _flows(place, each, direct[index].ravel(), flow[index].ravel(), late)
            _run_back(
                events["t"], events["p"], events["y"], events["x"], spikes["t"], place,
                flows, rows, layer.pooling, *layer.stride,
                *layer.padding, taps.ravel(), flow[index].ravel(), by_taps[number], onward[index],
            )  # fmt: skip

    for _ in in_threads(strip, range(STRIPS), min(STRIPS, processors())):
        pass
    kernel = _by_column(by_taps.sum(0), tuple(layer.kernel.shape), layer.stride[1])
    return torch.from_numpy(kernel), onward, torch.from_numpy(flow).permute(0, 3, 1, 2)


def _by_first_spike(layer: Layer, flow: torch.Tensor, senders: Sequence[int]) -> torch.Tensor:
    """What a first spike of each sender would change, if it came before all others."""
    count, channels, *size = senders
    pooled = [count, channels, *(side // layer.pooling for side in size)]
    found = conv2d_input(pooled, layer.kernel.detach(), flow, layer.stride, layer.padding)
    if layer.pooling > 1:
        found = found.repeat_interleave(layer.pooling, 2).repeat_interleave(layer.pooling, 3)
        found = pad(found, (0, size[1] - found.shape[3], 0, size[0] - found.shape[2]))
    return found


def _by_phase(kernel: np.ndarray, stride: int) -> np.ndarray:
    """Weights in the order in which one event meets them: ``[c, ky, phase, taps * f]``.

    An event in column ``x`` meets the kernel's columns ``phase + stride * i``, where ``phase = (x +
    padding) % stride``, and with falling ``i`` the neurons side by side. Where the kernel ends
    early there are zeros.
    """
    features, channels, height, width = kernel.shape
    count = -(-width // stride)
    taps = np.zeros((channels, height, stride, count, features), np.float32)
    for column, phase, i in _columns(width, stride):
        taps[:, :, phase, i] = kernel[..., column].transpose(1, 2, 0)
    return taps.reshape(channels, height, stride, -1)


def _by_column(taps: np.ndarray, shape: tuple[int, ...], stride: int) -> np.ndarray:
    """What :func:`_by_phase` has put in its order, as a kernel ``[f, c, ky, kx]`` again."""
    features, channels, height, width = shape
    count = -(-width // stride)
    taps = taps.reshape(channels, height, stride, count, features)
    kernel = np.empty(shape, np.float32)
    for column, phase, i in _columns(width, stride):
        kernel[..., column] = taps[:, :, phase, i].transpose(2, 0, 1)
    return kernel


def _columns(width: int, stride: int) -> Iterator[tuple[int, int, int]]:
    """Each column of a kernel, its phase, and its place there, counted from the last."""
    for column in range(width):
        i, phase = divmod(column, stride)
        yield column, phase, -(-width // stride) - 1 - i


@cached()
def _flows(place, changes, direct, flow, late):
    """Flow of every spike: the difference of its change to that of its neuron's next spike.

    Of the last one's the share ``late`` goes to the neuron's ``flow`` from the start.
    """
    flows = np.empty(len(place), np.float32)
    following = np.zeros(len(direct), np.float32)
    met = np.zeros(len(direct), np.bool_)
    for spike in range(len(place) - 1, -1, -1):
        at = place[spike]
        flows[spike] = changes[spike] - following[at]
        following[at] = changes[spike]
        if not met[at]:
            met[at] = True
            whole = flows[spike] + direct[at]
            flow[at] = late * whole
            flows[spike] = whole - flow[at]
    return flows


@cached(fastmath=True)
def _run_back(
    t, p, y, x, spike_t, spike_place, spike_flow, rows, pooling, stride_y, stride_x, padding_y,
    padding_x, taps, flow, by_taps, onward,
):  # fmt: skip
    """Backward in time through the events that arrive and the spikes that they caused.

    Args:
        t, p, y, x: of the events.
        spike_t, spike_place, spike_flow: of the spikes; places are those of ``flow``.
        rows: ``(c, ky, phases, h, w, f)``.
        taps, by_taps: flat ``[c, ky, phase, taps * f]``.
        flow: flat ``[h, w, f]``, what there is after the last event; that of all spikes afterwards.
        onward: gets what each event changes.
    """
    channels, kernel_y, phases, height, width, features = rows
    count = len(taps) // (channels * kernel_y * phases)
    columns = count // features
    spike = len(spike_t) - 1
    for event in range(len(t) - 1, -1, -1):
        while spike >= 0 and spike_t[spike] >= t[event]:
            flow[spike_place[spike]] += spike_flow[spike]
            spike -= 1
        row = y[event] // pooling + padding_y
        column = x[event] // pooling + padding_x
        first = column // stride_x - columns + 1
        skipped = max(0, -first)
        length = (min(columns, width - first) - skipped) * features
        if length <= 0:
            continue
        at_phase = column % stride_x * count + skipped * features
        found = np.float32(0)
        for ky in range(row % stride_y, kernel_y, stride_y):
            to = (row - ky) // stride_y
            if to < 0 or to >= height:
                continue
            here = (to * width + first + skipped) * features
            tap = (p[event] * kernel_y + ky) * phases * count + at_phase
            passing = flow[here : here + length]
            weights, sums = taps[tap : tap + length], by_taps[tap : tap + length]
            for i in range(length):
                sums[i] += passing[i]
                found += passing[i] * weights[i]
        onward[event] = found
