"""``estimate`` and ``validate`` in parts, on the command line."""

import json

import pytest
from tiny_recordings import write_net, write_recordings

from dynapdeploy.scale import cluster


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with recordings and a net whose weights are drawn with a seed."""
    folder = tmp_path_factory.mktemp("parts")
    write_recordings(folder / "data", train=1, test=4)
    write_net(folder)
    file = folder / "tiny_net.py"
    seeded = "def net():\n    import torch\n\n    torch.manual_seed(0)\n"
    file.write_text(file.read_text().replace("def net():\n", seeded))
    return folder


def test_parts_give_the_same_figures(dynapdeploy, place, monkeypatch):
    monkeypatch.chdir(place)
    shape = ("--input-shape", "2,34,34")
    assert dynapdeploy("convert", "tiny_net.py:net", *shape, "-o", "net.dynap").code == 0
    for words in (
        ("estimate", "net.dynap", "--jitter", "1", "--limit", "35"),
        ("validate", "tiny_net.py:net", *shape, "--limit", "35"),
        ("validate", "net.dynap"),
    ):
        command = (*words, "--data", "nmnist:data", "--format", "json")
        folder = ("-o", f"{words[0]}-{words[1]}"[:14])
        whole = dynapdeploy(*command)
        assert whole.code == 0 and json.loads(whole.out)["data"] == "nmnist:data"
        parts = dynapdeploy(*command, *folder, "--workers", "1")
        assert parts.out == whole.out, parts.err
        kept = place / folder[1] / f"{words[0]}.json"
        assert kept.read_text() == whole.out
        kept.unlink()
        left = kept.with_name(f".{kept.name}.killed12.part")
        left.touch()
        again = dynapdeploy(*command, *folder)
        assert again.code == 2 and "--resume goes on" in again.err
        assert not kept.exists()  # a refused command leaves nothing
        assert dynapdeploy(*command, *folder, "--resume").out == whole.out
        assert not left.exists()
        table = dynapdeploy(*command[:-2], *folder, "--resume", "--limit", "36")
        assert table.code == 2 and kept.read_text() == whole.out


def test_options_that_need_a_folder_and_a_scheduler_that_is_not_there(
    dynapdeploy, place, monkeypatch
):
    monkeypatch.chdir(place)
    monkeypatch.setattr(cluster, "REACHED_IN_S", 1.0)
    words = ("validate", "tiny_net.py:net", "--input-shape", "2,34,34", "--data", "nmnist:data")
    for option in (("--scheduler", "tcp://127.0.0.1:9"), ("--resume",)):
        result = dynapdeploy(*words, *option)
        assert result.code == 2 and f"{option[0]} needs -o DIR" in result.err
    if pytest.importorskip("distributed", reason="dask.distributed is not installed"):
        result = dynapdeploy(*words, "--scheduler", "tcp://127.0.0.1:9", "-o", "there")
        assert result.code == 3 and "tcp://127.0.0.1:9 cannot be reached" in result.err
