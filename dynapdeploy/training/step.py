"""Pieces of a training step: output, order of the data, learning rate."""

from __future__ import annotations

import torch
from torch import nn

from dynapdeploy.training.qrelu import QReLU


def outputs(model: nn.Sequential, x: torch.Tensor, *, rounded: bool) -> torch.Tensor:
    """What the loss sees of the output, ``[n, classes]``.

    Either way silent classes have a gradient; a class that fires for no sample could not learn
    otherwise.

    Args:
        rounded: output spikes, with the gradient of the sums before the last QReLU. Otherwise
            those sums
            themselves: a class can then be denied by a negative sum, which costs no spikes, and
                nets under
            a SynOp target learn better (the paper trains its CIFAR-10 net in this way). Without a
            target, rounding gives the better net.
    """
    modules = list(model)
    last = max((i for i, m in enumerate(modules) if isinstance(m, QReLU)), default=-1)
    if any(isinstance(m, nn.Conv2d | nn.Linear) for m in modules[last + 1 :]):
        last = -1
    for index, module in enumerate(modules):
        if index != last:
            x = module(x)
        elif rounded:
            x = straight_through(x, module)
    return x.flatten(1)


def straight_through(x: torch.Tensor, layer: nn.Module) -> torch.Tensor:
    """The value of ``layer(x)`` with the gradient of ``x``."""
    value = layer(x).detach()
    return x + (value - x.detach())


def step_order(seed: int, epoch: int, count: int) -> torch.Tensor:
    """Order of the samples in one epoch, int64 ``[count]``: a function of seed and epoch alone."""
    return torch.randperm(count, generator=torch.Generator().manual_seed(epoch_seed(seed, epoch)))


def epoch_seed(seed: int, epoch: int) -> int:
    """Seed of everything random in one epoch (splitmix64 of both numbers)."""
    value = (seed * 0x9E3779B97F4A7C15 + epoch * 0xBF58476D1CE4E5B9 + 1) % 2**64
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB % 2**64
    return (value ^ (value >> 31)) % 2**63


def learning_rate(highest: float, share: float) -> float:
    """Linear to ``highest`` over the first 5 % of the steps, then half a cosine down to 0."""
    warm = 0.05
    if share < warm:
        return highest * (share / warm * 0.98 + 0.02)
    angle = torch.pi * (share - warm) / (1 - warm)
    return highest * 0.5 * (1 + float(torch.cos(torch.tensor(angle, dtype=torch.float64))))
