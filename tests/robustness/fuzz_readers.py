"""Coverage-guided fuzzing of the readers with atheris (``pip install atheris``).

    python tests/robustness/fuzz_readers.py READER [libFuzzer options, as -max_total_time=600]

A reader may give back something or raise a ``DeployError``; everything else is a finding.
``python tests/robustness/fuzz_readers.py`` alone lists the readers.
"""

from __future__ import annotations

import hashlib
import io
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2]))

MOST_BYTES = 8192


def image(content: bytes, folder: Path) -> None:
    """A chip image whose checksum is right, whatever it is the checksum of."""
    from dynapdeploy.chip.image_file import MAGIC, from_bytes

    from_bytes(MAGIC + b"1\n" + hashlib.sha256(content).digest() + content)


def _recording(ending: str) -> Callable[[bytes, Path], None]:
    def read(content: bytes, folder: Path) -> None:
        from dynapdeploy.data.recording_file import read_recording

        read_recording(_written(folder / f"fuzz{ending}", content))

    return read


def idx(content: bytes, folder: Path) -> None:
    """MNIST's format."""
    from dynapdeploy.data.mnist import read_idx

    read_idx(_written(folder / "fuzz", content), 3)


def cifar(content: bytes, folder: Path) -> None:
    """A python batch of CIFAR-10."""
    from dynapdeploy.data.cifar10_batches import read_batch

    read_batch(_written(folder / "fuzz", content))


def profile(content: bytes, folder: Path) -> None:
    """A hardware profile."""
    from dynapdeploy.chip.profile import load_profile

    load_profile.cache_clear()
    load_profile(str(_written(folder / "fuzz.toml", content)))


def record(content: bytes, folder: Path) -> None:
    """``run.json`` of a training folder, with weights that are right."""
    from dynapdeploy.training.run import load_run

    _written(folder / "model.safetensors", b"")
    _written(folder / "run.json", content)
    load_run(folder)


def checkpoint(content: bytes, folder: Path) -> None:
    """The state of an unfinished training."""
    from dynapdeploy.training.checkpoint import load_checkpoint

    _written(folder / "checkpoint.safetensors", content)
    load_checkpoint(folder)


def weights(content: bytes, folder: Path) -> None:
    """A state dict as torch writes it."""
    from torch import nn

    from dynapdeploy.sources import _load_weights

    _load_weights(nn.Linear(2, 2), _written(folder / "fuzz.pt", content))


def sweep(content: bytes, folder: Path) -> None:
    """The record of a sweep."""
    from dynapdeploy.training.sweep import load_sweep

    _written(folder / "sweep.json", content)
    load_sweep(folder)


def frames(content: bytes, folder: Path) -> None:
    """The cache of frames."""
    from dynapdeploy.data.frame_cache import load_frames

    load_frames(_written(folder / "fuzz.npz", content))


READERS: dict[str, Callable[[bytes, Path], None]] = {
    "image": image,
    "aedat": _recording(".aedat"),
    "npy": _recording(".npy"),
    "npz": _recording(".npz"),
    "bin": _recording(".bin"),
    "idx": idx,
    "cifar": cifar,
    "profile": profile,
    "record": record,
    "checkpoint": checkpoint,
    "weights": weights,
    "sweep": sweep,
    "frames": frames,
}


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def sound(reader: str) -> list[bytes]:
    """Small files that the reader accepts, for the fuzzer to start from."""
    import json
    import pickle

    import numpy as np

    from dynapdeploy.events import make_events

    if reader == "image":
        golden = Path(__file__).parents[1] / "chip" / "golden" / "two_cores.dynap"
        content = golden.read_bytes()
        return [content[content.index(b"\n") + 33 :]]
    if reader == "aedat":
        return [b"#!AER-DAT2.0\r\n# c\r\n" + np.arange(20, dtype=">u4").tobytes()]
    packed, flat = io.BytesIO(), io.BytesIO()
    events = make_events([1, 2, 3], [0, 1, 2], [2, 1, 0], [0, 1, 0])
    if reader == "frames":
        np.savez(packed, frames=np.zeros((2, 1, 3, 3), np.uint16), labels=np.zeros(2, np.int64))
        return [packed.getvalue()]
    if reader == "npz":
        np.savez(packed, events=events)
        np.savez(flat, **{name: events[name] for name in "xytp"})
        return [packed.getvalue(), flat.getvalue()]
    if reader == "npy":
        np.save(packed, events)
        np.save(flat, np.ones((3, 4), np.int64))
        return [packed.getvalue(), flat.getvalue()]
    if reader == "bin":
        return [bytes((1, 2, 128, 0, 5, 3, 4, 0, 0, 9))]
    if reader == "idx":
        return [bytes((0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4))]
    if reader == "cifar":
        batch = {b"data": np.zeros((1, 3072), np.uint8), b"labels": [3]}
        return [pickle.dumps(batch, 2)]
    if reader == "profile":
        place = Path(__file__).parents[2] / "hardware_profiles"
        return [path.read_bytes()[:MOST_BYTES] for path in place.glob("*.toml")]
    if reader == "record":
        layer = {"kind": "Linear", "in_features": 2, "out_features": 2, "bias": False}
        empty = hashlib.sha256(b"").hexdigest()
        record = {
            "schema_version": 1,
            "layers": [layer],
            "input_shape": [1, 2, 2],
            "classes": ["a"],
            "input_coding": {"merge_polarity": True, "pixels": None},
            "settings": {"data": "digits", "model": "digits"},
            "weights_sha256": {"model.safetensors": empty, "untuned.safetensors": empty},
            "metrics": {},
        }
        return [json.dumps(record).encode()]
    if reader == "sweep":
        return [b'{"schema_version": 1, "rows": [{"name": "seed-0/net-00", "status": "done"}]}']
    import torch

    if reader == "weights":
        torch.save(torch.nn.Linear(2, 2).state_dict(), packed)
        return [packed.getvalue()]
    from safetensors.torch import save

    from dynapdeploy.training.checkpoint import SCHEMA_VERSION

    state = {
        "schema_version": SCHEMA_VERSION, "stage": "qrelu", "epoch": 1, "settings": {}, "rows": [],
        "facts": {}, "scaler": {},
    }  # fmt: skip
    return [save({"weights.a": torch.zeros(2)}, {"state": json.dumps(state)})]


def attempt(reader: str, content: bytes, folder: Path) -> bool:
    """Whether the reader took it; False if it refused it with a ``DeployError``."""
    from dynapdeploy.errors import DeployError

    try:
        READERS[reader](content, folder)
    except DeployError:
        return False
    return True


def main() -> None:
    """Fuzz the reader that the command line names."""
    if len(sys.argv) < 2 or sys.argv[1] not in READERS:
        print("\n".join(READERS))
        return
    import atheris

    reader = sys.argv.pop(1)
    with atheris.instrument_imports(include=["dynapdeploy", "tomllib", "zipfile"]):
        import dynapdeploy.chip.image_file
        import dynapdeploy.chip.profile
        import dynapdeploy.data.cifar10_batches
        import dynapdeploy.data.frame_cache
        import dynapdeploy.data.mnist
        import dynapdeploy.data.recording_file
        import dynapdeploy.sources
    if reader in ("record", "checkpoint", "weights", "sweep"):
        with atheris.instrument_imports(include=["dynapdeploy"]):
            import dynapdeploy.training.run
            import dynapdeploy.training.sweep  # noqa: F401
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as name:
        folder, corpus = Path(name) / "files", Path(name) / "corpus"
        folder.mkdir()
        corpus.mkdir()
        for number, content in enumerate(sound(reader)):
            _written(corpus / f"sound{number}", content)
            assert attempt(reader, content, folder) or reader == "record", reader
        options = [f"-max_len={MOST_BYTES}", "-rss_limit_mb=3000", "-timeout=20"]
        atheris.Setup(
            [sys.argv[0], *options, *sys.argv[1:], str(corpus)],
            lambda content: attempt(reader, content, folder),
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main()
