"""The real data sets: every count in them."""

import numpy as np
import pytest

from dynapdeploy.data import open_dataset
from dynapdeploy.data.aedat import read_aedat
from dynapdeploy.data.frames import frames, time_frames
from dynapdeploy.data.mnistdvs import CHUNK, downsample, in_split, read_list
from dynapdeploy.errors import DataError

NMNIST = {
    "train": (900, 3_710_154, 0.498, [88, 105, 85, 87, 95, 81, 88, 99, 77, 95], (0, 315_109)),
    "test": (60, 232_458, 0.494, [5, 9, 5, 5, 6, 3, 5, 13, 2, 7], (43, 311_094)),
}


@pytest.mark.parametrize("split", NMNIST)
def test_nmnist(data_folder, split):
    recordings, total, share, classes, (first, last) = NMNIST[split]
    data = open_dataset(f"nmnist:{data_folder}/nmnist", split)
    samples = [data[index] for index in range(len(data))]
    events = np.concatenate([sample.events for sample in samples])
    assert (len(samples), len(events), data.skipped) == (recordings, total, ())
    assert np.bincount(data.labels).tolist() == classes
    assert [sample.label for sample in samples] == data.labels.tolist()
    assert (events["t"].min(), events["t"].max()) == (first, last)
    assert events["p"].mean() == pytest.approx(share, abs=5e-4)
    assert data.shape == (2, 34, 34)


def test_nmnist_labels_agree_with_mnist(data_folder):
    recordings = open_dataset(f"nmnist:{data_folder}/nmnist", "test")
    images = open_dataset(f"mnist:{data_folder}/mnist", "test")
    for name, label in zip(recordings.names, recordings.labels, strict=True):
        assert images.labels[int(name.split("/")[1].removesuffix(".bin")) - 1] == label


def test_nmnist_folder_of_one_split(data_folder):
    spec = f"nmnist:{data_folder}/nmnist/Test"
    assert len(open_dataset(spec, "test")) == 60
    with pytest.raises(DataError, match="is the Test split, the train split was asked for"):
        open_dataset(spec, "train")


def test_frames_hold_every_event_and_come_back_from_the_cache(data_folder, tmp_path):
    spec = f"nmnist:{data_folder}/nmnist"
    data = open_dataset(spec, "test")
    seen = []
    made = frames(data, True, cache=tmp_path, progress=lambda done, of: seen.append((done, of)))
    assert made[0].shape == (60, 1, 34, 34)
    assert made[0].dtype == np.float32
    assert made[0].sum() == 232_458
    assert seen[-1] == (60, 60)
    stored = list(tmp_path.iterdir())
    assert len(stored) == 1
    data.read = None  # only the cache can answer now
    again = frames(data, True, cache=tmp_path)
    assert all(np.array_equal(a, b) for a, b in zip(made, again, strict=True))
    content = bytearray(stored[0].read_bytes())
    content[len(content) // 2] ^= 255
    stored[0].write_bytes(content)
    rebuilt = frames(open_dataset(spec, "test"), True, cache=tmp_path)
    assert all(np.array_equal(a, b) for a, b in zip(made, rebuilt, strict=True))
    apart, _ = frames(open_dataset(spec, "test"), False, cache=tmp_path)
    assert np.array_equal(apart.sum(1, keepdims=True), made[0])


def test_mnist(data_folder):
    train = open_dataset(f"mnist:{data_folder}/mnist")
    test = open_dataset(f"mnist:{data_folder}/mnist", "test")
    assert (len(train), len(test), train.shape) == (60_000, 10_000, (1, 28, 28))
    assert train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    pixels = train[0].pixels
    assert pixels.dtype == np.float32
    assert pixels.max() == 255
    assert train.images.mean() == pytest.approx(33.3184, abs=1e-3)


AEDAT = {
    "mnist_dvs/mnist_0_scale04_0001.aedat": (15_744, 0, 0.500),
    "mnist_dvs/mnist_0_scale08_0001_qt1.aedat": (5_078, 0, 0.462),
    "mnist_dvs/mnist_0_scale16_0001_qt1.aedat": (11_209, 0, 0.477),
    "dvs128/box_1.aedat": (219_235, 2_605_452_308, 0.441),
    "dvs128/mug_1.aedat": (351_217, 3_251_121_587, 0.450),
}


@pytest.mark.parametrize("name", AEDAT)
def test_aedat(data_folder, name):
    count, first, share = AEDAT[name]
    events = read_aedat(data_folder / name)
    assert (len(events), events["t"][0]) == (count, first)
    assert (np.diff(events["t"]) >= 0).all()
    assert events["p"].mean() == pytest.approx(share, abs=1e-3)
    opened = open_dataset(f"events:{data_folder}/{name}")
    assert opened[0].events["t"][0] == 0
    assert opened.shape == (2, 128, 128)


def test_mnistdvs_takes_the_largest_scale_in_chunks(data_folder):
    split = "train" if in_split(0, 1, "train") else "test"
    data = open_dataset(f"mnistdvs:{data_folder}/mnist_dvs", split)
    assert (len(data), data.shape, data.labels.tolist()) == (3, (2, 64, 64), [0, 0, 0])
    assert [len(data[index].events) for index in range(3)] == [CHUNK] * 3
    assert data[0].events["t"][[0, -1]].tolist() == [0, 63_039]


def test_mnistdvs_chunks_are_those_of_tonic(data_folder):
    from tonic.slicers import SliceByEventCount
    from tonic.transforms import Downsample

    events = read_aedat(data_folder / "mnist_dvs/mnist_0_scale16_0001_qt1.aedat")
    theirs = SliceByEventCount(CHUNK).slice(events, None)[0]
    assert len(theirs) == 3
    for number, chunk in enumerate(theirs):
        ours = downsample(events[number * CHUNK : (number + 1) * CHUNK])
        small = Downsample(spatial_factor=0.5)(chunk)
        assert np.array_equal(ours["x"], small["x"])
        assert np.array_equal(ours["y"], small["y"])


def test_time_frames_are_those_of_tonic(data_folder):
    from tonic.transforms import ToFrame

    events = open_dataset(f"nmnist:{data_folder}/nmnist", "test")[0].events
    make = ToFrame(sensor_size=(34, 34, 2), time_window=1000, include_incomplete=True)
    ours = time_frames(events, (2, 34, 34), 1000)
    assert ours.sum() == len(events)
    assert np.array_equal(ours, make(events))


def test_mnistdvs_lists_say_what_to_take(data_folder, tmp_path):
    lists = {s: data_folder / f"synoploss/mnistdvs_filelist_{s}.txt" for s in ("train", "test")}
    entries = {split: read_list(file) for split, file in lists.items()}
    assert {split: len(names) for split, names in entries.items()} == {"train": 8000, "test": 2000}
    real = (data_folder / "mnist_dvs/mnist_0_scale16_0001_qt1.aedat").read_bytes()
    wanted = next(name for name, label in entries["test"] if label == 7)
    (tmp_path / wanted).parent.mkdir(parents=True)
    (tmp_path / wanted).write_bytes(real)
    (tmp_path / "mnist_3_scale16_0001.aedat").write_bytes(real)
    (tmp_path / "filelist_test.txt").write_text(lists["test"].read_text())
    data = open_dataset(f"mnistdvs:{tmp_path}", "test")
    assert data.labels.tolist() == [7, 7, 7]
    assert len(data.skipped) == 1999
    with pytest.raises(DataError, match="1999 damaged or missing recordings"):
        open_dataset(f"mnistdvs:{tmp_path}", "test", strict=True)


def test_cifar10(data_folder):
    test = open_dataset(f"cifar10:{data_folder}/cifar10", "test")
    assert (len(test), test.shape, np.bincount(test.labels).tolist()) == (
        10_000,
        (3, 32, 32),
        [1000] * 10,
    )
    pack = f"cifar10:{data_folder}/cifar10/cifar10_lossless_train4000_convnetjs.npz"
    train = open_dataset(pack)
    counts = [396, 366, 420, 384, 422, 393, 414, 385, 407, 413]
    assert np.bincount(train.labels).tolist() == counts
    assert len(open_dataset(pack, "test")) == 1000


def test_simulated_mnistdvs_is_like_the_real_one(data_folder):
    from dynapdeploy.data.mnistdvs_sim import simulate

    real = read_aedat(data_folder / "mnist_dvs/mnist_0_scale16_0001_qt1.aedat")
    images = open_dataset(f"mnist:{data_folder}/mnist")
    zeros = np.flatnonzero(images.labels == 0)[:5]
    made = [simulate(images.images[i, 0], 197_000, (1, int(i))) for i in zeros]
    assert np.mean([len(events) for events in made]) == pytest.approx(len(real), rel=0.3)
    share = np.mean([events["p"].mean() for events in made])
    assert share == pytest.approx(real["p"].mean(), abs=0.05)
    for axis, tolerance in (("x", 0.25), ("y", 0.15)):
        spans = [np.ptp(np.percentile(events[axis], [5, 95])) for events in [real, *made]]
        assert np.mean(spans[1:]) == pytest.approx(spans[0], rel=tolerance)


def test_simulated_mnistdvs(data_folder):
    data = open_dataset(f"mnistdvs-sim:{data_folder}/mnist", "test")
    assert np.bincount(data.labels).tolist() == [200] * 10
    first = data[0]
    assert len(first.events) == CHUNK
    assert np.array_equal(first.events, data[0].events)
