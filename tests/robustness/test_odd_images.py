"""Chip images whose checksum is right and whose content makes no sense: refused, or they run."""

import copy
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load, save

from dynapdeploy.chip.image_file import MAGIC, from_bytes
from dynapdeploy.emulator import emulate
from dynapdeploy.errors import DeployError, ImageError
from dynapdeploy.events import EVENT, make_events

GOLDEN = Path(__file__).parents[1] / "chip" / "golden" / "two_cores.dynap"
ODD = (
    None, -1, 0, 3, 2**31, 2**64, -(2**63), 10**30, 0.5, 1e308, True, "", "\0", [], {}, [0, 0],
    [-1, -1], [2**40, 2**40], [1, 2**20, 2**20], [0, 0, 0], [2**31] * 3, [None],
)  # fmt: skip
SENSOR = {
    "polarity": "both", "pooling": [1, 1], "crop": [0, 5, 0, 5], "mirror": [False, False],
    "diagonal": False, "camera": False, "event_filter": None,
}  # fmt: skip


def parts():
    content = GOLDEN.read_bytes()
    arrays = load(content[content.index(b"\n") + 33 :])
    manifest = json.loads(arrays.pop("manifest").tobytes())
    return manifest, arrays


def image(manifest, arrays):
    packed = {**arrays, "manifest": np.frombuffer(json.dumps(manifest).encode(), np.uint8)}
    body = save(packed)
    return from_bytes(MAGIC + b"1\n" + hashlib.sha256(body).digest() + body)


def places(value, here=()):
    yield here
    inside = value.items() if isinstance(value, dict) else ()
    inside = enumerate(value) if isinstance(value, list) else inside
    for key, entry in inside:
        yield from places(entry, (*here, key))


def with_odd(value, place, odd):
    if not place:
        return odd
    value = copy.copy(value)
    value[place[0]] = with_odd(value[place[0]], place[1:], odd)
    return value


@pytest.mark.parametrize("sensor", [None, SENSOR])
def test_every_entry_of_the_manifest(sensor):
    manifest, arrays = parts()
    if sensor is not None:
        manifest |= {"input": {"merge_polarity": False, "pixels": None}, "sensor": sensor}
    x, y, p = np.random.default_rng(0).integers(0, (5, 5, 2), (50, 3)).T
    events = make_events(np.arange(50), x, y, p)
    accepted = refused = 0
    for place in places(manifest):
        for odd in ODD:
            try:
                emulate(image(with_odd(manifest, place, odd), arrays), events)
                accepted += 1
            except DeployError:
                refused += 1
    assert refused > 10 * accepted > 100


def test_every_array():
    manifest, arrays = parts()
    for name, array in arrays.items():
        for odd in (array.astype(np.complex64), array.astype(np.float64), array[None], array[:0]):
            with pytest.raises(ImageError):
                image(manifest, {**arrays, name: odd})
    assert {name.rpartition(".")[2] for name in arrays} >= set(EVENT.names)
