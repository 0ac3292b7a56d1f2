"""QReLU: a ReLU that rounds down to whole spikes, and what those spikes cost.

Forward, ``y = floor(max(0, x))``: the number of spikes that an integrate-and-fire neuron with
threshold 1, reset by subtraction, has fired once the sum of its input is ``x``. Backward, the
gradient of a plain ReLU: ``dy/dx = 1`` where ``x > 0``, else 0 (Sorbaro et al. 2020, equations 3
and 4).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class QReLU(nn.Module):
    """Quantized ReLU. With ``quantized=False`` it is a plain ReLU that can still be metered.

    Attributes:
        quantized: whether the output is rounded down.
        fanout: float32, as many as the input has values per sample: SynOps that one spike causes;
            None where nobody asks.
        synops: after a forward pass with ``fanout``, the SynOps of the batch, mean over its
            samples, a scalar with gradient.
    """

    fanout: torch.Tensor | None

    def __init__(self, quantized: bool = True):
        super().__init__()
        self.quantized = quantized
        self.register_buffer("fanout", None, persistent=False)
        self.synops: torch.Tensor | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if torch.is_autocast_enabled(x.device.type):
            # 16 bits hold neither the spikes of a neuron nor the SynOps of a layer
            with torch.autocast(x.device.type, enabled=False):
                return self(x.float())
        if self.fanout is None:
            return quantize(x) if self.quantized else torch.relu(x)
        y, self.synops = _Metered.apply(x, self.fanout.reshape(x.shape[1:]), self.quantized)
        return y

    def extra_repr(self) -> str:
        return f"quantized={self.quantized}"


def quantize(x: torch.Tensor) -> torch.Tensor:
    """``floor(max(0, x))`` with the gradient of ReLU."""
    return _Quantized.apply(x)


def _spikes(x: torch.Tensor, quantized: bool) -> torch.Tensor:
    y = torch.relu(x)
    return y.floor_() if quantized else y


class _Quantized(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return _spikes(x, True)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> torch.Tensor:
        (x,) = ctx.saved_tensors
        return torch.ops.aten.threshold_backward(grads[0], x, 0)


class _Metered(torch.autograd.Function):
    """Spikes and their SynOps at once: one pass over the map less in each direction than apart.

    Backward goes through torch's own kernel for ReLU: a mask of booleans would be turned into
    floats first, which takes longer than all the rest.
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, fanout: torch.Tensor, quantized: bool):
        ctx.save_for_backward(x, fanout)
        y = _spikes(x, quantized)
        return y, (y.flatten(1) @ fanout.flatten()).sum() / len(y)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor):
        x, fanout = ctx.saved_tensors
        through, synops = grads
        total = through + fanout * (synops / len(x))
        threshold = torch.ops.aten.threshold_backward.grad_input
        return threshold(total, x, 0, grad_input=total), None, None
