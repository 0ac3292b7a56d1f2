"""The plain float forward of a network: no events, no time, no integers of a chip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from dynapdeploy.errors import SourceError
from dynapdeploy.graph.graph import Graph
from dynapdeploy.graph.nodes import (
    IAF,
    BatchNorm2d,
    Concat,
    Conv2d,
    Flatten,
    Linear,
    Merge,
    Node,
    Output,
    Pool2d,
    ReLU,
    Unsupported,
)
from dynapdeploy.graph.shapes import infer_shapes, with_input_shape


def evaluate(
    graph: Graph, x: np.ndarray, quantized: bool | None = None, dtype=np.float32
) -> np.ndarray:
    """What the network's first output gives for ``x``.

    A ReLU is max(0, x), a quantized one rounds it down. An IAF neuron stands for the spikes that it
    gives when its whole input comes at once, floor(max(0, x) / threshold); its lower bound and its
    reset have no say, as they depend on the order of events.

    Args:
        graph: the network; its input shape may be unknown.
        x: one sample ``[c, h, w]`` or several ``[n, c, h, w]``.
        quantized: None: ReLUs as they are and IAF rounded down; True: all rounded down, which is
            the network of spike counts; False: none, which is the network of rates.
        dtype: of the computation, ``numpy.float32`` or ``numpy.float64``.

    Returns:
        ``[f, h, w]`` for one sample, ``[n, f, h, w]`` for several.

    Raises:
        SourceError: ``x`` does not fit the network, or a node is not supported.
    """
    output = next(graph.of(Output))
    return activations(graph, x, [output], quantized, dtype)[output]


def activations(
    graph: Graph,
    x: np.ndarray,
    names: Sequence[str] | None = None,
    quantized: bool | None = None,
    dtype=np.float32,
) -> dict[str, np.ndarray]:
    """What the named nodes (None: all) put out for ``x``; arguments as for :func:`evaluate`."""
    batch = np.asarray(x)
    if batch.ndim not in (3, 4):
        raise SourceError(
            f"{graph.source}: [c, h, w] or [n, c, h, w] was expected, got {batch.shape}"
        )
    single = batch.ndim == 3
    batch = batch[None] if single else batch
    infer_shapes(with_input_shape(graph, batch.shape[1:]))
    wanted = set(graph.nodes if names is None else names)
    return {
        name: (value[0] if single else value)
        for name, value in _values(graph, batch.astype(dtype), quantized)
        if name in wanted
    }


def _values(
    graph: Graph, batch: np.ndarray, quantized: bool | None
) -> Iterator[tuple[str, np.ndarray]]:
    import torch

    values = {graph.input: torch.from_numpy(np.ascontiguousarray(batch))}
    readers = {name: len(read_by) for name, read_by in graph.outputs.items()}
    with torch.no_grad():
        for name, node in graph.nodes.items():
            if name != graph.input:
                feeding = [values[other] for other in graph.inputs[name]]
                try:
                    values[name] = _forward(node, feeding, quantized)
                except SourceError as fault:
                    raise SourceError(f"{graph.source}: {name}: {fault}") from None
            yield name, values[name].numpy()
            for other in graph.inputs[name]:
                readers[other] -= 1
                if readers[other] == 0:
                    values.pop(other, None)


def _forward(node: Node, feeding: list, quantized: bool | None):
    import torch
    import torch.nn.functional as F

    x = feeding[0]
    if isinstance(node, Unsupported):
        raise SourceError(f"{node.kind} cannot be computed: {node.reason}")
    if isinstance(node, Conv2d):
        return _convolution(node, x)
    if isinstance(node, Linear):
        weight, bias = _tensor(node.weight, x), _tensor(node.bias, x)
        return F.linear(x.flatten(1), weight, bias)[:, :, None, None]
    if isinstance(node, BatchNorm2d):
        mean, variance, gamma, beta = (
            _tensor(array, x) for array in (node.mean, node.variance, node.gamma, node.beta)
        )
        return F.batch_norm(x, mean, variance, gamma, beta, eps=node.eps)
    if isinstance(node, Pool2d):
        return _pooling(node, x)
    if isinstance(node, ReLU):
        rate = x.clamp(min=0)
        return rate.floor() if (node.quantized if quantized is None else quantized) else rate
    if isinstance(node, IAF):
        rate = x.clamp(min=0) / node.threshold
        return rate if quantized is False else rate.floor()
    if isinstance(node, Flatten):
        return x.flatten(1)[:, :, None, None]
    if isinstance(node, Merge):
        return torch.stack(feeding).sum(0)
    if isinstance(node, Concat):
        return torch.cat(feeding, 1)
    return x


def _convolution(node: Conv2d, x):
    import torch.nn.functional as F

    weight, bias = _tensor(node.weight, x), _tensor(node.bias, x)
    if node.padding_mode == "zeros":
        return F.conv2d(x, weight, bias, node.stride, node.padding, node.dilation, node.groups)
    (pad_y, pad_x), mode = node.padding, node.padding_mode
    padded = F.pad(x, (pad_x, pad_x, pad_y, pad_y), mode=mode)
    return F.conv2d(padded, weight, bias, node.stride, (0, 0), node.dilation, node.groups)


def _pooling(node: Pool2d, x):
    import torch.nn.functional as F

    if node.kind == "max":
        return F.max_pool2d(x, node.kernel, node.stride, node.padding, ceil_mode=node.ceil_mode)
    divisor = 1 if node.kind == "sum" else None
    return F.avg_pool2d(
        x, node.kernel, node.stride, node.padding, node.ceil_mode, divisor_override=divisor
    )


def _tensor(array: np.ndarray | None, like):
    import torch

    return None if array is None else torch.tensor(array).to(like.dtype)
