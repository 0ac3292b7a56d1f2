"""The folder of a training run: ``model.safetensors``, ``run.json``, ``metrics.csv``, plots."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from dynapdeploy.chip.input_coding import InputCoding, PixelCoding
from dynapdeploy.errors import DeployError, SourceError
from dynapdeploy.events import Shape
from dynapdeploy.files import write_bytes, write_text
from dynapdeploy.training.architecture import describe, rebuild
from dynapdeploy.training.checkpoint import restore_weights
from dynapdeploy.training.settings import TrainingSettings, settings_from

SCHEMA_VERSION = 1
WEIGHTS, RECORD, METRICS = "model.safetensors", "run.json", "metrics.csv"
UNTUNED = "untuned.safetensors"
"""Weights before fine-tuning on the emulator: those that the QReLU net is good with."""


@dataclass(frozen=True, eq=False)
class TrainingRun:
    """A finished training run.

    Attributes:
        folder: where it lies.
        module: the network with its trained weights, in evaluation mode.
        input_shape: ``(c, h, w)`` of its input.
        classes: names of the classes.
        coding: what is done to a sample before it enters.
        settings: what was asked for.
        metrics: results by name; ``stages`` holds accuracy and SynOps per sample at each stage.
    """

    folder: Path
    module: nn.Sequential
    input_shape: Shape
    classes: tuple[str, ...]
    coding: InputCoding
    settings: TrainingSettings
    metrics: Mapping[str, Any] = field(default_factory=dict)

    @property
    def data(self) -> str:
        """The data set it was trained on, ``kind:path``."""
        return self.settings.data


def save_run(run: TrainingRun) -> None:
    """Write weights, then the record that vouches for them. Raises ``OutputError``."""
    save_weights(run.folder / WEIGHTS, run.module)
    record = {
        "schema_version": SCHEMA_VERSION,
        "model": run.settings.model,
        "data": run.data,
        "input_shape": list(run.input_shape),
        "classes": list(run.classes),
        "input_coding": asdict(run.coding),
        "layers": describe(run.module),
        "weights_sha256": {
            name: hashlib.sha256((run.folder / name).read_bytes()).hexdigest()
            for name in (WEIGHTS, UNTUNED)
        },
        "settings": run.settings.as_dict(),
        "threads": run.settings.recipe.threads,
        "versions": _versions(),
        "metrics": dict(run.metrics),
    }
    write_text(run.folder / RECORD, json.dumps(record, indent=2) + "\n")


def save_weights(path: Path, module: nn.Module) -> None:
    """Write the state dict of ``module`` as safetensors. Raises ``OutputError``."""
    from safetensors.torch import save

    state = {
        name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()
    }
    write_bytes(path, save(state))


def load_run(folder, *, tuned: bool = True) -> TrainingRun:
    """Rebuild the network of a training folder. Runs no code of the folder.

    Args:
        tuned: with the final weights, which belong on the chip; else with those before fine-tuning
            on the emulator, which belong into the QReLU net and the time-step simulation.

    Raises:
        SourceError: the folder or a file in it is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    folder = Path(folder)
    if not folder.is_dir():
        raise SourceError(f"{folder}: there is no such training folder")
    weights_file = WEIGHTS if tuned else UNTUNED
    for name in (RECORD, weights_file):
        if not (folder / name).is_file():
            raise SourceError(f"{folder}: not a finished training folder, {name} is missing")
    try:
        record = json.loads((folder / RECORD).read_text())
        content = (folder / weights_file).read_bytes()
    except (OSError, ValueError, RecursionError) as fault:
        raise SourceError(f"{folder / RECORD}: damaged or unreadable ({fault})") from fault
    version = record.get("schema_version") if isinstance(record, dict) else None
    if not isinstance(record, dict) or version != SCHEMA_VERSION:
        raise SourceError(
            f"{folder / RECORD}: schema version {version!r} is unknown, "
            f"{SCHEMA_VERSION} was expected"
        )
    known = record.get("weights_sha256")
    if not isinstance(known, dict) or hashlib.sha256(content).hexdigest() != known.get(
        weights_file
    ):
        raise SourceError(
            f"{folder / weights_file}: damaged, it is not the file that {RECORD} describes"
        )
    try:
        weights = load(content)
        _check_sizes(record["layers"], weights, str(folder / RECORD))
        module = rebuild(record["layers"], str(folder / RECORD))
        restore_weights(module, weights, str(folder / weights_file))
        channels, height, width = (int(size) for size in record["input_shape"])
        return TrainingRun(
            folder,
            module.eval(),  # type: ignore[arg-type]
            (channels, height, width),
            tuple(str(name) for name in record["classes"]),
            _coding(record["input_coding"]),
            settings_from(record["settings"], str(folder / RECORD)),
            record["metrics"],
        )
    except (
        SafetensorError,
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        OverflowError,
    ) as fault:
        raise SourceError(
            f"{folder / RECORD}: damaged ({type(fault).__name__}: {fault})"
        ) from fault


def _check_sizes(layers: Any, weights: Mapping[str, torch.Tensor], origin: str) -> None:
    """Refuse layers of other sizes than the weights have, before memory is taken for them."""
    with torch.device("meta"):
        claimed = rebuild(layers, origin).state_dict()
    for name, tensor in claimed.items():
        if name not in weights or weights[name].shape != tensor.shape:
            raise SourceError(
                f"{origin}: damaged, {name} of shape {tuple(tensor.shape)} is not in the weights"
            )


def _coding(values: Mapping[str, Any]) -> InputCoding:
    try:
        pixels = None if values["pixels"] is None else PixelCoding(**values["pixels"])
        return InputCoding(bool(values["merge_polarity"]), pixels)
    except DeployError as fault:
        raise ValueError(str(fault)) from fault


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for package in ("dynapdeploy", "torch", "lightning", "numpy"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
