"""Rounding to the inputs: never worse than rounding to the nearest, and next to the weights."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dynapdeploy.chip.compile import compile_graph
from dynapdeploy.chip.profile import load_profile
from dynapdeploy.graph.fold import fold
from dynapdeploy.graph.graph import chain
from dynapdeploy.graph.nodes import Conv2d, Input, Output, ReLU
from dynapdeploy.tuning.rounding import input_moments, round_to_moments


def error(rounded: np.ndarray, scaled: np.ndarray, moments: np.ndarray) -> np.ndarray:
    difference = rounded - scaled
    return np.einsum("ok,kl,ol->o", difference, moments, difference)


@given(st.integers(0, 10_000), st.integers(1, 8))
@settings(max_examples=50)
def test_the_error_of_the_sums_is_never_larger_than_by_the_nearest(seed, inputs):
    random = np.random.default_rng(seed)
    scaled = random.normal(0, 20, (3, inputs))
    samples = random.poisson(1.0, (20, inputs)).astype(float)
    moments = samples.T @ samples
    rounded = round_to_moments(scaled, moments)
    assert (rounded == np.rint(rounded)).all()
    assert (np.abs(rounded - scaled) < 1).all()
    plain = error(np.rint(scaled), scaled, moments)
    assert (error(rounded, scaled, moments) <= plain + 1e-6).all()


def test_errors_of_one_sign_are_balanced():
    scaled = np.full((1, 4), 1.4)
    rounded = round_to_moments(scaled, np.ones((4, 4)))
    assert abs(rounded.sum() - scaled.sum()) < 0.5
    assert np.rint(scaled).sum() == 4


def test_moments_are_those_of_the_patches():
    random = np.random.default_rng(0)
    weight = random.normal(size=(2, 1, 3, 3))
    nodes = {"input": Input((1, 6, 5)), "c": Conv2d(weight, stride=(2, 1), padding=(1, 0))}
    graph = fold(chain({**nodes, "relu": ReLU(), "output": Output()}))
    network = compile_graph(graph, load_profile("unbounded")).network
    counts = random.poisson(1.0, (2, 1, 6, 5)).astype(np.float32)
    padded = np.pad(counts, ((0, 0), (0, 0), (1, 1), (0, 0)))
    patches = [
        padded[n, 0, y : y + 3, x : x + 3].ravel()
        for n in range(2)
        for y in range(0, 6, 2)
        for x in range(3)
    ]
    expected = np.mean([np.outer(patch, patch) for patch in patches], axis=0)
    np.testing.assert_allclose(input_moments(graph, network, counts)["c"], expected)
