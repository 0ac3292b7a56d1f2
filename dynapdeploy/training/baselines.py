"""The methods that SynOp-aware training is measured against (Sorbaro et al. 2020, section 2.1)."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import torch
from torch import nn

from dynapdeploy.errors import InputError, SourceError
from dynapdeploy.training.settings import TARGETS, TrainingSettings

MODES = ("nopenalty", "weightscaling", "nonquantized", "quantized")
"""No SynOp loss; that with its first weights scaled; SynOp loss without and with rounding."""

_ALIASES = {"weightscale": "weightscaling"}


def settings_for(mode: str, settings: TrainingSettings) -> TrainingSettings:
    """What one mode trains; ``weightscaling`` scales the net of ``nopenalty`` afterwards.

    Raises:
        InputError: an unknown mode, or one with SynOp loss and no target.
    """
    mode = _ALIASES.get(mode, mode)
    if mode not in MODES:
        raise InputError(f"mode: {mode!r} is unknown, known are {', '.join(MODES)}")
    if mode in ("nopenalty", "weightscaling"):
        without: dict[str, Any] = dict.fromkeys(TARGETS)
        return dataclasses.replace(settings, quantized=False, penalty=0.0, **without)
    if not settings.target:
        raise InputError(f"mode {mode}: it needs a target for its SynOp loss")
    return dataclasses.replace(settings, quantized=mode == "quantized")


def scale_first_weights(model: nn.Module, factor: float) -> nn.Module:
    """A copy of ``model`` with the weights of its first layer times ``factor`` (rho in the paper).

    Raises:
        InputError: the factor is not above 0.
        SourceError: the model has no layer with weights.
    """
    if not 0 < factor < float("inf"):
        raise InputError(f"weight scaling: the factor must be above 0, got {factor!r}")
    scaled = copy.deepcopy(model)
    for module in scaled.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            with torch.no_grad():
                module.weight.mul_(factor)
                if module.bias is not None:
                    module.bias.mul_(factor)
            return scaled
    raise SourceError("weight scaling: the model has no layer with weights")
