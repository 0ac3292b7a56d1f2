"""sinabs neurons as nodes: what the chip's neuron can be set to, and what not."""

from __future__ import annotations

import numpy as np

from dynapdeploy.errors import SourceError
from dynapdeploy.graph.nodes import IAF, Unsupported


def read_iaf(layer) -> IAF | Unsupported:
    """A sinabs ``IAF`` or ``IAFSqueeze``.

    One core has one threshold, one lower bound and two ways to reset, so thresholds per neuron,
    ``MembraneReset(reset_value != 0)``, ``MembraneSubtract(subtract_value != threshold)`` and
    synaptic currents come back as ``Unsupported`` with the reason.

    Raises:
        SourceError: the threshold or the lower bound is not finite.
    """
    kind = type(layer).__name__
    if getattr(layer, "tau_syn", None) is not None:
        return Unsupported(
            kind, "a synaptic time constant (tau_syn); the chip adds weights at once"
        )
    threshold = uniform(layer.spike_threshold, "spike_threshold")
    if threshold is None:
        return Unsupported(kind, "several thresholds in one layer; a core has one")
    if threshold <= 0:
        return Unsupported(kind, f"threshold {threshold:g}; it must be above 0")
    lower: float | None = None
    if layer.min_v_mem is not None:
        lower = uniform(layer.min_v_mem, "min_v_mem")
        if lower is None:
            return Unsupported(kind, "several lower bounds in one layer; a core has one")
    reset = _reset(layer.reset_fn, threshold)
    if isinstance(reset, Unsupported):
        return reset
    return IAF(threshold, lower, reset)


def read_leaky(layer) -> Unsupported:
    """Any neuron whose membrane decays between two events."""
    return Unsupported(type(layer).__name__, "leak: the membrane decays, the chip's does not")


def uniform(values, what: str) -> float | None:
    """The one value that all of ``values`` have, None where there are several.

    Raises:
        SourceError: it is not finite.
    """
    detach = getattr(values, "detach", None)
    array = np.asarray(values if detach is None else detach().cpu().numpy(), dtype=np.float64)
    if array.size == 0 or not np.isfinite(array).all():
        raise SourceError(f"{what} must be finite numbers, got {array.reshape(-1)[:4].tolist()}")
    if (array != array.flat[0]).any():
        return None
    return float(array.flat[0])


def _reset(mechanism, threshold: float) -> str | Unsupported:
    kind = type(mechanism).__name__
    if kind == "MembraneReset":
        value = float(mechanism.reset_value)
        if value != 0:
            return Unsupported("MembraneReset", f"reset_value={value:g}; the chip resets to 0 only")
        return "zero"
    if kind == "MembraneSubtract":
        value = mechanism.subtract_value
        if value is not None and float(value) != threshold:
            return Unsupported(
                "MembraneSubtract",
                f"subtract_value={float(value):g}; the chip subtracts the threshold, {threshold:g}",
            )
        return "subtract"
    return Unsupported(kind, "an unknown reset; the chip subtracts the threshold or resets to 0")
