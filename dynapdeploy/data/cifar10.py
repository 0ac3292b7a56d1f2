"""CIFAR-10: the python batches, or packs of JPEG or lossless images in .npz files."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from dynapdeploy.data.arrays import read_npz
from dynapdeploy.data.cifar10_batches import read_batch
from dynapdeploy.data.images import StillImages
from dynapdeploy.data.recordings import existing_folder
from dynapdeploy.errors import DataError

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_SIZE = (3, 32, 32)
_BATCHES = {"train": [f"data_batch_{n}" for n in range(1, 6)], "test": ["test_batch"]}
_PACKS = ("cifar10_jpeg", "cifar10_lossless")


def open_cifar10(spec: str, path: Path, split: str, strict: bool) -> StillImages:
    """The images ``[n, 3, 32, 32]`` of one split, pixel values 0 to 255.

    In a folder the python batches (also in ``cifar-10-batches-py``) are taken first, then
    ``cifar10_jpeg_<split>.npz``, then ``cifar10_lossless_<split>*.npz``. A path to one of the packs
    chooses its kind; the other split is looked for beside it. JPEG images are lossy, about 30 dB.

    Raises:
        DataError: nothing there, or a damaged file; damaged single images if ``strict``.
    """
    packs: tuple[str, ...] = _PACKS
    if path.is_file():
        packs = tuple(pack for pack in _PACKS if path.name.startswith(pack))
        if not packs:
            raise DataError(f"{spec}: {path.name} is neither a {_PACKS[0]} nor a {_PACKS[1]} pack")
        path = path.parent
    else:
        for folder in (existing_folder(spec, path), path / "cifar-10-batches-py"):
            files = [folder / name for name in _BATCHES[split]]
            if any(file.exists() for file in files):
                images, labels = zip(*(read_batch(file) for file in files), strict=True)
                return StillImages(
                    spec, split, CLASSES, np.concatenate(labels), np.concatenate(images)
                )
    for pack in packs:
        found = sorted(path.glob(f"{pack}_{split}*.npz"))
        if found and pack == "cifar10_jpeg":
            return _jpeg(spec, split, found[0], strict)
        if found:
            return _lossless(spec, split, found[0])
    raise DataError(
        f"{spec}: no {split} split in {path}: {', '.join(_BATCHES[split])} or "
        f"{' or '.join(f'{pack}_{split}*.npz' for pack in packs)} was expected"
    )


def _jpeg(spec: str, split: str, file: Path, strict: bool) -> StillImages:
    stream, offset, labels = _arrays(file, "jpeg", "offset", "label")
    ends = offset.astype(np.int64)
    fits = len(ends) == len(labels) + 1 and (np.diff(ends) >= 0).all()
    if not fits or ends[0] < 0 or ends[-1] > len(stream) or stream.dtype != np.uint8:
        raise DataError(f"{file}: offsets, labels and JPEG bytes do not belong together")
    images = np.empty((len(labels), *_SIZE), np.uint8)
    damaged = []
    for index in range(len(labels)):
        image = _decode(stream[ends[index] : ends[index + 1]].tobytes())
        if image is None:
            damaged.append(index)
        else:
            images[index] = image
    names = tuple(f"{split} {index:05d}" for index in damaged)
    if damaged and strict:
        raise DataError(f"{spec}: {len(damaged)} damaged images in {file.name}: {names[0]} ...")
    kept = np.delete(np.arange(len(labels)), damaged)
    return StillImages(spec, split, CLASSES, labels[kept], images[kept], skipped=names)


def _decode(content: bytes) -> np.ndarray | None:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content), formats=["JPEG"]) as picture:
            pixels = np.asarray(picture.convert("RGB"))
    except (OSError, SyntaxError, ValueError):
        return None
    return pixels.transpose(2, 0, 1) if pixels.shape == (32, 32, 3) else None


def _lossless(spec: str, split: str, file: Path) -> StillImages:
    images, labels = _arrays(file, "x", "y")
    if images.dtype != np.uint8 or images.shape[1:] != (32, 32, 3):
        raise DataError(f"{file}: uint8 images [n, 32, 32, 3] were expected, got {images.shape}")
    return StillImages(
        spec, split, CLASSES, labels, np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    )


def _arrays(file: Path, *names: str) -> list[np.ndarray]:
    arrays = read_npz(file)
    missing = [name for name in names if name not in arrays]
    if missing:
        raise DataError(f"{file}: cannot read {', '.join(names)} from it: no {missing[0]} in it")
    return [arrays[name] for name in names]
