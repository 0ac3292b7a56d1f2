"""Data sets by name: ``kind:path``."""

from __future__ import annotations

import difflib
from pathlib import Path

from dynapdeploy.data.dataset import Dataset
from dynapdeploy.errors import DataError

KINDS = {
    "digits": "the embedded digits, as a DVS sees them",
    "nmnist": "N-MNIST recordings",
    "mnist": "MNIST images",
    "events": "one recording",
    "mnistdvs": "MNIST-DVS recordings",
    "mnistdvs-sim": "MNIST images, as the DVS of MNIST-DVS would see them",
    "cifar10": "CIFAR-10 images",
    "dvsgesture": "DVS gesture recordings",
}
"""Known kinds of data sets and what they hold. All but ``digits`` take a path."""


def open_dataset(spec: str, split: str = "train", *, strict: bool = False) -> Dataset:
    """Open a data set named ``kind:path``.

    Args:
        spec: one of ``digits``, ``nmnist:PATH``, ``mnist:PATH``, ``events:FILE``,
            ``mnistdvs:PATH``, ``mnistdvs-sim:PATH`` (PATH holds MNIST), ``cifar10:PATH``,
            ``dvsgesture:PATH``.
        split: ``"train"`` or ``"test"``.
        strict: refuse damaged recordings; else they are skipped and named in ``.skipped``.

    Raises:
        DataError: unknown kind or split; nothing there, or nothing that can be read.
    """
    if split not in ("train", "test"):
        raise DataError(f"data: the split must be train or test, got {split!r}")
    kind, _, name = spec.partition(":")
    if kind not in KINDS:
        raise DataError(_unknown(spec, kind))
    if kind == "digits":
        if name:
            raise DataError(f"data: {spec!r}: digits is embedded and takes no path")
        from dynapdeploy.data.digits import open_digits

        return open_digits(split)
    if not name:
        what = "FILE" if kind == "events" else "PATH"
        raise DataError(f"data: {spec!r} names no path, {kind}:{what} was expected")
    return _open_path(kind, spec, Path(name).expanduser(), split, strict)


def _open_path(kind: str, spec: str, path: Path, split: str, strict: bool) -> Dataset:
    if kind == "nmnist":
        from dynapdeploy.data.nmnist import open_nmnist

        return open_nmnist(spec, path, split, strict)
    if kind == "mnist":
        from dynapdeploy.data.mnist import open_mnist

        return open_mnist(spec, path, split)
    if kind == "events":
        from dynapdeploy.data.recording_file import open_recording

        return open_recording(spec, path, split)
    if kind == "mnistdvs":
        from dynapdeploy.data.mnistdvs import open_mnistdvs

        return open_mnistdvs(spec, path, split, strict)
    if kind == "mnistdvs-sim":
        from dynapdeploy.data.mnistdvs_sim import open_mnistdvs_sim

        return open_mnistdvs_sim(spec, path, split)
    if kind == "cifar10":
        from dynapdeploy.data.cifar10 import open_cifar10

        return open_cifar10(spec, path, split, strict)
    from dynapdeploy.data.dvsgesture import open_dvsgesture

    return open_dvsgesture(spec, path, split, strict)


def _unknown(spec: str, kind: str) -> str:
    known = ", ".join(name if name == "digits" else f"{name}:PATH" for name in KINDS)
    near = difflib.get_close_matches(kind.casefold(), KINDS, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"data: unknown kind {kind!r} in {spec!r}; known are {known}.{hint}"
