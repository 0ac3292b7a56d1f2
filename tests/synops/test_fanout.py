"""Fan-out against brute force: one spike, all taps, count."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynapdeploy.errors import SourceError
from dynapdeploy.synops import axis_reach, fanout_map, nominal_fanout, pool_back


def by_hand(input_shape, weight_shape, stride, padding, dilation, groups):
    _, height, width = input_shape
    features, per_group, ky, kx = weight_shape
    rows = (height + 2 * padding[0] - dilation[0] * (ky - 1) - 1) // stride[0] + 1
    columns = (width + 2 * padding[1] - dilation[1] * (kx - 1) - 1) // stride[1] + 1
    found = np.zeros(input_shape, int)
    for feature in range(features):
        group = feature // (features // groups)
        for i in range(per_group):
            for oy in range(rows):
                for ox in range(columns):
                    for a in range(ky):
                        for b in range(kx):
                            y = oy * stride[0] - padding[0] + a * dilation[0]
                            x = ox * stride[1] - padding[1] + b * dilation[1]
                            if 0 <= y < height and 0 <= x < width:
                                found[group * per_group + i, y, x] += 1
    return found


pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


@settings(max_examples=150, deadline=None)
@given(
    size=st.tuples(st.integers(3, 9), st.integers(3, 9)),
    kernel=pairs,
    stride=pairs,
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    groups=st.integers(1, 2),
    widths=st.tuples(st.integers(1, 2), st.integers(1, 2)),
)
def test_equals_brute_force(size, kernel, stride, padding, dilation, groups, widths):
    if any(
        s + 2 * p < d * (k - 1) + 1
        for s, p, d, k in zip(size, padding, dilation, kernel, strict=True)
    ):
        return
    shape = (widths[0] * groups, *size)
    weight = (widths[1] * groups, widths[0], *kernel)
    expected = by_hand(shape, weight, stride, padding, dilation, groups)
    found = fanout_map(shape, weight, stride, padding, dilation, groups)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, expected)


def test_border_of_a_3x3_kernel():
    assert axis_reach(5, 3).tolist() == [1, 2, 3, 2, 1]
    assert axis_reach(5, 3, padding=1).tolist() == [2, 3, 3, 3, 2]
    assert axis_reach(6, 3, stride=2).tolist() == [1, 1, 2, 1, 1, 0]


def test_padding_that_repeats_the_input_adds_connections():
    assert axis_reach(4, 3, padding=1, padding_mode="circular").tolist() == [3, 3, 3, 3]
    assert axis_reach(4, 3, padding=1, padding_mode="replicate").tolist() == [3, 3, 3, 3]
    assert axis_reach(4, 3, padding=1, padding_mode="reflect").tolist() == [2, 4, 4, 2]


def test_cifar_net_has_the_published_connections():
    """The 8 layers after the first of the paper's CIFAR-10 net: 317,982,720 connections."""
    plan = [(96, 3, 1, 1), (192, 3, 2, 1), (192, 3, 1, 1), (192, 3, 1, 1), (192, 3, 2, 1)]
    plan += [(192, 3, 1, 1), (192, 1, 1, 0), (10, 1, 1, 0)]
    channels, size, total = 96, 32, 0
    for features, kernel, stride, padding in plan:
        weight = (features, channels, kernel, kernel)
        total += fanout_map((channels, size, size), weight, (stride,) * 2, (padding,) * 2).sum()
        channels, size = features, (size + 2 * padding - kernel) // stride + 1
    assert total == 317_982_720


def test_nominal():
    assert nominal_fanout((8, 1, 3, 3)) == 72
    assert nominal_fanout((192, 96, 3, 3), (2, 2)) == 432
    assert nominal_fanout((8, 1, 3, 3), groups=8) == 9


def test_pooling_passes_fanout_back_and_drops_the_border():
    behind = np.array([[[1, 2], [3, 4]]])
    expected = [[1, 1, 2, 2, 0], [1, 1, 2, 2, 0], [3, 3, 4, 4, 0], [3, 3, 4, 4, 0], [0] * 5]
    assert pool_back(behind, (1, 5, 5), (2, 2), (2, 2)).tolist() == [expected]


def test_overlapping_windows_count_twice():
    assert pool_back(np.ones((1, 1, 2), int), (1, 1, 3), (1, 2), (1, 1)).tolist() == [[[1, 2, 1]]]


def test_refusals_name_the_numbers():
    with pytest.raises(SourceError, match=r"kernel of 5 .* input of 3"):
        fanout_map((1, 3, 9), (1, 1, 5, 5))
    with pytest.raises(SourceError, match="take 2 channels, the input has 3"):
        fanout_map((3, 9, 9), (1, 2, 3, 3))
