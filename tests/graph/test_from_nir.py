"""NIR files, sound and damaged."""

from __future__ import annotations

from itertools import pairwise

import h5py
import nir
import numpy as np
import pytest

from dynapdeploy.errors import SourceError
from dynapdeploy.graph import evaluate, fold, infer_shapes, read_nir, unsupported
from dynapdeploy.graph.nodes import IAF, BatchNorm2d, Conv2d, Identity, Input, Merge, Unsupported
from dynapdeploy.graph.shapes import shape_after


def conv(weight=None, **fields):
    weight = np.ones((3, 2, 3, 3), np.float32) if weight is None else weight
    given = {
        "input_shape": None,
        "weight": weight,
        "stride": 1,
        "padding": 0,
        "dilation": 1,
        "groups": 1,
        "bias": np.zeros(len(weight), np.float32),
    }
    return nir.Conv2d(**{**given, **fields})


def neurons(shape=(3, 6, 6), r=1.0, threshold=1.0):
    return nir.IF(r=np.full(shape, r), v_threshold=np.full(shape, threshold))


def written(path, nodes, edges, shape=(2, 8, 8)):
    """A NIR file; h5py writes it, since nir itself cannot write absent shapes."""
    whole = {"input": nir.Input({"input": np.array(shape)}), **nodes}
    whole["output"] = nir.Output({"output": np.array([1])})
    with h5py.File(path, "w") as file:
        file["version"] = "1.0"
        node = file.create_group("node")
        _write(node, {"type": "NIRGraph", "nodes": {k: _fields(n) for k, n in whole.items()}})
        node["edges"] = np.array(edges, dtype=h5py.string_dtype())
    return path


def _fields(node):
    return node if isinstance(node, dict) else node.to_dict()


def _write(group, fields):
    for key, value in fields.items():
        if isinstance(value, dict):
            _write(group.create_group(key), value)
        elif value is not None:
            group[key] = value


def line(path, nodes, shape=(2, 8, 8)):
    names = ["input", *nodes, "output"]
    return written(path, nodes, list(pairwise(names)), shape)


def test_resistance_scales_the_threshold(tmp_path):
    graph = read_nir(line(tmp_path / "a.nir", {"c": conv(), "n": neurons(r=4.0, threshold=2.0)}))
    assert graph.nodes["n"] == IAF(0.5, None, "subtract")


def test_v_reset_zero_is_a_reset_to_zero(tmp_path):
    node = {**neurons().to_dict(), "v_reset": np.zeros((3, 6, 6))}
    graph = read_nir(line(tmp_path / "a.nir", {"c": conv(), "n": node}))
    assert graph.nodes["n"] == IAF(1.0, None, "zero")


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        (nir.IF(r=np.ones(3), v_threshold=np.array([1.0, 1.0, 2.0])), "v_threshold differs"),
        (nir.IF(r=np.array([1.0, 1.0, 2.0]), v_threshold=np.ones(3)), "r differs"),
        ({**neurons((3,)).to_dict(), "v_reset": np.full(3, 0.5)}, "v_reset=0.5"),
        (nir.LIF(*(np.ones(3) for _ in range(4))), "leak"),
        (nir.Delay(np.ones(3)), "delays"),
        ({"type": "Frobnicate", "x": 1}, "no core"),
    ],
)
def test_neurons_that_no_chip_runs(tmp_path, node, reason):
    nodes = {"fc": nir.Linear(np.ones((3, 4), np.float32)), "n": node}
    graph = read_nir(line(tmp_path / "a.nir", nodes, (4,)))
    assert list(unsupported(fold(graph))) == ["n"]
    assert reason in graph.nodes["n"].reason


def test_several_edges_into_a_node_add_up(tmp_path):
    nodes = {"a": conv(), "b": conv(), "n": neurons()}
    edges = [("a", "n"), ("n", "output"), ("input", "b"), ("b", "n"), ("input", "a")]
    graph = read_nir(written(tmp_path / "a.nir", nodes, edges))
    assert graph.nodes["n.sum"] == Merge()
    x = np.ones((2, 8, 8))
    assert (evaluate(graph, x) == 36).all()


def test_graphs_inside_the_graph_are_unfolded(tmp_path):
    inner = {
        "type": "NIRGraph",
        "nodes": {
            "in": {"type": "Input", "shape": np.array([2, 8, 8])},
            "c": conv().to_dict(),
            "out": {"type": "Output", "shape": np.array([3, 6, 6])},
        },
        "edges": np.array([("in", "c"), ("c", "out")], dtype=h5py.string_dtype()),
    }
    graph = read_nir(line(tmp_path / "a.nir", {"sub": inner, "n": neurons()}))
    assert list(fold(graph).nodes) == ["input", "sub.c", "n", "output"]


def test_scale_per_channel_and_of_ones(tmp_path):
    nodes = {"c": conv(), "one": nir.Scale(np.ones((3, 6, 6))), "s": nir.Scale(np.arange(1.0, 4.0))}
    graph = read_nir(line(tmp_path / "a.nir", nodes))
    assert graph.nodes["one"] == Identity()
    assert isinstance(graph.nodes["s"], BatchNorm2d)
    result = evaluate(fold(graph), np.ones((2, 8, 8)))
    np.testing.assert_array_equal(result[:, 0, 0], [18, 36, 54])


def test_rectangular_kernels_and_same_padding(tmp_path):
    weight = np.ones((3, 2, 3, 5), np.float32)
    graph = read_nir(line(tmp_path / "a.nir", {"c": conv(weight, padding="same")}))
    assert graph.nodes["c"].padding == (1, 2)
    assert infer_shapes(graph)["c"] == (3, 8, 8)


def test_input_shape_from_the_user_comes_first(tmp_path):
    path = line(tmp_path / "a.nir", {"c": conv(), "n": neurons()})
    assert infer_shapes(read_nir(path, (2, 20, 10)))["n"] == (3, 18, 8)


def test_a_file_without_input_shape(tmp_path):
    path = line(tmp_path / "a.nir", {"c": conv(), "n": neurons()})
    with h5py.File(path, "a") as file:
        del file["node/nodes/input/shape"]
    graph = read_nir(path)
    assert graph.nodes["input"] == Input(None)
    with pytest.raises(SourceError, match="--input-shape"):
        infer_shapes(graph)


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (conv(np.full((3, 2, 3, 3), np.nan, np.float32)), "c: weight has 54 of 54 values"),
        (conv(bias=np.ones(7, np.float32)), "c: bias has 7 values for 3 output channels"),
        (conv(stride=0), "c: stride must be at least 1"),
        (conv(np.ones((3, 5, 3, 3), np.float32)), "c: weights for 5 input channels"),
        (conv(groups=3), "c: weights for 6 input channels"),
        ({"type": "Conv2d", "weight": np.ones((1, 2, 1, 1))}, "c: Conv2d lacks its field"),
        ({**conv().to_dict(), "leap": 1}, "c: Conv2d has a field 'leap'"),
        ({"weight": np.ones(3)}, "c: type must be text"),
        ({"type": "IF", "r": np.ones(3), "v_threshold": np.full(3, np.nan)}, "c: v_threshold"),
    ],
)
def test_nodes_that_make_no_sense_are_named(tmp_path, node, message):
    path = line(tmp_path / "a.nir", {"c": node})
    with pytest.raises(SourceError, match=message):
        infer_shapes(read_nir(path))


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ([("input", "c"), ("c", "nowhere")], "'nowhere', which does not exist"),
        ([("input", "c"), ("c", "c"), ("c", "output")], "loop"),
        ([("c", "output")], "c is fed by nothing"),
    ],
)
def test_edges_that_make_no_sense(tmp_path, edges, message):
    with pytest.raises(SourceError, match=message):
        read_nir(written(tmp_path / "a.nir", {"c": conv()}, edges))


def test_files_that_are_none(tmp_path):
    empty, foreign = tmp_path / "empty.nir", tmp_path / "foreign.nir"
    empty.touch()
    foreign.write_bytes(b"PK\x03\x04 something else")
    with h5py.File(tmp_path / "other.nir", "w") as file:
        file["x"] = 1
    for path, message in [
        (tmp_path / "absent.nir", "does not exist"),
        (tmp_path, "is a folder"),
        (empty, "it is empty"),
        (foreign, "starts with"),
        (tmp_path / "other.nir", "no group 'node'"),
    ]:
        with pytest.raises(SourceError, match=message):
            read_nir(path)


@pytest.mark.parametrize("kept", [0.02, 0.3, 0.9])
def test_truncated_files(tmp_path, kept):
    path = line(tmp_path / "a.nir", {"c": conv(), "n": neurons()})
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(SourceError, match=r"a\.nir"):
        read_nir(path)


def test_files_that_reach_out_or_claim_too_much(tmp_path):
    path = line(tmp_path / "a.nir", {"c": conv(), "n": neurons()})
    with h5py.File(path, "a") as file:
        file["node/nodes/c/extra"] = h5py.ExternalLink("/etc/passwd", "/")
    with pytest.raises(SourceError, match="is a link"):
        read_nir(path)
    with h5py.File(path, "a") as file:
        del file["node/nodes/c/extra"]
    claims = [((2**40,), "f4"), ((1,), "S1000000000"), ((2**20,), h5py.string_dtype())]
    for shape, dtype in claims:
        with h5py.File(path, "a") as file:
            file.create_dataset("node/nodes/c/extra", shape, dtype, chunks=(1,))
        with pytest.raises(SourceError, match="values in all"):
            read_nir(path)
        with h5py.File(path, "a") as file:
            del file["node/nodes/c/extra"]
    with h5py.File(path, "a") as file:
        file["node/nodes/c/self"] = file["node/nodes"]
    with pytest.raises(SourceError, match=r"nested more than|more than 100,000"):
        read_nir(path)


def test_the_published_scnn(data_folder):
    graph = read_nir(data_folder / "models" / "scnn_nmnist.nir")
    assert graph.nodes["input"] == Input((2, 34, 34))
    assert all(getattr(node, "bias", None) is None for node in graph.nodes.values())
    assert [n for n in graph.nodes.values() if isinstance(n, IAF)] == [IAF()] * 5
    folded = fold(graph)
    convs = {name: node for name, node in folded.nodes.items() if isinstance(node, Conv2d)}
    shapes = infer_shapes(folded)
    assert [(n.weight.shape, shapes[name]) for name, n in convs.items()] == [
        ((16, 2, 5, 5), (16, 16, 16)),
        ((16, 16, 3, 3), (16, 16, 16)),
        ((8, 16, 3, 3), (8, 8, 8)),
        ((256, 8, 4, 4), (256, 1, 1)),
        ((10, 256, 1, 1), (10, 1, 1)),
    ]
    assert sum(node.weight.size for node in convs.values()) == 39_584
    x = np.random.default_rng(0).integers(0, 2, (4, 2, 34, 34))
    np.testing.assert_array_equal(evaluate(folded, x), evaluate(graph, x))


def test_the_leaky_neuron_is_named_with_its_reason(data_folder):
    graph = read_nir(data_folder / "models" / "lif_norse.nir")
    assert list(unsupported(fold(graph))) == ["1"]
    node = graph.nodes["1"]
    assert isinstance(node, Unsupported)
    assert node.kind == "LIF"
    assert "leak" in node.reason


def test_shapes_do_not_guess():
    with pytest.raises(SourceError, match="not known"):
        shape_after(Input(None), [])
