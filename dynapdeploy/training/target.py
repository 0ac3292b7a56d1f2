"""The SynOp target of a training run, in SynOps per sample."""

from __future__ import annotations

import torch
from torch import nn

from dynapdeploy.errors import InputError
from dynapdeploy.training.samples import Samples
from dynapdeploy.training.settings import TrainingSettings
from dynapdeploy.training.synop_loss import SynOpMeter, check_target

ANNEAL = 0.5
"""Share of the steps over which the target falls from the untrained net's SynOps to the one asked
for.

A full penalty from the first step on silences nets before they have learned anything."""


DEFAULT_RATIO = 0.3
"""Target as a share of the untrained net's SynOps where none is asked for; at least twice the
input's.

Nets without any target spend ten times the SynOps and survive the chip's dynamics worse."""


def resolve_target(settings: TrainingSettings, untrained: float, source: float) -> float | None:
    """SynOps per sample to train towards; None where the penalty is 0.

    Args:
        untrained: SynOps per sample of the net before training.
        source: those that the input alone causes.

    Raises:
        InputError: no weights can reach the target.
    """
    if settings.penalty == 0:
        return None
    if settings.target_synops is not None:
        target = settings.target_synops
    elif settings.target_energy_j is not None:
        target = settings.target_energy_j / settings.joules_per_synop
    elif settings.target_ratio is not None:
        target = settings.target_ratio * untrained
    else:
        target = max(DEFAULT_RATIO * untrained, 2 * source)
    if target <= source and settings.target in ("target_energy_j", "target_ratio"):
        asked = getattr(settings, settings.target)
        least = asked * source / target
        raise InputError(
            f"{settings.target} {asked:g} is {target:,.0f} SynOps per sample, which cannot be "
            f"reached: the input alone costs {source:,.0f} in the first layer, {least:.4g}"
        )
    check_target(target, source)
    return target


def annealed(target: float, untrained: float, share: float) -> float:
    """The target after ``share`` (0 to 1) of the steps: geometric from ``untrained``, then flat."""
    if untrained <= target or share >= ANNEAL:
        return target
    return target * (untrained / target) ** (1 - share / ANNEAL)


@torch.no_grad()
def mean_synops(
    model: nn.Module, meter: SynOpMeter, samples: Samples, batch: int = 256
) -> tuple[float, float]:
    """SynOps per sample over all samples: of the whole net, and of the input alone."""
    training = model.training
    model.eval()
    total = source = 0.0
    for start in range(0, len(samples), batch):
        x = samples.x[start : start + batch]
        model(x)
        total += float(meter.total(x)) * len(x)
        source += float(meter.input_synops(x)) * len(x)
    model.train(training)
    return total / len(samples), source / len(samples)
