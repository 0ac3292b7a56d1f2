"""Rounding that looks at what a layer gets: the error of its sums counts, not that of its weights.

With e the rounding errors of one output channel and H the second moments of the inputs under its
kernel, the mean squared error of its sums is e' H e. Each weight may go to the whole number below
or above; the sum is lowered weight by weight until nothing changes (coordinate descent). The idea
is that of adaptive rounding (Nagel et al. 2020, "Up or Down?"), here solved without training.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dynapdeploy.chip.lower import Layer, Network
from dynapdeploy.chip.quantize import Rounding
from dynapdeploy.graph.evaluate import activations
from dynapdeploy.graph.graph import Graph

PASSES = 4
LARGEST = 2048
"""Inputs under one kernel beyond which second moments are not collected."""
MOST_PATCHES = 20_000


def input_moments(graph: Graph, network: Network, counts: np.ndarray) -> dict[str, np.ndarray]:
    """Second moments ``[k, k]`` of the k = c ky kx inputs under the kernel of each layer.

    Args:
        graph: the folded graph that ``network`` was lowered from.
        counts: input events per pixel, ``[n, c, h, w]``.

    Returns:
        By layer name; layers with too many inputs, dilation or groups are left out.
    """
    plain = [
        layer
        for layer in network.layers
        if layer.groups == 1
        and layer.dilation == (1, 1)
        and layer.padding_mode == "zeros"
        and layer.weight[0].size <= LARGEST
    ]
    sources = {layer.name: graph.inputs[layer.name][0] for layer in plain}
    values = activations(graph, counts, list(sources.values()), False)
    return {layer.name: _moments(layer, values[sources[layer.name]]) for layer in plain}


def _moments(layer: Layer, maps: np.ndarray) -> np.ndarray:
    (pad_y, pad_x), (step_y, step_x) = layer.padding, layer.stride
    padded = np.pad(maps, ((0, 0), (0, 0), (pad_y, pad_y), (pad_x, pad_x)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, layer.kernel, axis=(2, 3))
    windows = windows[:, :, ::step_y, ::step_x].transpose(0, 2, 3, 1, 4, 5)
    places = np.indices(windows.shape[:3]).reshape(3, -1)
    chosen = places[:, :: max(1, places.shape[1] // MOST_PATCHES)]
    patches = windows[tuple(chosen)].reshape(chosen.shape[1], -1).astype(np.float64)
    return patches.T @ patches / len(patches)


def fitted_rounding(moments: Mapping[str, np.ndarray]) -> Rounding:
    """A rounding for the quantizer; layers without moments are rounded to the nearest."""

    def fitted(name: str, scaled: np.ndarray) -> np.ndarray:
        if name not in moments:
            return np.rint(scaled)
        flat = scaled.reshape(len(scaled), -1)
        return round_to_moments(flat, moments[name]).reshape(scaled.shape)

    return fitted


def round_to_moments(scaled: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """Whole numbers next to ``scaled`` ``[out, k]`` that keep e' H e small, row by row.

    Starts at the nearest numbers, so the result is never worse than those.
    """
    low = np.floor(scaled)
    errors = np.rint(scaled) - scaled
    slopes = errors @ moments
    for _ in range(PASSES):
        changed = False
        for k in np.argsort(-np.diag(moments), kind="stable"):
            strength = moments[k, k]
            if strength <= 0:
                continue
            below = low[:, k] - scaled[:, k]
            rest = slopes[:, k] - strength * errors[:, k]
            best = below + (np.square(below + 1) - np.square(below) < -2 * rest / strength)
            step = np.where(scaled[:, k] == low[:, k], 0.0, best - errors[:, k])
            moved = np.flatnonzero(np.abs(step) > 0.5)
            if len(moved):
                errors[moved, k] += step[moved]
                slopes[moved] += step[moved, None] * moments[k]
                changed = True
        if not changed:
            break
    return np.rint(scaled + errors)
