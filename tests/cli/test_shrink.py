"""``shrink`` writes a net that fits and that ``train`` takes."""

import pytest

LARGE = """
from torch import nn


def build():
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(2, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU()),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, bias=False), nn.ReLU(), nn.Dropout2d(0.1),
        nn.Flatten(), nn.Linear(8 * 8 * 8, 10, bias=False),
    )


class Branched(nn.Module):
    input_shape = (2, 20, 20)

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 100, 3, bias=False)
        self.spikes = nn.ReLU()
        self.left, self.right = (nn.Conv2d(100, 100, 3, bias=False) for _ in "ab")

    def forward(self, x):
        x = self.spikes(self.conv(x))
        return self.spikes(self.left(x)) + self.spikes(self.right(x))
"""

CHIP = 'title = "a little chip"\nbase = "base/family"\n' + 3 * (
    "[[cores]]\nkernel = 1024\nneuron = 2048\nbias = 16\n"
)


@pytest.fixture
def large(tmp_path):
    path = tmp_path / "large.py"
    path.write_text(LARGE)
    return path


def test_a_net_too_large_is_shrunk_trained_and_converted(dynapdeploy, large, tmp_path):
    chip, small, run = tmp_path / "little.toml", tmp_path / "small.py", tmp_path / "run"
    chip.write_text(CHIP)
    words = ("--input-shape", "2,20,20", "--device", chip)
    assert dynapdeploy("check", f"{large}:build", *words).code == 1
    written = dynapdeploy("shrink", f"{large}:build", *words, "-o", small)
    assert written.code == 0, written.err
    assert "these changes make it fit" in written.out
    assert "BatchNorm was left out" in written.err
    assert dynapdeploy("check", f"{small}:build", "--device", chip).code == 0
    options = ("--epochs", 1, "--limit", 40, "--no-finetune", "-o", run)
    trained = dynapdeploy("train", "--data", "digits", "--model", f"{small}:build", *options)
    assert trained.code == 0, trained.err
    image = tmp_path / "small.dynap"
    converted = dynapdeploy("convert", run, "--device", chip, "-o", image)
    assert converted.code == 0, converted.err


def test_a_net_that_fits_keeps_its_layers(dynapdeploy, net_file, tmp_path):
    small = tmp_path / "small.py"
    source = f"{net_file}:good"
    assert dynapdeploy("shrink", source, "--input-shape", "2,20,20", "-o", small).code == 0
    assert "nn.Conv2d(2, 4, 3, bias=False)" in small.read_text()
    assert "nn.Linear(324, 10, bias=False)" in small.read_text()


def test_what_cannot_be_shrunk_is_refused(dynapdeploy, large, net_file, tmp_path):
    small = tmp_path / "small.py"
    none = dynapdeploy("shrink", f"{net_file}:sigmoid", "--input-shape", "2,20,20", "-o", small)
    assert none.code == 1
    branched = dynapdeploy("shrink", f"{large}:Branched", "-o", small)
    assert branched.code == 2
    assert "nn.Sequential was expected, got Branched" in branched.err
    assert dynapdeploy("shrink", "all_convnet", "-o", tmp_path / "small.txt").code == 2
    assert dynapdeploy("shrink", f"{large}:build", "-o", large).code == 2
    assert not small.exists()


def test_layers_that_stand_twice_are_written_twice(dynapdeploy, tmp_path):
    path = tmp_path / "shared.py"
    path.write_text(
        "from torch import nn\n\ndef build():\n"
        "    relu, pool = nn.ReLU(), nn.AvgPool2d(2)\n"
        "    return nn.Sequential(nn.Conv2d(2, 4, 3, padding=1, bias=False), relu, pool,\n"
        "        nn.Conv2d(4, 4, 3, padding=1, bias=False), relu, pool, nn.Flatten(),\n"
        "        nn.Linear(64, 10, bias=False), relu)\n"
    )
    small = tmp_path / "small.py"
    written = dynapdeploy("shrink", f"{path}:build", "--input-shape", "2,16,16", "-o", small)
    assert written.code == 0, written.err
    assert [small.read_text().count(kind) for kind in ("ReLU", "AvgPool2d", "Conv2d(")] == [3, 2, 2]
    assert dynapdeploy("check", f"{small}:build").code == 0


def test_the_source_of_a_factory_is_never_written_over(dynapdeploy, large):
    before = large.read_text()
    for words in (("convert",), ("shrink",), ("export", "--to", "nir")):
        verb, *more = words
        written = dynapdeploy(
            verb, f"{large}:build", *more, "--input-shape", "2,20,20", "-o", large
        )
        assert written.code == 2
        assert large.read_text() == before
