"""What a sweep trains: targets, seeds, and whether each net starts where the last one ended."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dynapdeploy.errors import InputError
from dynapdeploy.scale import Piece
from dynapdeploy.training.settings import TrainingSettings

UNITS = ("synops", "energy_j", "ratio")
SCALE_UPS = (1.5, 2.0)
"""Factors of the first layer's weights that each net is tested with besides (Sorbaro et al. 2020,
section 2.4.3)."""
POINT = "point.json"
TASK = "dynapdeploy.training.sweep_point:train_point"


@dataclass(frozen=True, kw_only=True)
class SweepPlan:
    """A sweep.

    Attributes:
        settings: of every training; without target, its seed is not used.
        targets: falling or rising, in ``unit``.
        unit: ``"synops"`` per sample, ``"energy_j"`` joules per sample, or ``"ratio"``: shares of
            what the untrained net needs (in a chain: the untrained net of the first link).
        seeds: every target is trained once with each.
        chain: each net starts with the weights of the one before it, instead of fresh ones.
        scale_ups: factors of the first layer's weights to test each net with besides.

    Raises:
        InputError: no targets or seeds, or some that are no numbers above 0 or occur twice.
    """

    settings: TrainingSettings
    targets: tuple[float, ...]
    unit: str = "ratio"
    seeds: tuple[int, ...] = (0,)
    chain: bool = False
    scale_ups: tuple[float, ...] = SCALE_UPS

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise InputError(f"sweep: unit must be one of {', '.join(UNITS)}, got {self.unit!r}")
        if self.settings.processes > 1:
            raise InputError("sweep: each net trains on one device; devices and nodes must be 1")
        for name in ("targets", "seeds"):
            values = getattr(self, name)
            if not values:
                raise InputError(f"sweep: {name} is empty, at least one was expected")
            if len(set(values)) < len(values):
                raise InputError(f"sweep: {name} holds a value twice: {_some(values)}")
        for name in ("targets", "scale_ups"):
            for value in getattr(self, name):
                if not (math.isfinite(value) and value > 0):
                    raise InputError(f"sweep: {name} must be numbers above 0, got {value!r}")
        if any(seed < 0 for seed in self.seeds):
            raise InputError(f"sweep: seeds must be from 0 on, got {_some(self.seeds)}")

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for ``plan.json``."""
        return {**dataclasses.asdict(self), "settings": self.settings.as_dict()}


def pieces(plan: SweepPlan, folder: Path) -> list[Piece]:
    """One piece per net; in a chain each waits for the one before it.

    Torch's threads, which have a say in the result, follow from plan and machine, not from who does
    the work.
    """
    threads = plan.settings.threads or _threads(plan)
    found = []
    for seed in plan.seeds:
        for number, target in enumerate(plan.targets):
            settings = dataclasses.replace(plan.settings, seed=seed, threads=threads)
            before = _name(seed, number - 1) if plan.chain and number else None
            place = {"folder": str(folder / _name(seed, number))}
            if before is not None:
                place |= {"before": str(folder / before), "first": str(folder / _name(seed, 0))}
            arguments = {
                "settings": dataclasses.asdict(settings),
                "target": target,
                "unit": plan.unit,
                "chain": plan.targets[: number + 1] if plan.chain else None,
                "scale_ups": plan.scale_ups,
            }
            record = str(folder / _name(seed, number) / POINT)
            found.append(Piece(_name(seed, number), TASK, arguments, place, record, before))
    return found


def _threads(plan: SweepPlan) -> int:
    """Those of one net alone, shared among the nets that can be trained side by side."""
    side_by_side = len(plan.seeds) * (1 if plan.chain else len(plan.targets))
    return max(1, plan.settings.recipe.threads // side_by_side)


def _name(seed: int, number: int) -> str:
    return f"seed-{seed}/net-{number:02d}"


def geometric(first: float, last: float, count: int) -> tuple[float, ...]:
    """``count`` values from ``first`` to ``last``, each the same factor from the one before it.

    Raises:
        InputError: a value is not above 0, or fewer than 2 were asked for.
    """
    if count < 2 or not (0 < first < math.inf and 0 < last < math.inf):
        raise InputError(
            f"sweep: from {first:g} to {last:g} in {count} steps; two values above 0 and at least "
            "2 steps were expected"
        )
    factor = (last / first) ** (1 / (count - 1))
    return (*(first * factor**k for k in range(count - 1)), last)


def falling(first: float, factor: float, count: int) -> tuple[float, ...]:
    """``count`` values from ``first`` on, each ``factor`` times the one before it."""
    if count < 1 or not 0 < factor < 1:
        raise InputError(
            f"sweep: {count} nets by a factor of {factor:g}; at least 1 net and a factor between "
            "0 and 1 were expected"
        )
    return tuple(first * factor**k for k in range(count))


def _some(values: Sequence[Any]) -> str:
    return ", ".join(f"{value:g}" for value in values[:20])
