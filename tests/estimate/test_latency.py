"""When a decision stands, by hand."""

import numpy as np

from dynapdeploy.estimate.latency import decisions_over_time, stable_since


def test_decisions_after_each_spike():
    classes = np.array([1, 0, 0, -1, 1, 1])
    assert decisions_over_time(classes, 3).tolist() == [1, -1, 0, 0, -1, 1]


def test_stable_from_the_last_change_on():
    times = np.array([10, 20, 30, 40])
    assert stable_since(times, np.array([1, 0, 1, 1])) == 30
    assert stable_since(times, np.array([1, 1, 1, 1])) == 10


def test_spikes_of_one_time_count_together():
    times = np.array([10, 20, 20, 30])
    assert stable_since(times, np.array([1, -1, 1, 1])) == 10


def test_no_decision_never_stands():
    assert stable_since(np.array([10]), np.array([-1])) is None
    assert stable_since(np.array([], np.int64), np.array([], np.int64)) is None
    assert decisions_over_time(np.array([], np.int64), 0).tolist() == []
