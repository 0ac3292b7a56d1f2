"""A source made fit for the chip with a change of its function, as the user asked for it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dynapdeploy.data import draw, open_dataset, readable
from dynapdeploy.data.coding import encode
from dynapdeploy.data.frames import frame
from dynapdeploy.graph.fold import fold
from dynapdeploy.graph.normalise import PERCENTILE, normalise
from dynapdeploy.graph.shapes import infer_shapes
from dynapdeploy.graph.substitutes import max_to_average, softmax_to_relu
from dynapdeploy.sources import Source


@dataclass(frozen=True)
class Conversion:
    """What to do to a network before it is checked.

    Attributes:
        max_pooling: average pooling in the place of max pooling.
        softmax: ReLU in the place of softmax.
        data: data set whose training samples the activations are normalised on; None: do not.
        percentile, level: see :func:`dynapdeploy.graph.normalise.normalise`.
        limit: number of samples for it.
    """

    max_pooling: bool = False
    softmax: bool = False
    data: str | None = None
    percentile: float = PERCENTILE
    level: float = 20.0
    limit: int = 100


def adapted(source: Source, conversion: Conversion) -> tuple[Source, list[str]]:
    """The source with what ``conversion`` asks for, and one line for each change.

    Raises:
        DataError: samples that cannot be read.
        Mismatch: samples that cannot enter the network.
        SourceError: a network that cannot be normalised.
    """
    graph, told = source.graph, []
    if conversion.softmax:
        graph, names = softmax_to_relu(graph)
        told += [f"{name}: softmax became a ReLU" for name in names]
    if conversion.max_pooling:
        graph, names = max_to_average(graph)
        told += [
            f"warning: {name}: max pooling became average pooling; the net was not trained for it"
            for name in names
        ]
    if conversion.data is not None:
        graph = fold(graph)
        shape = infer_shapes(graph)[graph.input]
        dataset = draw(open_dataset(conversion.data, "train"), conversion.limit)
        counts = np.stack(
            [frame(encode(s, source.coding, shape), shape) for _, s in readable(dataset)]
        )
        found = normalise(graph, counts, conversion.percentile, conversion.level)
        graph = found.graph
        told += [
            f"{name}: activations divided by {factor:.4g}" for name, factor in found.factors.items()
        ]
    return replace(source, graph=graph), told
