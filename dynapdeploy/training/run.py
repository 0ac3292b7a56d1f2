"""The folder of a training run: ``model.safetensors``, ``run.json``, ``metrics.csv``, plots."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from dynapdeploy.chip.image import InputCoding, PixelCoding
from dynapdeploy.errors import DeployError, SourceError
from dynapdeploy.events import Shape
from dynapdeploy.files import replacing, write_text
from dynapdeploy.training.architecture import describe, rebuild
from dynapdeploy.training.checkpoint import restore_weights
from dynapdeploy.training.settings import TrainingSettings, settings_from

SCHEMA_VERSION = 1
WEIGHTS, RECORD, METRICS = "model.safetensors", "run.json", "metrics.csv"


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
    from safetensors.torch import save_file

    state = {
        name: tensor.detach().cpu().contiguous() for name, tensor in run.module.state_dict().items()
    }
    with replacing(run.folder / WEIGHTS) as temporary:
        save_file(state, temporary)
    record = {
        "schema_version": SCHEMA_VERSION,
        "model": run.settings.model,
        "data": run.data,
        "input_shape": list(run.input_shape),
        "classes": list(run.classes),
        "input_coding": asdict(run.coding),
        "layers": describe(run.module),
        "weights_sha256": hashlib.sha256((run.folder / WEIGHTS).read_bytes()).hexdigest(),
        "settings": run.settings.as_dict(),
        "threads": run.settings.recipe.threads,
        "versions": _versions(),
        "metrics": dict(run.metrics),
    }
    write_text(run.folder / RECORD, json.dumps(record, indent=2) + "\n")


def load_run(folder) -> TrainingRun:
    """Rebuild the network of a training folder. Runs no code of the folder.

    Raises:
        SourceError: the folder or a file in it is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    folder = Path(folder)
    if not folder.is_dir():
        raise SourceError(f"{folder}: there is no such training folder")
    for name in (RECORD, WEIGHTS):
        if not (folder / name).is_file():
            raise SourceError(f"{folder}: not a finished training folder, {name} is missing")
    try:
        record = json.loads((folder / RECORD).read_text())
        content = (folder / WEIGHTS).read_bytes()
    except (OSError, ValueError) as fault:
        raise SourceError(f"{folder / RECORD}: damaged or unreadable ({fault})") from fault
    if not isinstance(record, dict) or record.get("schema_version") != SCHEMA_VERSION:
        raise SourceError(f"{folder / RECORD}: schema version {SCHEMA_VERSION} was expected")
    if hashlib.sha256(content).hexdigest() != record.get("weights_sha256"):
        raise SourceError(
            f"{folder / WEIGHTS}: damaged, it is not the file that {RECORD} describes"
        )
    try:
        weights = load(content)
        module = rebuild(record["layers"], str(folder / RECORD))
        restore_weights(module, weights, str(folder / WEIGHTS))
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
    except (SafetensorError, KeyError, TypeError, ValueError) as fault:
        raise SourceError(
            f"{folder / RECORD}: damaged ({type(fault).__name__}: {fault})"
        ) from fault


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
