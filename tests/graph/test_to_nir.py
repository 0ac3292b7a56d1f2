"""A network written as NIR and read back is the same network."""

from __future__ import annotations

import tempfile
from pathlib import Path

import nir
import numpy as np
import pytest
from random_nets import random_graph

from dynapdeploy.chip.compile import Options, compile_graph
from dynapdeploy.chip.profile import load_profile
from dynapdeploy.errors import OutputError, SourceError
from dynapdeploy.graph import Graph, chain, fold, read_nir, unsupported, write_nir
from dynapdeploy.graph.nodes import (
    IAF,
    BatchNorm2d,
    Concat,
    Conv2d,
    Dropout,
    Flatten,
    Identity,
    Input,
    Linear,
    Merge,
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


def compiled(graph) -> tuple[list, bytes | None]:
    """Layers with their integers, targets and cores; the file of the image where there is one."""
    compilation = compile_graph(graph, load_profile("unbounded"), Options(allow_bias=True))
    layers = [
        (
            layer.name,
            layer.targets,
            layer.neuron,
            compilation.placement.cores[layer.name],
            compilation.quantized[layer.name].weights.tolist(),
            compilation.quantized[layer.name].threshold_high,
        )
        for layer in compilation.network.layers
    ]
    if not compilation.fits:
        return layers, None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.dynap"
        compilation.image().save(path)
        return layers, path.read_bytes()


def round_trips(path, seeds) -> int:
    """Compare nets and folded nets with what comes back from a file; how many gave an image."""
    images = 0
    for seed in seeds:
        graph = random_graph(seed, quantized=True)
        folded = fold(graph)
        if unsupported(folded):
            continue
        written = graph if seed % 2 else folded
        write_nir(written, path)
        again = read_nir(path)
        assert_same(again, written)
        before, after = compiled(graph), compiled(again)
        assert after == before
        images += after[1] is not None
    return images


def test_networks_with_branches_give_the_same_chip_image(tmp_path):
    assert round_trips(tmp_path / "net.nir", range(12)) >= 2


@pytest.mark.slow
def test_two_hundred_networks_with_branches_give_the_same_chip_image(tmp_path):
    assert round_trips(tmp_path / "net.nir", range(12, 250)) >= 20


def test_joins_in_joins_come_back(tmp_path):
    """A Concat fed twice by one node, in a Merge with a Concat, in a Concat."""
    one = np.ones((2, 1, 1, 1), np.float32)
    nodes = {"in": Input((1, 4, 4)), "a": Conv2d(one), "r": ReLU(), "b": Conv2d(one), "s": IAF()}
    nodes |= {"twice": Concat(), "other": Concat(), "sum": Merge(), "double": Merge()}
    nodes |= {"all": Concat(), "c": Conv2d(np.ones((3, 6, 1, 1), np.float32)), "out": Output()}
    inputs = {"a": ["in"], "r": ["a"], "b": ["in"], "s": ["b"], "twice": ["r", "r"]}
    inputs |= {"other": ["s", "r"], "sum": ["twice", "other"], "double": ["s", "s"]}
    inputs |= {"all": ["double", "sum"], "c": ["all"], "out": ["c"]}
    graph = Graph(nodes, inputs)
    write_nir(graph, tmp_path / "net.nir")
    again = read_nir(tmp_path / "net.nir")
    assert_same(again, graph)
    assert compiled(again) == compiled(graph)


def test_shapes_on_both_sides_of_an_edge_agree(tmp_path):
    """Square ungrouped kernels only: nir itself gets the types of others wrong."""
    layers = {"in": Input((2, 8, 8)), "c": Conv2d(np.ones((4, 2, 3, 3), np.float32)), "r": ReLU()}
    layers |= {"flat": Flatten(), "same": Identity(), "fc": Linear(np.ones((5, 144), np.float32))}
    write_nir(chain({**layers, "iaf": IAF(), "out": Output()}), tmp_path / "net.nir")
    whole = nir.read(tmp_path / "net.nir")
    assert len(whole.edges) == 7
    for before, after in whole.edges:
        left, right = whole.nodes[before].output_type, whole.nodes[after].input_type
        assert tuple(left["output"]) == tuple(right["input"]), (before, after)


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
