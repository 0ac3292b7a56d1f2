"""The ``.dynap`` file: one chip image, checksummed, readable without running any code.

Layout: a line of text with the schema version, the SHA-256 of all that follows (32 bytes), then a
safetensors container. The tensor ``manifest`` holds everything but the arrays as JSON.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load as unpack
from safetensors.numpy import save as pack

from dynapdeploy.chip.image import ChipImage, CoreImage, Destination, SelfTest
from dynapdeploy.chip.input_coding import InputCoding, PixelCoding
from dynapdeploy.chip.sensor import EventFilter, Sensor
from dynapdeploy.errors import ImageError
from dynapdeploy.events import EVENT, make_events
from dynapdeploy.files import write_bytes

SCHEMA_VERSION = 1
MAGIC = b"dynapdeploy chip image, schema "
DIGEST_SIZE = 32
LARGEST_FILE = 2**31


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Destination(_Strict):
    core: int | None
    pooling: int
    feature_shift: int


class _Core(_Strict):
    core: int
    name: str
    input_shape: list[int]
    output_shape: list[int]
    stride: list[int]
    padding: list[int]
    threshold_high: int
    threshold_low: int
    return_to_zero: bool
    destinations: list[_Destination]
    decimator: int | None


class _Pixels(_Strict):
    events_per_unit: float
    duration_us: int
    order: str
    seed: int


class _Input(_Strict):
    merge_polarity: bool
    pixels: _Pixels | None


class _Filter(_Strict):
    mode: str
    size: list[int]
    threshold: int


class _Sensor(_Strict):
    polarity: str
    pooling: list[int]
    crop: list[int] | None
    mirror: list[bool]
    diagonal: bool
    camera: bool
    event_filter: _Filter | None


class _Manifest(_Strict):
    device: str
    entry: list[int]
    cores: list[_Core]
    input: _Input
    readout_stride: int
    self_test_spikes: dict[str, int] | None
    provenance: dict[str, str]
    sensor: _Sensor | None = None


def save_image(image: ChipImage, path: str | os.PathLike[str]) -> None:
    """Write ``image`` to ``path``, whole or not at all. Raises ``OutputError``."""
    write_bytes(path, to_bytes(image))


def load_image(path: str | os.PathLike[str]) -> ChipImage:
    """Read a chip image.

    Raises:
        ImageError: the file is missing, not a chip image, of another schema, or damaged anywhere.
    """
    try:
        size = Path(path).stat().st_size
        if size > LARGEST_FILE:
            raise ImageError(
                f"{path}: {size:,} bytes, no chip image is larger than {LARGEST_FILE:,}"
            )
        content = Path(path).read_bytes()
    except (OSError, TypeError, ValueError) as fault:
        raise ImageError(f"cannot read the chip image {path}: {fault}") from fault
    return from_bytes(content, str(path))


def to_bytes(image: ChipImage) -> bytes:
    """The content of the file for ``image``; the same image always gives the same bytes."""
    arrays: dict[str, np.ndarray] = {}
    for i, core in enumerate(image.cores):
        arrays[f"core{i}.weights"] = core.weights
        if core.bias is not None:
            arrays[f"core{i}.bias"] = core.bias
        if core.initial_state is not None:
            arrays[f"core{i}.initial_state"] = core.initial_state
    if image.self_test is not None:
        for part in ("events", "output"):
            for field in EVENT.names or ():
                column = getattr(image.self_test, part)[field]
                arrays[f"self_test.{part}.{field}"] = np.ascontiguousarray(column)
    manifest = json.dumps(_manifest(image), sort_keys=True, separators=(",", ":"))
    arrays["manifest"] = np.frombuffer(manifest.encode(), np.uint8)
    body = pack(dict(sorted(arrays.items())))
    return MAGIC + f"{SCHEMA_VERSION}\n".encode() + hashlib.sha256(body).digest() + body


def from_bytes(content: bytes, name: str = "chip image") -> ChipImage:
    """The image in ``content``; raises ``ImageError`` as :func:`load_image`."""
    body = _checked_body(content, name)
    try:
        arrays = unpack(body)
        manifest = _Manifest.model_validate_json(arrays.pop("manifest").tobytes())
        return _image(manifest, arrays)
    except ImageError as fault:
        raise ImageError(f"{name}: {fault}") from fault
    except ValidationError as fault:
        first = fault.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ImageError(f"{name}: its manifest is malformed, {place}: {first['msg']}") from None
    except (SafetensorError, KeyError, ValueError, TypeError, OverflowError) as fault:
        raise ImageError(f"{name}: its content is malformed ({fault})") from fault


def _checked_body(content: bytes, name: str) -> bytes:
    if not content:
        raise ImageError(f"{name} is empty, a chip image was expected")
    if not content.startswith(MAGIC):
        raise ImageError(f"{name} is not a chip image (it does not start as one)")
    version, newline, rest = content[len(MAGIC) : len(MAGIC) + 64].partition(b"\n")
    if version != str(SCHEMA_VERSION).encode() or not newline:
        raise ImageError(
            f"{name}: chip image schema {version.decode(errors='replace')!r} is unknown, "
            f"this version reads schema {SCHEMA_VERSION}"
        )
    rest = content[len(MAGIC) + len(version) + 1 :]
    digest, body = rest[:DIGEST_SIZE], rest[DIGEST_SIZE:]
    if hashlib.sha256(body).digest() != digest:
        raise ImageError(f"{name} is damaged: its checksum does not match (changed or truncated)")
    return body


def _manifest(image: ChipImage) -> dict[str, Any]:
    tested = image.self_test
    return {
        "device": image.device,
        "entry": _plain(image.entry),
        "cores": [_fields(_Core, core) for core in image.cores],
        "input": _fields(_Input, image.input),
        "readout_stride": int(image.readout_stride),
        "self_test_spikes": None
        if tested is None
        else {str(core): count for core, count in tested.spikes.items()},
        "provenance": {str(k): str(v) for k, v in image.provenance.items()},
        **({} if image.sensor is None else {"sensor": asdict(image.sensor)}),
    }


def _fields(model: type[_Strict], source: Any) -> dict[str, Any]:
    """What ``model`` names of ``source``, in the types of JSON."""
    return {name: _plain(getattr(source, name)) for name in model.model_fields}


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [_plain(entry) for entry in value]
    return value.item() if isinstance(value, np.generic) else value


def _image(manifest: _Manifest, arrays: dict[str, np.ndarray]) -> ChipImage:
    cores = []
    for i, core in enumerate(manifest.cores):
        values = core.model_dump()
        destinations = tuple(Destination(**d) for d in values.pop("destinations"))
        cores.append(
            CoreImage(
                **values,
                destinations=destinations,
                weights=arrays.pop(f"core{i}.weights"),
                bias=arrays.pop(f"core{i}.bias", None),
                initial_state=arrays.pop(f"core{i}.initial_state", None),
            )
        )
    self_test = None
    if manifest.self_test_spikes is not None:
        spikes = {int(core): count for core, count in manifest.self_test_spikes.items()}
        self_test = SelfTest(_events(arrays, "events"), _events(arrays, "output"), spikes)
    if arrays:
        raise ImageError(f"unexpected content {sorted(arrays)[0]!r}")
    pixels = manifest.input.pixels
    coding = InputCoding(
        manifest.input.merge_polarity,
        None if pixels is None else PixelCoding(**pixels.model_dump()),
    )
    return ChipImage(
        manifest.device,
        tuple(cores),
        tuple(manifest.entry),
        coding,
        self_test,
        manifest.provenance,
        manifest.readout_stride,
        None if manifest.sensor is None else _sensor(manifest.sensor),
    )


def _sensor(values: _Sensor) -> Sensor:
    found = values.event_filter
    return Sensor(
        polarity=values.polarity,  # type: ignore[arg-type]
        pooling=_tuple(values.pooling, 2),
        crop=None if values.crop is None else _tuple(values.crop, 4),
        mirror=_tuple(values.mirror, 2),
        diagonal=values.diagonal,
        camera=values.camera,
        event_filter=None
        if found is None
        else EventFilter(found.mode, _tuple(found.size, 2), found.threshold),  # type: ignore
    )


def _tuple(values: list, count: int) -> Any:
    if len(values) != count:
        raise ImageError(f"sensor: {count} values were expected, got {len(values)}")
    return tuple(values)


def _events(arrays: dict[str, np.ndarray], part: str) -> np.ndarray:
    columns = {field: arrays.pop(f"self_test.{part}.{field}") for field in "txyp"}
    for field, column in columns.items():
        if column.dtype != EVENT[field] or column.shape != columns["t"].shape[:1]:
            raise ImageError(
                f"self_test.{part}.{field}: {EVENT[field]} of one length were expected, "
                f"got {column.dtype} {column.shape}"
            )
    return make_events(**columns)
