"""No set of changes is smaller than the one suggested: all of them are tried on small nets."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from dynapdeploy.chip.changes import Change
from dynapdeploy.chip.compile import compile_graph
from dynapdeploy.chip.lower import Network, lower
from dynapdeploy.chip.profile import load_profile
from dynapdeploy.chip.remedy import apply_folded
from dynapdeploy.chip.suggest import PER_CHANGE, PER_LOST_HALVING, Suggestion, suggest
from dynapdeploy.errors import SourceError
from dynapdeploy.graph.fold import fold
from dynapdeploy.graph.graph import Graph, chain
from dynapdeploy.graph.nodes import Conv2d, Flatten, Input, Linear, Output, Pool2d, ReLU

CHIP = """
title = "a chip with little of everything"
base = "base/family"
[limits]
neuron_map = 12
kernel = 5
strides = [1, 2]
pooling = [1, 2]
"""
CORES = ((128, 256), (128, 512), (256, 128), (512, 64))


@pytest.fixture(scope="module")
def chip(tmp_path_factory):
    """Four cores of different shapes."""
    path = tmp_path_factory.mktemp("chips") / "little.toml"
    cores = "".join(f"[[cores]]\nkernel={k}\nneuron={n}\nbias=8\n" for k, n in CORES)
    path.write_text(CHIP + cores)
    return load_profile(str(path))


def small_net(seed: int, depth: int) -> Graph:
    """A chain of convolutions, the last of them often linear, mostly too large for the chip."""
    random = np.random.default_rng(seed)
    extent = int(random.choice([6, 8, 12]))
    channels = 2
    nodes: dict = {"input": Input((channels, extent, extent))}
    for i in range(depth):
        last = i == depth - 1
        features = 4 if last else int(random.choice([4, 6, 8, 12]))
        if last and random.random() < 0.5:
            nodes["flat"] = Flatten()
            nodes["layer"] = Linear(np.ones((features, channels * extent * extent)))
        else:
            kernel = int(random.choice([2, 3]))
            pad = int(random.choice([0, 1]))
            weight = np.ones((features, channels, kernel, kernel))
            nodes[f"conv{i}"] = Conv2d(weight, padding=(pad, pad))
            extent += 2 * pad - kernel + 1
        nodes[f"relu{i}"] = ReLU()
        if not last and extent >= 4 and random.random() < 0.3:
            nodes[f"pool{i}"] = Pool2d("average", (2, 2), (2, 2))
            extent //= 2
        channels = features
    return chain({**nodes, "output": Output()}, f"net {seed}")


def ways(network: Network, i: int) -> list[tuple[float, tuple[Change, ...]]]:
    """Every set of changes to layer ``i``, with its size."""
    layer = network.layers[i]
    name, last = layer.name, i == len(network.layers) - 1
    side = layer.kernel[0]
    features = [layer.features] + [1 << n for n in range(6) if 1 << n < layer.features and not last]
    kernels = [side] if layer.covers_map else range(1, side + 1)
    pools = [1] if last or layer.targets[0].pooling == 2 else [1, 2]
    found = []
    for f, k, s, p in product(features, kernels, (1, 2), pools):
        options = (
            ("stride", (s, s), 2 * math.log2(s)),
            ("pooling", p, 2 * math.log2(p)),
            ("kernel", k, 2 * math.log2(side / k)),
            ("features", f, math.log2(layer.features / f)),
        )
        chosen = [(Change(name, what, value), h) for what, value, h in options if h]
        cost = sum(PER_CHANGE + h**2 for _, h in chosen)
        found.append((cost, tuple(change for change, _ in chosen)))
    return found


def sizes(network: Network) -> tuple[int, int]:
    weights = [layer.weight.size for layer in network.layers]
    maps = [layer.output_shape[1] * layer.output_shape[2] for layer in network.layers]
    return sum(weights), sum(w * m for w, m in zip(weights, maps, strict=True))


def lost(before: tuple[int, int], after: tuple[int, int]) -> float:
    halvings = (max(0.0, math.log2(b / a)) for b, a in zip(before, after, strict=True))
    return PER_LOST_HALVING * sum(halvings)


def smallest(graph: Graph, chip) -> float:
    """The size of the smallest set of changes that makes the net fit, by trying all; inf if none.

    Every trial goes through the changes to the graph and through all rules.
    """
    folded = fold(graph)
    network = lower(folded)
    before = sizes(network)
    sets = [
        (sum(cost for cost, _ in parts), [change for _, changes in parts for change in changes])
        for parts in product(*(ways(network, i) for i in range(len(network.layers))))
    ]
    best = math.inf
    for cost, changes in sorted(sets, key=lambda entry: entry[0]):
        if cost >= best:
            break
        changed = folded
        try:
            for change in changes:
                changed = apply_folded(changed, change)
            compilation = compile_graph(changed, chip)
        except SourceError:
            continue
        if compilation.fits:
            best = min(best, cost + lost(before, sizes(compilation.network)))
    return best


def size_of(found: Suggestion, graph: Graph) -> float:
    """The size of a suggested set."""
    layers = {layer.name: layer for layer in lower(fold(graph)).layers}
    total = lost((found.parameters_before, found.macs_before), (found.parameters, found.macs))
    for change in found.changes:
        if change.what == "padding":  # said of a kernel that changes, no change of its own
            continue
        layer = layers[change.layer]
        ratio = {
            "features": lambda c, old=layer: old.features / c.value,
            "kernel": lambda c, old=layer: (old.kernel[0] / c.value) ** 2,
            "stride": lambda c, old=layer: math.prod(c.value) / math.prod(old.stride),
            "pooling": lambda c, old=layer: (c.value / old.targets[0].pooling) ** 2,
        }[change.what](change)
        total += PER_CHANGE + math.log2(ratio) ** 2
    return total


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("depth", [2, 3])
def test_no_smaller_set_makes_it_fit(chip, depth, seed):
    graph = small_net(seed, depth)
    found = suggest(graph, chip)
    least = smallest(graph, chip)
    if found is None:
        assert least == math.inf
        return
    changed = fold(graph)
    for change in found.changes:
        changed = apply_folded(changed, change)
    assert compile_graph(changed, chip).fits
    assert size_of(found, graph) == pytest.approx(least)
