"""SynOps layer by layer, with the columns of sinabs' old counter and the exact count beside."""

from __future__ import annotations

from dataclasses import dataclass

from dynapdeploy.synops.counter import SynOpCounter


@dataclass(frozen=True)
class SynOpRow:
    """One receiving layer, summed over all samples and steps that were counted.

    Attributes:
        layer: name of the layer with weights.
        arriving: spikes that reach it behind the pooling (``In``).
        fan_out: nominal (``Fanout_Prev``).
        synops: ``arriving * fan_out`` (``SynOps``).
        synops_exact: connections that exist.
        timesteps: maps counted, samples times steps (``N. timesteps``).
        window_ms: their duration (``Time window (ms)``).
        synops_per_second: nominal, over that duration (``SynOps/s``).
        synops_per_sample, synops_exact_per_sample: mean over the samples.
    """

    layer: str
    arriving: float
    fan_out: float
    synops: float
    synops_exact: float
    timesteps: int
    window_ms: float
    synops_per_second: float
    synops_per_sample: float
    synops_exact_per_sample: float


def synop_rows(
    counter: SynOpCounter, step_ms: float = 1.0, samples: int | None = None
) -> tuple[SynOpRow, ...]:
    """What ``counter`` has counted, one row per receiving layer.

    Args:
        step_ms: duration of a time step in milliseconds.
        samples: number of samples where they are not all of as many steps.
    """
    arriving = counter.arriving(per_sample=False)
    exact = counter.synops(per_sample=False)
    fan_out = counter.fanouts()
    window = counter.rows * step_ms
    return tuple(
        _row(
            layer,
            arriving[layer].item(),
            fan_out[layer],
            exact[layer].item(),
            counter.rows,
            window,
            counter.samples if samples is None else samples,
        )
        for layer in counter.layers
    )


def _row(
    layer: str,
    arriving: float,
    fan_out: float,
    exact: float,
    timesteps: int,
    window_ms: float,
    samples: int,
) -> SynOpRow:
    synops = arriving * fan_out
    return SynOpRow(
        layer,
        arriving,
        fan_out,
        synops,
        exact,
        timesteps,
        window_ms,
        synops / window_ms * 1000,
        synops / samples,
        exact / samples,
    )
