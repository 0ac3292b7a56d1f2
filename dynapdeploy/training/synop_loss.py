"""The SynOp loss: train towards a number of synaptic operations per sample.

``L = alpha * (S0 - S)**2`` with ``alpha = 1 / S0**2`` (Sorbaro et al. 2020, equations 1 and 2).
``S`` is the sum over all layers of spikes times fan-out, per sample: the sum over a sample's
spikes, the mean over the samples. Spikes are those before pooling, and a spike's fan-out is that
of the pooled place it is sent to: what the chip counts. The input's own SynOps are constant; no
weight can change them, and they are told apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from dynapdeploy.errors import InputError, SourceError
from dynapdeploy.events import Shape
from dynapdeploy.graph.from_torch import read_torch
from dynapdeploy.graph.shapes import infer_shapes
from dynapdeploy.synops.paths import fanouts
from dynapdeploy.training.qrelu import QReLU


def synop_loss(synops: torch.Tensor, target: float) -> torch.Tensor:
    """``((target - synops) / target) ** 2``, a scalar; both in SynOps per sample."""
    return ((target - synops) / target) ** 2


@dataclass(frozen=True, eq=False)
class SynOpMeter:
    """Counts the SynOps of a net's QReLU layers while it runs.

    Attributes:
        layers: the metered layers by the name of the module.
        input_fanout: float32 ``[c, h, w]``, SynOps of one input event.
    """

    layers: dict[str, QReLU]
    input_fanout: torch.Tensor

    def input_synops(self, x: torch.Tensor) -> torch.Tensor:
        """SynOps that the input ``[n, c, h, w]`` causes, mean over its samples; constant."""
        fanout = self.input_fanout.to(x.device)
        return (x.sum(0) * fanout).sum() / len(x)

    def layer_synops(self) -> dict[str, torch.Tensor]:
        """SynOps that each layer's spikes caused in the last forward pass, mean over samples."""
        return {
            name: layer.synops for name, layer in self.layers.items() if layer.synops is not None
        }

    def total(self, x: torch.Tensor) -> torch.Tensor:
        """All SynOps of the last forward pass, whose input was ``x``; a scalar with gradient."""
        return self.input_synops(x) + sum(self.layer_synops().values(), x.new_zeros(()))


def meter(model: nn.Module, input_shape: Shape, definition: str = "exact") -> SynOpMeter:
    """Give every QReLU of ``model`` its fan-out, so that each forward pass counts.

    Args:
        input_shape: ``(c, h, w)`` of one sample.
        definition: ``"exact"`` or ``"nominal"`` fan-out.

    Raises:
        SourceError: the model cannot be read, or a ReLU in it is no QReLU.
    """
    graph = read_torch(model, input_shape=input_shape)
    wanted = fanouts(graph, infer_shapes(graph), definition)
    source = torch.tensor(wanted.pop(graph.input), dtype=torch.float32)
    modules = dict(model.named_modules())
    layers: dict[str, QReLU] = {}
    for name, fanout in wanted.items():
        module = modules.get(name)
        if module is None:
            raise SourceError(
                f"{name}: its module stands in more than one place; give each its own"
            )
        if not fanout.any():
            continue
        if not isinstance(module, QReLU):
            raise SourceError(
                f"{name}: a QReLU was expected to count its SynOps, got {type(module).__name__}"
            )
        device = next((p.device for p in model.parameters()), torch.device("cpu"))
        module.fanout = torch.tensor(fanout, dtype=torch.float32, device=device)
        layers[name] = module
    return SynOpMeter(layers, source)


def check_target(target: float, input_synops: float) -> None:
    """Refuse a target that no weights can reach.

    Raises:
        InputError: ``target`` does not lie above what the input alone costs.
    """
    if target <= input_synops:
        raise InputError(
            f"the target of {target:,.0f} SynOps per sample cannot be reached: the input alone "
            f"costs {input_synops:,.0f} in the first layer; choose a higher target"
        )
