"""A training folder as a source: tuned weights go on the chip, the others to the float rungs."""

import numpy as np
from safetensors.numpy import load_file

from dynapdeploy.sources import read_source
from dynapdeploy.training.run import UNTUNED, WEIGHTS
from dynapdeploy.training.settings import TrainingSettings
from dynapdeploy.training.trainer import train


def test_a_run_brings_the_weights_before_and_after_tuning(tmp_path):
    settings = TrainingSettings(
        data="digits", model="digits", epochs=1, limit=200, finetune_epochs=1
    )
    train(settings, tmp_path)
    source = read_source(str(tmp_path))
    assert source.untuned is not None
    for graph, file in ((source.graph, WEIGHTS), (source.untuned, UNTUNED)):
        stored = load_file(tmp_path / file)["0.weight"]
        np.testing.assert_array_equal(graph.nodes["0"].weight, stored)
