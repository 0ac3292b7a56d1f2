"""Data that is missing, damaged or something else."""

import gzip
import io
import pickle

import numpy as np
import pytest

from dynapdeploy.data import DamagedRecording, draw, open_dataset, readable
from dynapdeploy.data.frames import frames
from dynapdeploy.errors import DataError


def _bin(x=1, y=2, count=3):
    return b"".join(bytes((x, y, 128, 0, k)) for k in range(count))


def _write(root, files):
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


@pytest.fixture
def broken_nmnist(tmp_path):
    _write(
        tmp_path,
        {
            "Train/0/00001.bin": _bin(),
            "Train/0/00002.bin": _bin()[:-1],
            "Train/1/00003.bin": b"",
            "Train/1/00004.bin": _bin(x=99),
            "Train/1/00005.bin": _bin()[5:] + _bin(),
            "Train/2/00006.bin": _bin(),
        },
    )
    return tmp_path


def test_damaged_recordings_are_skipped_by_name(broken_nmnist):
    data = open_dataset(f"nmnist:{broken_nmnist}")
    assert data.skipped == ("0/00002.bin", "1/00003.bin")
    assert [index for index, _ in readable(data)] == [0, 3]
    assert data.skipped == ("0/00002.bin", "1/00003.bin", "1/00004.bin", "1/00005.bin")
    with pytest.raises(DamagedRecording, match=r"1/00004\.bin.*x=99"):
        data[1]
    assert len(data.skipped) == 4
    pixels, labels = frames(data)
    assert pixels.shape == (2, 2, 34, 34)
    assert labels.tolist() == [0, 2]
    assert draw(data, 3).skipped == data.skipped


def test_damaged_recordings_are_refused_if_strict(broken_nmnist):
    spec = f"nmnist:{broken_nmnist}"
    with pytest.raises(DataError, match=r"2 damaged .* recordings: 0/00002\.bin, 1/00003\.bin"):
        open_dataset(spec, strict=True)
    for name in ("0/00002.bin", "1/00003.bin"):
        (broken_nmnist / "Train" / name).unlink()
    data = open_dataset(spec, strict=True)
    with pytest.raises(DataError, match=r"1/00004\.bin") as refusal:
        list(readable(data))
    assert not isinstance(refusal.value, DamagedRecording)


def test_nothing_readable(tmp_path):
    _write(tmp_path, {"Train/0/1.bin": _bin(x=99)})
    with pytest.raises(DataError, match=r"none of 1 recordings can be read"):
        frames(open_dataset(f"nmnist:{tmp_path}"))
    _write(tmp_path, {"Train/0/1.bin": b"1"})
    with pytest.raises(DataError, match=r"no recordings in the train split \(1 .*0/1\.bin"):
        open_dataset(f"nmnist:{tmp_path}")


@pytest.mark.parametrize(
    ("spec", "split", "message"),
    [
        ("nmist:x", "train", r"unknown kind 'nmist'.*digits, nmnist:PATH.*Did you mean nmnist\?"),
        ("", "train", "unknown kind ''"),
        ("nmnist", "train", "names no path, nmnist:PATH was expected"),
        ("events:", "train", "events:FILE was expected"),
        ("digits:x", "train", "takes no path"),
        ("digits", "valid", "train or test, got 'valid'"),
        *[
            (f"{kind}:/no/such/place", "test", "no folder|does not exist")
            for kind in ("nmnist", "mnist", "mnistdvs", "mnistdvs-sim", "cifar10", "dvsgesture")
        ],
        ("events:/no/such/file.npz", "test", "does not exist"),
    ],
)
def test_wrong_names(spec, split, message):
    with pytest.raises(DataError, match=message):
        open_dataset(spec, split)


@pytest.mark.parametrize("kind", ["nmnist", "mnist", "mnistdvs", "cifar10", "dvsgesture"])
def test_empty_folder_and_file_for_folder(tmp_path, kind):
    with pytest.raises(DataError, match="is empty"):
        open_dataset(f"{kind}:{tmp_path}")
    (tmp_path / "f").write_text("x")
    with pytest.raises(DataError, match=r"no |neither"):
        open_dataset(f"{kind}:{tmp_path}")
    with pytest.raises(DataError, match=r"folder was expected|neither"):
        open_dataset(f"{kind}:{tmp_path / 'f'}")


def test_a_split_that_is_not_there(tmp_path):
    _write(tmp_path, {"Test/0/1.bin": _bin()})
    with pytest.raises(DataError, match=r"no train split in .*, only Test"):
        open_dataset(f"nmnist:{tmp_path}", "train")


def _idx(array):
    sizes = b"".join(int(size).to_bytes(4, "big") for size in array.shape)
    return bytes((0, 0, 8, array.ndim)) + sizes + array.tobytes()


def _mnist(images, labels):
    return {"train-images-idx3-ubyte": images, "train-labels-idx1-ubyte.gz": gzip.compress(labels)}


def test_mnist_files(tmp_path):
    images = np.arange(2 * 28 * 28, dtype=np.uint8).reshape(2, 28, 28)
    labels = np.array([7, 1], np.uint8)
    _write(tmp_path, _mnist(_idx(images), _idx(labels)))
    data = open_dataset(f"mnist:{tmp_path}")
    assert np.array_equal(data[1].pixels[0], images[1])
    assert data[1].label == 1
    for change, message in (
        (_mnist(_idx(images)[:-1], _idx(labels)), "truncated"),
        (_mnist(_idx(images) + b"0", _idx(labels)), "truncated or damaged"),
        (_mnist(_idx(labels), _idx(labels)), "not an IDX file"),
        (_mnist(b"", _idx(labels)), "not an IDX file"),
        (_mnist(_idx(images), _idx(labels[:1])), "2 images, but 1 labels"),
        (_mnist(_idx(images), _idx(labels + 9)), "image 0 has label 16"),
        ({"train-labels-idx1-ubyte.gz": gzip.compress(b"1234")[:-6]}, "cannot read it"),
    ):
        _write(tmp_path, change)
        with pytest.raises(DataError, match=message):
            open_dataset(f"mnist:{tmp_path}")
        _write(tmp_path, _mnist(_idx(images), _idx(labels)))
    with pytest.raises(DataError, match="no file t10k-images"):
        open_dataset(f"mnist:{tmp_path}", "test")


STRUCTURED = np.array([(1, 2, 5, 0), (3, 0, 9, 1)], [(name, "<i4") for name in "xytp"])
PLAIN = np.array([[1, 2, 5, 0], [3, 0, 9, 1]])


def _npy(array, **options):
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def _npz(**arrays):
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.npy", _npy(STRUCTURED)),
        ("a.npy", _npy(PLAIN)),
        ("a.npz", _npz(events=STRUCTURED)),
        ("a.npz", _npz(**dict(zip("xytp", PLAIN.T, strict=True)))),
    ],
)
def test_one_recording(tmp_path, name, content):
    _write(tmp_path, {name: content})
    data = open_dataset(f"events:{tmp_path / name}", "test")
    assert (len(data), data.shape, data.labels.tolist(), data.classes) == (1, (2, 3, 4), [-1], ())
    assert data[0].label is None
    assert [data[0].events[field].tolist() for field in "txyp"] == [[5, 9], [1, 3], [2, 0], [0, 1]]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.npy", _npy(STRUCTURED)[:-1], "cannot read"),
        ("a.npy", b"", "cannot read"),
        ("a.npy", _npy(np.array([{}]), allow_pickle=True), "cannot read"),
        ("a.npy", _npy(PLAIN[:, :3]), "columns x, y, t, p"),
        ("a.npy", _npy(PLAIN[::-1]), "not sorted by time"),
        ("a.npy", _npy(-PLAIN), "must lie in 0"),
        ("a.npy", _npy(PLAIN + 0.5), "must be integers"),
        ("a.npy", _npy(PLAIN[:0]), "no events"),
        ("a.npz", _npz(events=STRUCTURED)[:-30], "cannot read"),
        ("a.npz", _npz(frames=PLAIN), "got frames"),
        ("a.npz", _npz(x=PLAIN[0], y=PLAIN[0], t=PLAIN[0], p=PLAIN[0][1:]), "of one length"),
        ("a.bin", _bin()[:-1], "14 bytes are no whole number"),
        ("a.aedat", b"#!AER-DAT2.0\r\n" + bytes(15), "truncated"),
        ("a.aedat", b"#!AER-DAT2.0\r\n", "truncated"),
        ("a.aedat", b"#!AER-DAT3.1\r\n" + bytes(16), "got AEDAT 3.1"),
        ("a.aedat", b"#!AER-DAT2.0\r\n" + b"\x7f" * 16, "more than the 16 bits"),
        ("a.txt", b"1 2 3 4", "unknown kind of file"),
        ("a.aedat", b"#!AER-DAT4.0\r\n" + bytes(16), "got AEDAT 4.0"),
        ("a.aedat4", b"#!AER-DAT4.0\r\n" + bytes(16), "AEDAT 4 is not read, .npz"),
        ("a.raw", b"% evt 3.0\n", r"EVT \(Prophesee RAW\) is not read, .npz"),
    ],
)
def test_a_file_that_is_no_recording(tmp_path, name, content, message):
    _write(tmp_path, {name: content})
    with pytest.raises(DataError, match=rf"{name}: .*{message}"):
        open_dataset(f"events:{tmp_path / name}")


def test_aedat_times_go_on_after_the_counter_wraps(tmp_path):
    words = np.array([3, 2**32 - 5, 0x8001, 2**32 - 4, 2 | 7 << 8, 10], ">u4")
    _write(tmp_path, {"a.aedat": b"#!AER-DAT2.0\r\n# comment\r\n" + words.tobytes()})
    events = open_dataset(f"events:{tmp_path / 'a.aedat'}")[0].events
    assert [events[field].tolist() for field in "txyp"] == [[0, 15], [1, 1], [0, 7], [1, 0]]


def test_mnistdvs_list_that_makes_no_sense(tmp_path):
    _write(tmp_path, {"filelist_train.txt": b"a.aedat\t0\nb.aedat 1\n"})
    with pytest.raises(DataError, match=r"filelist_train\.txt, line 2"):
        open_dataset(f"mnistdvs:{tmp_path}")


class _OldArray:
    """Pickles as numpy arrays of the python batches do."""

    def __init__(self, content):
        self.content = content

    def __reduce__(self):
        return self.content.astype(np.uint8).__reduce__()


class _Harmful:
    def __reduce__(self):
        return print, ("run",)


def test_cifar10_python_batches(tmp_path):
    data = np.arange(2 * 3072).reshape(2, 3072) % 251
    batch = {b"data": _OldArray(data), b"labels": [3, 9]}
    _write(tmp_path, {"test_batch": pickle.dumps(batch, protocol=2)})
    read = open_dataset(f"cifar10:{tmp_path}", "test")
    assert np.array_equal(read[1].pixels.ravel(), data[1])
    assert read.labels.tolist() == [3, 9]


def test_cifar10_python_batches_as_python_2_wrote_them(tmp_path):
    """The opcodes of the published files: byte strings, and numpy's names of that time."""
    pixels = bytes(k % 256 for k in range(3072))
    kind = (
        b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNN"
        + 2 * b"J\xff\xff\xff\xff"
        + b"K\x00tb"
    )
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x01M\x00\x0c\x86" + kind + b"\x89T\x00\x0c\x00\x00" + pixels + b"tb"
    )
    content = b"\x80\x02}(U\x04data" + array + b"U\x06labels]K\x08au."
    _write(tmp_path, {"cifar-10-batches-py/test_batch": content})
    read = open_dataset(f"cifar10:{tmp_path}", "test")
    assert read[0].pixels.astype(np.uint8).tobytes() == pixels
    assert read.labels.tolist() == [8]


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps({b"data": _Harmful(), b"labels": []}),
        pickle.dumps({b"data": 1, b"labels": [1]}),
        pickle.dumps([1]),
        pickle.dumps({b"data": _OldArray(np.zeros((1, 9))), b"labels": [1]}),
        b"",
        b"hello",
        b"\x80\x02}q\x00(",
    ],
)
def test_pickles_that_are_no_batch(tmp_path, content, capsys):
    _write(tmp_path, {"test_batch": content})
    with pytest.raises(DataError, match="test_batch"):
        open_dataset(f"cifar10:{tmp_path}", "test")
    assert capsys.readouterr().out == ""


def test_cifar10_damaged_jpeg(tmp_path):
    from PIL import Image

    stream = io.BytesIO()
    Image.new("RGB", (32, 32), (255, 0, 0)).save(stream, "JPEG")
    good = np.frombuffer(stream.getvalue(), np.uint8)
    jpeg = np.concatenate([good, good[:50], good])
    offset = np.cumsum([0, len(good), 50, len(good)])
    file = tmp_path / "cifar10_jpeg_train.npz"
    np.savez(file, jpeg=jpeg, offset=offset, label=np.array([1, 2, 3], np.uint8))
    data = open_dataset(f"cifar10:{tmp_path}")
    assert (data.labels.tolist(), data.skipped) == ([1, 3], ("train 00001",))
    with pytest.raises(DataError, match="1 damaged images"):
        open_dataset(f"cifar10:{tmp_path}", strict=True)
    np.savez(file, jpeg=jpeg, offset=offset + 5, label=np.array([1, 2, 3], np.uint8))
    with pytest.raises(DataError, match="do not belong together"):
        open_dataset(f"cifar10:{tmp_path}")


def test_dvsgesture_folders(tmp_path):
    columns = np.array([[1, 2, 1, 3], [127, 0, 0, 4]], np.float64)
    root = "DVSGesture/ibmGestureTest/user24_led"
    _write(tmp_path, {f"{root}/0.npy": _npy(columns), f"{root}/10.npy": _npy(columns * 2)})
    data = open_dataset(f"dvsgesture:{tmp_path}", "test")
    assert data.labels.tolist() == [0, 10]
    assert len(data.classes) == 11
    events = data[0].events
    assert [events[f].tolist() for f in "txyp"] == [[3000, 4000], [1, 127], [2, 0], [1, 0]]
    with pytest.raises(DamagedRecording, match="x=254"):
        data[1]
    with pytest.raises(DataError, match="a folder ibmGestureTrain was expected"):
        open_dataset(f"dvsgesture:{tmp_path}", "train")


def test_draw_refuses_no_samples():
    data = open_dataset("digits", "test")
    assert len(draw(data, 5)) == 5
    assert draw(data, 10_000) is data
    with pytest.raises(DataError, match="at least 1, got 0"):
        draw(data, 0)
