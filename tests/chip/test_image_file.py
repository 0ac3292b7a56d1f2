"""The ``.dynap`` file: round trip, and every damage found."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from dynapdeploy import (
    ChipImage,
    CoreImage,
    Destination,
    ImageError,
    InputCoding,
    OutputError,
    PixelCoding,
    SelfTest,
    load_image,
)
from dynapdeploy.chip.image_file import from_bytes, to_bytes
from dynapdeploy.events import make_events

GOLDEN = Path(__file__).parent / "golden" / "two_cores.dynap"


def two_cores() -> ChipImage:
    """A small image that uses every field."""
    weights = np.arange(-8, 8).reshape(2, 2, 2, 2)
    first = CoreImage(
        core=3,
        name="conv",
        weights=weights,
        bias=np.array([-3, 300]),
        input_shape=(2, 5, 5),
        output_shape=(2, 4, 4),
        threshold_high=20,
        threshold_low=-100,
        destinations=(Destination(5, 2, 0), Destination(None)),
        decimator=1,
        initial_state=np.arange(32).reshape(2, 4, 4),
    )
    second = CoreImage(
        core=5,
        name="<last>",
        weights=weights[:1],
        input_shape=(2, 2, 2),
        output_shape=(1, 3, 3),
        padding=(1, 1),
        threshold_high=5,
        threshold_low=-32760,
        return_to_zero=True,
        destinations=(Destination(None, 1, 2),),
    )
    events = make_events([0, 5], [1, 2], [0, 4], [0, 1])
    return ChipImage(
        "speck2fdevkit",
        (first, second),
        (3,),
        InputCoding(True, PixelCoding(0.5, 1000, "random", 7)),
        SelfTest(events, events[:1], {3: 4, 5: 0}),
        {"source": "a test"},
        4,
    )


def assert_same(left: ChipImage, right: ChipImage) -> None:
    for name in ("device", "entry", "input", "provenance", "readout_stride"):
        assert getattr(left, name) == getattr(right, name)
    assert len(left.cores) == len(right.cores)
    for a, b in zip(left.cores, right.cores, strict=True):
        for name in a.__dataclass_fields__:
            one, other = getattr(a, name), getattr(b, name)
            if isinstance(one, np.ndarray):
                assert one.dtype == other.dtype
                np.testing.assert_array_equal(one, other)
            else:
                assert one == other
    assert left.self_test is not None
    assert right.self_test is not None
    np.testing.assert_array_equal(left.self_test.events, right.self_test.events)
    np.testing.assert_array_equal(left.self_test.output, right.self_test.output)
    assert left.self_test.spikes == right.self_test.spikes


def test_a_saved_image_is_read_back_as_it_was(tmp_path):
    two_cores().save(tmp_path / "image.dynap")
    assert_same(two_cores(), load_image(tmp_path / "image.dynap"))


def test_files_written_before_are_still_read():
    assert_same(two_cores(), load_image(GOLDEN))


def test_the_same_image_gives_the_same_bytes():
    assert to_bytes(two_cores()) == to_bytes(two_cores()) == GOLDEN.read_bytes()


def test_every_flipped_bit_is_found():
    content = to_bytes(two_cores())
    for place in range(len(content)):
        for bit in range(8):
            damaged = bytearray(content)
            damaged[place] ^= 1 << bit
            with pytest.raises(ImageError):
                from_bytes(bytes(damaged))


def test_every_truncation_is_found():
    content = to_bytes(two_cores())
    for length in range(len(content)):
        with pytest.raises(ImageError):
            from_bytes(content[:length])


def test_trailing_bytes_are_found():
    with pytest.raises(ImageError, match="checksum"):
        from_bytes(to_bytes(two_cores()) + b"\0")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"PK\x03\x04 a zip", "not a chip image"),
        (pickle.dumps({"device": "speck"}), "not a chip image"),
        (b"dynapdeploy chip image, schema 99\n" + b"\0" * 64, "schema '99' is unknown"),
    ],
)
def test_foreign_files_are_refused(tmp_path, content, message):
    path = tmp_path / "foreign.dynap"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=message):
        load_image(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(ImageError, match="No such file"):
        load_image(tmp_path / "none.dynap")
    with pytest.raises(ImageError, match="directory"):
        load_image(tmp_path)


def test_writing_fails_with_one_message_and_keeps_the_old_file(tmp_path):
    with pytest.raises(OutputError, match="No such file"):
        two_cores().save(tmp_path / "nowhere" / "image.dynap")
    with pytest.raises(OutputError, match="folder"):
        two_cores().save(tmp_path)
    assert list(tmp_path.iterdir()) == []


def with_manifest(change) -> bytes:
    """A file with a valid checksum whose manifest was changed."""
    import hashlib

    from safetensors.numpy import load, save

    content = to_bytes(two_cores())
    start = content.index(b"\n") + 1
    arrays = load(content[start + 32 :])
    manifest = json.loads(arrays["manifest"].tobytes())
    change(manifest)
    arrays["manifest"] = np.frombuffer(json.dumps(manifest).encode(), np.uint8)
    body = save(arrays)
    return content[:start] + hashlib.sha256(body).digest() + body


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.update(device=3),
        lambda m: m.update(entry=[]),
        lambda m: m.update(entry=[4]),
        lambda m: m.update(extra=1),
        lambda m: m.pop("cores"),
        lambda m: m["cores"].pop(),
        lambda m: m["cores"][0].update(threshold_high=1 << 20),
        lambda m: m["cores"][0].update(output_shape=[2, 400000, 4]),
        lambda m: m["cores"][0]["destinations"].append(
            {"core": 9, "pooling": 1, "feature_shift": 0}
        ),
        lambda m: m["cores"][1]["destinations"].append(
            {"core": 3, "pooling": 1, "feature_shift": 0}
        ),
        lambda m: m["input"]["pixels"].update(order="backwards"),
        lambda m: m["self_test_spikes"].update({"x": 1}),
    ],
)
def test_a_forged_manifest_is_refused(change):
    with pytest.raises(ImageError):
        from_bytes(with_manifest(change))
