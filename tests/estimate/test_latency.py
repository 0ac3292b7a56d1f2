"""When a decision stands, by hand."""

import numpy as np
import pytest

from dynapdeploy.estimate.latency import turns


@pytest.mark.parametrize(
    ("times", "classes", "at", "to"),
    [
        ([1, 2, 3, 4, 5, 6], [1, 0, 0, -1, 1, 1], [1, 2, 3, 5, 6], [1, -1, 0, -1, 1]),
        ([10, 20, 30], [-1, -1, 2], [30], [2]),
        ([10, 20, 20, 30], [1, 0, 1, 1], [10], [1]),
        ([10, 10], [0, 1], [], []),
        ([], [], [], []),
    ],
)
def test_turns_are_where_the_decision_changes(times, classes, at, to):
    found = turns(np.array(times, np.int64), np.array(classes, np.int64), 3)
    assert [part.tolist() for part in found] == [at, to]
