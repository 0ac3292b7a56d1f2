"""Plots of many nets."""

import numpy as np
import pytest

from dynapdeploy.errors import OutputError
from dynapdeploy.training.plots import plot_layers, plot_methods, plot_simulations, smoothed

POINTS = [(4e5, 0.9), (1e5, 0.5), (2e5, 0.8)]


def test_smoothing_sorts_and_averages_with_the_papers_weights():
    synops, accuracy = smoothed(POINTS)
    assert synops.tolist() == [1e5, 2e5, 4e5]
    middle = (0.2 * 0.5 + 0.5 * 0.8 + 0.2 * 0.9) / 0.9
    first = (0.5 * 0.5 + 0.2 * 0.8 + 0.05 * 0.9) / 0.75
    np.testing.assert_allclose(accuracy[:2], [first, middle])
    assert smoothed([(1e5, 0.7)])[1].tolist() == [0.7]


@pytest.mark.parametrize(
    "draw",
    [
        lambda path: plot_methods(path, {"quantized": POINTS}, baseline=(1e6, 0.95)),
        lambda path: plot_simulations(path, {"ANN": POINTS, "emulator": POINTS}),
        lambda path: plot_layers(path, {"baseline": {"a": 3.0, "b": 2.0}, "selected": {"a": 1.0}}),
    ],
)
def test_files_are_pictures(tmp_path, draw):
    draw(tmp_path / "x.png")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(OutputError):
        draw(tmp_path / "nowhere" / "x.png")


def test_simulations_must_be_of_the_same_nets(tmp_path):
    with pytest.raises(ValueError, match="shorter"):
        plot_simulations(tmp_path / "x.png", {"ANN": POINTS, "emulator": POINTS[:2]})
