"""Every example in its short setting, in this process; the counts and claims it prints."""

import sys
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def _as_a_script(monkeypatch):
    """As ``python examples/NAME.py`` would find its neighbours, without the user's data."""
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.delenv("DYNAPDEPLOY_DATA", raising=False)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    before = set(sys.modules)
    yield
    torch.set_num_threads(threads)
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(FOLDER)):
            del sys.modules[name]


def test_sinabs_ann(tmp_path):
    import sinabs_ann

    (found,) = sinabs_ann.main(["--out", str(tmp_path)])
    assert found["accuracy"] > 0.8
    assert abs(found["spikes"] - sinabs_ann.TARGET) < 0.1 * sinabs_ann.TARGET
    assert found["spikes"] < found["exact"] < found["nominal"]
    assert (tmp_path / "losses_0.png").stat().st_size > 10_000
    (better,) = sinabs_ann.main(["--out", str(tmp_path), "--penalty", "30"])
    assert better["accuracy"] > found["accuracy"]
    assert abs(better["spikes"] - sinabs_ann.TARGET) < 0.05 * sinabs_ann.TARGET


def test_sinabs_snn_reference_comes_out():
    import sinabs_snn

    assert sinabs_snn.check_reference() == sinabs_snn.REFERENCE_TOTAL


def test_sinabs_snn(tmp_path):
    import sinabs_snn

    found = sinabs_snn.main(["--out", str(tmp_path), "--limit", "320", "--epochs", "2"])
    assert found["end"] < 0.85 * found["start"]
    assert found["accuracy"] > 0.3
    assert found["emulator"] > 0.2
    assert found["synops"] > 0


def test_snn_toolbox(tmp_path):
    import snn_toolbox

    found = snn_toolbox.main(["--out", str(tmp_path), "--epochs", "2"])
    assert {k: found["counts"][k] for k in snn_toolbox.REFERENCE} == snn_toolbox.REFERENCE
    assert found["counts"]["synapses"] == 28_512
    rungs = found["rungs"]
    silent = rungs["as trained"] - rungs["softmax to ReLU"]
    assert -1e-6 <= silent < 0.04
    assert abs(rungs["folded and normalised"] - rungs["max to average pooling"]) <= 0.01
    assert rungs["100 time steps"] > rungs["max to average pooling"] - 0.15
    assert found["over_time"][-1] >= found["over_time"][0]


def test_quantization_only(tmp_path, monkeypatch):
    import quantization_only

    monkeypatch.setattr(quantization_only, "SCALES", quantization_only.SCALES[::6])
    monkeypatch.setattr(quantization_only, "TIMED", (0.1, 4.9))
    found = quantization_only.main(["--out", str(tmp_path), "--limit", "600", "--epochs", "2"])
    plain, aware = found["trained with ReLU"], found["trained with QReLU"]
    assert min(plain) == pytest.approx(0.1)
    assert max(plain) == pytest.approx(4.9)
    assert plain[min(plain)] < 0.5 < plain[max(plain)]
    assert aware[max(aware)] > 0.5
    assert len(set(found["float"].values())) == 1


def test_mnist_dvs(tmp_path, monkeypatch):
    import mnist_dvs
    import points as tests

    monkeypatch.setattr(mnist_dvs, "SAMPLES", 6)
    options = ["--out", str(tmp_path), "--limit", "200", "--epochs", "2"]
    points = mnist_dvs.main(options)
    methods = [point.method for point in points]
    assert set(methods) == {
        "no SynOp loss",
        "weight scaling",
        "SynOp loss",
        "SynOp loss and rounding",
    }
    scaled = [point for point in points if point.method == "weight scaling"]
    for kind in ("ann_synops", "synops", "chip_synops"):
        counts = [getattr(point, kind) for point in scaled]
        assert counts == sorted(counts)
        assert counts[-1] < getattr(points[0], kind)
    inputs = {round(point.layers[0]) for point in points}
    assert len(inputs) == 1
    figures = {path.name for path in tmp_path.glob("*.png")}
    assert figures == {"figure_1.png", "figure_2.png", "ann_snn.png"}

    def again(*args, **choices):
        raise AssertionError("what is finished was done again")

    monkeypatch.setattr(tests, "train", again)
    monkeypatch.setattr(tests, "benchmark", again)
    assert mnist_dvs.main(options) == points


def test_smoothing_keeps_what_is_even():
    from dvs_figures import smoothed

    assert smoothed([2.0] * 7) == pytest.approx([2.0] * 7)
    assert smoothed([0, 0, 0, 1, 0, 0, 0]) == pytest.approx([0, 0.05, 0.2, 0.5, 0.2, 0.05, 0])


def test_simulated_recordings_read_as_the_real_ones(tmp_path):
    import numpy as np
    from recorded import record
    from setting import small_digits

    from dynapdeploy.data import open_dataset
    from dynapdeploy.data.mnist import open_mnist
    from dynapdeploy.data.mnistdvs_sim import open_mnistdvs_sim

    digits = tmp_path / "digits"
    small_digits(digits)
    data = record(digits, tmp_path, 2, 1)
    train, test = (open_dataset(data, split) for split in ("train", "test"))
    labels = open_mnist("mnist", digits, "train").labels
    assert train.labels[0] == labels[0] and train.labels[-1] == labels[1]
    assert train.shape == (2, 64, 64) and not set(train.names) & set(test.names)
    simulated = open_mnistdvs_sim("mnistdvs-sim", digits, "train")
    assert simulated.names[0] == "train 00000"
    assert np.array_equal(train[0].events, simulated[0].events)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.aedat")}
    assert record(digits, tmp_path, 2, 1) == data
    assert {path: path.stat().st_mtime_ns for path in written} == written


def test_cifar10(tmp_path, monkeypatch):
    import cifar10

    monkeypatch.setattr(cifar10, "SAMPLES", 8)
    monkeypatch.setattr(cifar10, "SCALES", (1.0, 4.0))
    points = cifar10.main(["--out", str(tmp_path), "--limit", "200", "--epochs", "2"])
    assert [point.method for point in points] == ["weight scaling"] * 2 + ["chain"] * 6
    assert all(point.chip_samples == 8 for point in points)
    assert (tmp_path / "figure_3.png").is_file()
    assert len((tmp_path / "points.csv").read_text().splitlines()) == 9


def test_narrow_nets_have_a_share_of_the_features():
    import cifar10

    from dynapdeploy.sources import read_source

    nets = [read_source(cifar10.model(width)).graph for width in cifar10.WIDTHS]
    for divisor, graph in zip((1, 2, 4, 8), nets, strict=True):
        weights = [node.weight.shape for node in graph.nodes.values() if hasattr(node, "weight")]
        assert [shape[0] * divisor for shape in weights[:-1]] == [96, 96] + [192] * 6
        assert weights[-1][0] == 10


def test_the_authors_log(data_folder):
    import cifar10

    log = cifar10.published(data_folder)
    assert log.shape == (71, 5)
    for row, (accuracy, synops) in zip((70, 69, 60, 58, 53, 43), cifar10.TABLE_1, strict=True):
        assert log[row, 2] == pytest.approx(accuracy, abs=0.006)
        assert log[row, 3] / 1e6 == pytest.approx(synops / 1e6, abs=0.6)


def test_full_settings_ask_for_data(tmp_path, capsys):
    import sinabs_ann

    with pytest.raises(SystemExit):
        sinabs_ann.main(["--full", "--out", str(tmp_path)])
    assert "--full needs --data mnist:PATH" in capsys.readouterr().err
