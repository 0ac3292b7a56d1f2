"""What a training run is asked to do."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from dynapdeploy.errors import InputError, SourceError
from dynapdeploy.training.models import MODELS, Recipe

TARGETS = ("target_synops", "target_energy_j", "target_ratio")
"""At most one of them is given."""
ACCELERATORS = ("auto", "cpu", "gpu")
FANOUTS = ("exact", "nominal")
PRECISIONS = ("32-true", "16-mixed", "bf16-mixed")
JOULES_PER_SYNOP = 1e-11
"""Energy of one SynOp in the literature (Sorbaro et al. 2020, section 2), not measured."""


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """One training run. None stands for the model's own recipe, or for "not asked for".

    Attributes:
        data: data set, ``kind:path``.
        model: a known model, or ``file.py:factory``.
        epochs, batch, learning_rate, shift, turn, zoom, bend, temperature, dropout, threads: see
            :class:`dynapdeploy.training.models.Recipe`.
        seed: of weights, order of the data, dropout and moves.
        target_synops: SynOps per sample to train towards, those of the input included.
        target_energy_j: the same in joules per sample.
        target_ratio: the same as a share of what the untrained net needs. Without any of the three,
            :data:`dynapdeploy.training.target.DEFAULT_RATIO`.
        joules_per_synop: to turn joules into SynOps.
        fanout: ``"exact"`` or ``"nominal"``, for the SynOp loss.
        penalty: factor of the SynOp loss; 0 for none.
        quantized: round the activations down to whole spikes while training.
        quantize_weights: train with the 8-bit weights and whole thresholds that the quantizer
            makes of the weights, and end with weights that quantization leaves as they are.
        finetune: train on with the emulator's spike counts afterwards.
        finetune_epochs, finetune_samples: passes of that fine-tuning, and samples per pass at
            most; nets with many SynOps get fewer (see :mod:`dynapdeploy.training.tuning_stage`).
        accelerator: ``"auto"``, ``"cpu"`` or ``"gpu"``.
        devices, nodes: GPUs (or processes) on each machine, and machines; they share each batch.
        precision: of the first stage, one of :data:`PRECISIONS`.
        limit: number of training samples, drawn with ``seed``.
        strict: refuse damaged recordings instead of leaving them out.
    """

    data: str
    model: str
    epochs: int | None = None
    batch: int | None = None
    learning_rate: float | None = None
    shift: int | None = None
    turn: float | None = None
    zoom: float | None = None
    bend: float | None = None
    temperature: float | None = None
    dropout: float | None = None
    threads: int | None = None
    seed: int = 0
    target_synops: float | None = None
    target_energy_j: float | None = None
    target_ratio: float | None = None
    joules_per_synop: float = JOULES_PER_SYNOP
    fanout: str = "exact"
    penalty: float = 3.0
    quantized: bool = True
    quantize_weights: bool = False
    finetune: bool = True
    finetune_epochs: int = 60
    finetune_samples: int = 1000
    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1
    precision: str = "32-true"
    limit: int | None = None
    strict: bool = False

    def __post_init__(self) -> None:
        for name, least in (
            ("epochs", 1), ("batch", 1), ("shift", 0), ("seed", 0), ("threads", 1),
            ("limit", 1), ("finetune_epochs", 0), ("finetune_samples", 1), ("devices", 1),
            ("nodes", 1),
        ):  # fmt: skip
            value = getattr(self, name)
            if value is not None and (
                isinstance(value, bool) or int(value) != value or value < least
            ):
                raise InputError(
                    f"training: {name} must be a whole number from {least} on, got {value!r}"
                )
        for name in (
            "learning_rate", "temperature", "target_synops", "target_energy_j", "target_ratio",
            "joules_per_synop",
        ):  # fmt: skip
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise InputError(f"training: {name} must be above 0, got {value!r}")
        for name, most in (("turn", 180), ("zoom", 0.9), ("bend", 100), ("dropout", 0.999)):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= most:
                raise InputError(f"training: {name} must lie in 0..{most}, got {value!r}")
        if not 0 <= self.penalty < float("inf"):
            raise InputError(f"training: penalty must be 0 or above, got {self.penalty!r}")
        given = [name for name in TARGETS if getattr(self, name)]
        if len(given) > 1:
            raise InputError(f"training: one target at most, got {' and '.join(given)}")
        if given and self.penalty == 0:
            raise InputError(f"training: {given[0]} needs a penalty above 0 to be trained towards")
        for name, known in (
            ("accelerator", ACCELERATORS), ("precision", PRECISIONS), ("fanout", FANOUTS),
        ):  # fmt: skip
            if getattr(self, name) not in known:
                raise InputError(
                    f"training: {name} must be one of {', '.join(known)}, "
                    f"got {getattr(self, name)!r}"
                )
        if self.precision == "16-mixed" and self.accelerator == "cpu":
            raise InputError("training: precision 16-mixed needs a GPU, the accelerator is the cpu")
        if self.processes > self.recipe.batch:
            raise InputError(
                f"training: a batch of {self.recipe.batch} cannot be shared by {self.processes} "
                "devices; choose a larger batch"
            )

    @property
    def target(self) -> str | None:
        """Which of :data:`TARGETS` was given, None for none."""
        return next((name for name in TARGETS if getattr(self, name)), None)

    @property
    def processes(self) -> int:
        """How many processes train together."""
        return self.devices * self.nodes

    @property
    def recipe(self) -> Recipe:
        """The model's recipe with what the user chose in its place."""
        base = MODELS[self.model].recipe if self.model in MODELS else Recipe()
        chosen = {f.name: getattr(self, f.name) for f in fields(Recipe)}
        return Recipe(**{k: getattr(base, k) if v is None else v for k, v in chosen.items()})

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for ``run.json``; ``recipe`` says what was made of them."""
        return {**asdict(self), "recipe": asdict(self.recipe)}


def settings_from(values: dict[str, Any], origin: str) -> TrainingSettings:
    """Settings from what :meth:`TrainingSettings.as_dict` wrote.

    Raises:
        SourceError: ``values`` are none; ``origin`` names where they came from.
    """
    known = {f.name for f in fields(TrainingSettings)}
    try:
        return TrainingSettings(**{k: v for k, v in values.items() if k in known})
    except (TypeError, InputError) as fault:
        raise SourceError(f"{origin}: damaged settings ({fault})") from fault
