import hashlib

import numpy as np
import pytest

from dynapdeploy.data import open_dataset
from dynapdeploy.data.digits import digit_events, split_indices
from dynapdeploy.events import EVENT, checked_events

GOLDEN = {
    0: "ea10887dff6b35d2",
    1: "81b3d43e37b00085",
    700: "7c1843e029df6b5b",
    1796: "d3f99882e6aaf34f",
}


def _hash(events):
    columns = np.stack([events[name].astype("<i8") for name in "txyp"])
    return hashlib.sha256(columns.tobytes()).hexdigest()[:16]


@pytest.mark.parametrize("index", GOLDEN)
def test_events_are_the_same_on_every_machine(index):
    assert _hash(digit_events(index)) == GOLDEN[index]


def test_another_seed_gives_other_events():
    assert _hash(digit_events(0, seed=1)) != GOLDEN[0]


def test_splits_are_stratified_and_disjoint():
    train, test = open_dataset("digits"), open_dataset("digits", "test")
    assert np.bincount(train.labels).tolist() == [142, 145, 141, 146, 144, 145, 144, 143, 139, 144]
    assert np.bincount(test.labels).tolist() == [36, 37, 36, 37, 37, 37, 37, 36, 35, 36]
    assert len(set(train.names) | set(test.names)) == 1797


def test_split_does_not_depend_on_the_other_classes():
    labels = np.array([0, 1] * 10)
    parts = [split_indices(labels, split) for split in ("train", "test")]
    assert np.bincount(labels[parts[1]]).tolist() == [2, 2]
    assert sorted(np.concatenate(parts)) == list(range(20))


def test_recordings_look_like_a_dvs():
    data = open_dataset("digits", "test")
    counts, shares = [], []
    for sample in (data[index] for index in range(len(data))):
        events = checked_events(sample.events, data.shape)
        assert events.dtype == EVENT
        assert events["t"][-1] <= 150_000
        counts.append(len(events))
        shares.append(events["p"].mean())
    assert min(counts) > 500
    assert max(counts) < 1600
    assert 800 < np.mean(counts) < 1200
    assert 0.45 < np.mean(shares) < 0.55


def test_a_small_linear_net_learns_them():
    """Least squares on the counts, no tuning: far above chance, so labels and events agree."""
    from dynapdeploy.data.frames import frames

    def inputs(split):
        pixels, labels = frames(open_dataset("digits", split), cache=False)
        return np.hstack([pixels.reshape(len(pixels), -1), np.ones((len(pixels), 1))]), labels

    x, y = inputs("train")
    solution = np.linalg.solve(x.T @ x + 300 * np.eye(x.shape[1]), x.T @ np.eye(10)[y])
    x, y = inputs("test")
    assert ((x @ solution).argmax(1) == y).mean() > 0.9
