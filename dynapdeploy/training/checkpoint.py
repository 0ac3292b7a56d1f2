"""The state of an unfinished training run: one safetensors file, replaced as a whole after each
epoch.

It holds weights and optimizer state as tensors, and epoch, metrics and settings as JSON in the
header. Order of the data, shifts and dropout of an epoch follow from seed and epoch number alone
(:func:`dynapdeploy.training.step.epoch_seed`), so no generator state needs keeping.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from dynapdeploy.errors import SourceError
from dynapdeploy.files import write_bytes
from dynapdeploy.training.metrics import EpochMetrics

FILE = "checkpoint.safetensors"
SCHEMA_VERSION = 2


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """State after ``epoch`` epochs of ``stage``.

    Attributes:
        stage, epoch: what is done.
        settings: as :meth:`dynapdeploy.training.settings.TrainingSettings.as_dict` gives them.
        rows: metrics so far.
        facts: other numbers that the run must not forget (SynOps of the untrained net).
        weights: state dict of the model.
        optimizer: state of Adam, ``<parameter number>.<name>``.
        scaler: state of the loss scaling of 16-bit floats, empty where there is none.
    """

    stage: str
    epoch: int
    settings: Mapping[str, Any]
    rows: tuple[EpochMetrics, ...]
    facts: Mapping[str, float]
    weights: Mapping[str, torch.Tensor]
    optimizer: Mapping[str, torch.Tensor]
    scaler: Mapping[str, Any] = field(default_factory=dict)


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write it into ``folder``, whole or not at all. Raises ``OutputError``."""
    from safetensors.torch import save

    tensors = {f"weights.{k}": v.detach().cpu().clone() for k, v in checkpoint.weights.items()}
    tensors |= {f"optimizer.{k}": v.detach().cpu().clone() for k, v in checkpoint.optimizer.items()}
    state = {
        "schema_version": SCHEMA_VERSION,
        "stage": checkpoint.stage,
        "epoch": checkpoint.epoch,
        "settings": dict(checkpoint.settings),
        "rows": [asdict(row) for row in checkpoint.rows],
        "facts": dict(checkpoint.facts),
        "scaler": dict(checkpoint.scaler),
    }
    write_bytes(folder / FILE, save(tensors, {"state": json.dumps(state)}))


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read what :func:`save_checkpoint` wrote.

    Raises:
        SourceError: there is none, or it is damaged.
    """
    from safetensors import SafetensorError, safe_open

    path = folder / FILE
    if not path.is_file():
        raise SourceError(f"{folder}: there is no training to resume, {FILE} is missing")
    try:
        with safe_open(path, "pt") as file:
            state = json.loads(file.metadata()["state"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        if state["schema_version"] != SCHEMA_VERSION:
            raise SourceError(
                f"{path}: schema version {state['schema_version']!r} is unknown, "
                f"{SCHEMA_VERSION} was expected"
            )
        return Checkpoint(
            state["stage"],
            int(state["epoch"]),
            state["settings"],
            tuple(EpochMetrics(**row) for row in state["rows"]),
            state["facts"],
            _part(tensors, "weights."),
            _part(tensors, "optimizer."),
            state["scaler"],
        )
    except (
        SafetensorError,
        OSError,
        KeyError,
        TypeError,
        ValueError,
        RecursionError,
        OverflowError,
    ) as fault:
        raise SourceError(f"{path}: damaged, or not a checkpoint ({fault})") from fault


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """Adam's state as tensors by name."""
    state = optimizer.state_dict()["state"]
    return {
        f"{i}.{k}": torch.as_tensor(v) for i, values in state.items() for k, v in values.items()
    }


def restore_optimizer(
    optimizer: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor]
) -> None:
    """Put back what :func:`optimizer_tensors` took."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        number, _, name = key.partition(".")
        state.setdefault(int(number), {})[name] = value
    whole = optimizer.state_dict()
    optimizer.load_state_dict({**whole, "state": state})


def restore_weights(model: nn.Module, weights: Mapping[str, torch.Tensor], origin: str) -> None:
    """Load ``weights`` into ``model``. Raises ``SourceError`` where they do not fit."""
    try:
        model.load_state_dict(dict(weights))
    except RuntimeError as fault:
        lines = " ".join(line.strip() for line in str(fault).splitlines()[1:])
        raise SourceError(f"{origin}: the weights do not fit the network: {lines}") from fault


def _part(tensors: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}
