"""A network written as NIR and read back is the same network."""

from __future__ import annotations

import nir
import numpy as np
import pytest
from random_nets import counts, random_graph

from dynapdeploy.errors import OutputError, SourceError
from dynapdeploy.graph import chain, evaluate, fold, infer_shapes, read_nir, unsupported, write_nir
from dynapdeploy.graph.nodes import (
    IAF,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    Identity,
    Input,
    Linear,
    Output,
    Pool2d,
    ReLU,
)

LAYERS = {
    "input": Input((2, 9, 8)),
    "conv": Conv2d(np.ones((4, 1, 3, 2), np.float32), np.ones(4, np.float32), groups=2),
    "zero": IAF(0.25, -1.5, "zero"),
    "drop": Dropout(),
    "pool": Pool2d("average", (2, 2), (2, 2), ceil_mode=True),
    "relu": ReLU(False),
    "sum": Pool2d("sum", (2, 2), (2, 2)),
    "same": Identity(),
    "flat": Flatten(),
    "fc": Linear(np.ones((5, 16), np.float32) / 3),
    "qrelu": ReLU(True),
    "bias": Linear(np.ones((3, 5)), np.arange(1.0, 4.0)),
    "output": Output(),
}


def assert_same(a, b):
    assert list(a.nodes) == list(b.nodes)
    assert dict(a.inputs) == dict(b.inputs)
    for name, node in a.nodes.items():
        other = b.nodes[name]
        assert type(node) is type(other)
        if not isinstance(node, Conv2d | Linear):
            assert node == other
            continue
        for key, value in vars(node).items():
            np.testing.assert_array_equal(value, getattr(other, key))
            assert getattr(value, "dtype", None) == getattr(getattr(other, key), "dtype", None)


def test_every_kind_of_node_comes_back(tmp_path):
    graph = chain(LAYERS)
    write_nir(graph, tmp_path / "net.nir")
    assert_same(read_nir(tmp_path / "net.nir"), graph)


def test_nir_itself_reads_the_file_with_shapes_and_metadata(tmp_path):
    notes = {"conv": {"scale": 12.5, "bits": 8}, "zero": {"scale": 12.5}}
    write_nir(chain(LAYERS), tmp_path / "net.nir", notes)
    whole = nir.read(tmp_path / "net.nir")
    assert whole.nodes["conv"].output_type["output"].tolist() == [4, 7, 6]
    assert whole.nodes["zero"].v_threshold.shape == (4, 7, 7)
    assert whole.nodes["zero"].metadata == {"reset": "zero", "lower_bound": -1.5, "scale": 12.5}
    assert whole.metadata["dynapdeploy"]["conv"] == {"scale": 12.5, "bits": 8}
    assert read_nir(tmp_path / "net.nir").nodes["zero"] == LAYERS["zero"]


@pytest.mark.parametrize("seed", range(8))
def test_folded_graphs_with_branches_come_back(tmp_path, seed):
    graph = fold(random_graph(seed, quantized=True, concat=False))
    assert not unsupported(graph)
    write_nir(graph, tmp_path / "net.nir")
    again = fold(read_nir(tmp_path / "net.nir"))
    assert infer_shapes(again)["output" if "output" in again.nodes else list(again.nodes)[-1]]
    x = counts(seed, graph.nodes["input"].shape)
    np.testing.assert_array_equal(
        evaluate(again, x, dtype=np.float64), evaluate(graph, x, dtype=np.float64)
    )
    convs = {n: c.weight for n, c in graph.nodes.items() if isinstance(c, Conv2d)}
    assert convs.keys() == {n for n, c in again.nodes.items() if isinstance(c, Conv2d)}
    for name, weight in convs.items():
        np.testing.assert_array_equal(again.nodes[name].weight, weight)


def test_the_published_scnn_comes_back(tmp_path, data_folder):
    graph = fold(read_nir(data_folder / "models" / "scnn_nmnist.nir"))
    write_nir(graph, tmp_path / "net.nir")
    assert_same(read_nir(tmp_path / "net.nir"), graph)


def test_what_nir_lacks_is_refused_by_name(tmp_path):
    one = np.ones(2)
    for node, message in [
        (Pool2d("max", (2, 2), (2, 2)), "bad: max pooling"),
        (BatchNorm2d(one, one, one, one), "bad: BatchNorm2d has no counterpart.*fold"),
        (Conv2d(np.ones((1, 2, 1, 1)), padding_mode="reflect"), "bad: padding_mode 'reflect'"),
    ]:
        graph = chain({"in": Input((2, 4, 4)), "bad": node, "out": Output()})
        with pytest.raises(SourceError, match=message):
            write_nir(graph, tmp_path / "net.nir")
    with pytest.raises(SourceError, match="metadata for nobody"):
        write_nir(chain(LAYERS), tmp_path / "net.nir", {"nobody": {"bits": 8}})
    assert list(tmp_path.iterdir()) == []


def test_paths_that_cannot_be_written(tmp_path):
    for path in (tmp_path, tmp_path / "absent" / "net.nir"):
        with pytest.raises(OutputError, match="cannot write"):
            write_nir(chain(LAYERS), path)
