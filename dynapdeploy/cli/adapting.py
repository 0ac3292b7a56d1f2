"""Options by which ``convert`` changes a network before it is checked."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from dynapdeploy.cli.options import FiniteRange, only_with


def adapting_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--max-to-average``, ``--softmax-to-relu`` and ``--normalise`` as one ``adapting``."""

    @click.option(
        "--normalise-level",
        type=FiniteRange(min=0, min_open=True),
        default=20.0,
        show_default=True,
        metavar="N",
        help="Spikes per sample of a neuron at that percentile.",
    )
    @click.option(
        "--percentile",
        type=FiniteRange(0, 100, min_open=True),
        default=99.9,
        show_default=True,
        help="Of the activations that are not 0, for --normalise.",
    )
    @click.option(
        "--normalise",
        metavar="KIND:PATH",
        help="Scale each layer by a percentile of its activity on these training samples.",
    )
    @click.option("--softmax-to-relu", is_flag=True, help="Put a ReLU in the place of a softmax.")
    @click.option(
        "--max-to-average",
        is_flag=True,
        help="Put average pooling in the place of max pooling; the function changes.",
    )
    @wraps(function)
    def gathered(
        *, max_to_average, softmax_to_relu, normalise, percentile, normalise_level, **others
    ):
        from dynapdeploy.conversion import Conversion

        only_with(normalise, "--normalise", "percentile", "normalise_level")

        adapting = Conversion(
            max_to_average, softmax_to_relu, normalise, percentile, normalise_level
        )
        return function(adapting=adapting, **others)

    return gathered
