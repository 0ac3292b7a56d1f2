"""Which class an output event speaks for."""

from __future__ import annotations

import numpy as np

from dynapdeploy.chip.image import ChipImage


def output_classes(image: ChipImage, events: np.ndarray) -> np.ndarray:
    """Class of each output event, int64 ``[n]``; -1 where its feature stands for no class.

    Feature ``image.readout_stride * k`` stands for class k: the readout layer of speck2e and
    speck2f takes its class 1, 2, 3 ... from channel 0, 4, 8 ... (chip errata of the Speck
    documentation).

    Args:
        image: the image that was run.
        events: output events, ``p`` the feature.
    """
    feature = events["p"].astype(np.int64)
    if image.readout_stride == 1:
        return feature
    return np.where(feature % image.readout_stride == 0, feature // image.readout_stride, -1)
