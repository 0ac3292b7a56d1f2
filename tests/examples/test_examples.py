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

    found = sinabs_ann.main(["--out", str(tmp_path), "--limit", "600", "--epochs", "3"])
    assert found["accuracy"] > 0.6
    assert abs(found["spikes"] - sinabs_ann.TARGET) < 0.1 * sinabs_ann.TARGET
    assert found["spikes"] < found["exact"] < found["nominal"]
    assert (tmp_path / "losses.png").stat().st_size > 10_000


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

    monkeypatch.setattr(mnist_dvs, "SAMPLES", 6)
    monkeypatch.setattr(mnist_dvs, "RHO", (0.3, 0.5, 0.9))
    points = mnist_dvs.main(["--out", str(tmp_path), "--limit", "200", "--epochs", "2"])
    methods = [point.method for point in points]
    assert set(methods) == {
        "no penalty",
        "weight scaling",
        "SynOp loss",
        "SynOp loss and rounding",
    }
    scaled = [point.synops for point in points if point.method == "weight scaling"]
    assert scaled == sorted(scaled)
    assert scaled[-1] < points[0].synops
    inputs = {round(point.layers[0]) for point in points}
    assert len(inputs) == 1
    assert {path.name for path in tmp_path.glob("*.png")} == {"figure_1.png", "figure_2.png"}


def test_cifar10(tmp_path, monkeypatch):
    import cifar10

    monkeypatch.setattr(cifar10, "SAMPLES", 8)
    points = cifar10.main(["--out", str(tmp_path), "--limit", "200", "--epochs", "2"])
    assert [point.method for point in points] == ["weight scaling"] * 3 + ["chain"] * 6
    assert (tmp_path / "figure_3.png").is_file()


def test_the_authors_log(data_folder):
    import cifar10

    log = cifar10.published(data_folder / "synoploss")
    assert log.shape == (71, 5)
    for row, (accuracy, synops) in zip((70, 69, 60, 58, 53, 43), cifar10.TABLE_1, strict=True):
        assert log[row, 2] == pytest.approx(accuracy, abs=0.006)
        assert log[row, 3] / 1e6 == pytest.approx(synops / 1e6, abs=0.6)


def test_full_settings_ask_for_data(tmp_path, capsys):
    import sinabs_ann

    with pytest.raises(SystemExit):
        sinabs_ann.main(["--full", "--out", str(tmp_path)])
    assert "--full needs --data mnist:PATH" in capsys.readouterr().err
