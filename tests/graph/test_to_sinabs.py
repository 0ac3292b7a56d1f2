"""Networks as sinabs modules, in memory and as files."""

from __future__ import annotations

import importlib.util
import sys

import numpy as np
import pytest
import sinabs.layers as sl
import torch
from random_nets import random_graph

from dynapdeploy.errors import SourceError
from dynapdeploy.graph import (
    chain,
    fold,
    read_nir,
    read_torch,
    to_sinabs,
    unsupported,
    write_sinabs,
)
from dynapdeploy.graph.nodes import (
    IAF,
    Conv2d,
    Flatten,
    Input,
    Linear,
    Output,
    Pool2d,
    ReLU,
    Unsupported,
)

ONE = np.ones((1, 1, 1, 1), np.float32)
CHAIN = {
    "in": Input((1, 4, 4)),
    "conv.0": Conv2d(ONE * 0.5),
    "relu": ReLU(True),
    "pool": Pool2d("sum", (2, 2), (2, 2)),
    "append": Conv2d(ONE * 2, np.ones(1, np.float32)),
    "hard": IAF(0.75, -1.0, "zero"),
    "flat": Flatten(),
    "fc": Linear(np.ones((2, 4), np.float32)),
    "out": Output(),
}


def built(path):
    """The network that a written file builds."""
    spec = importlib.util.spec_from_file_location("written_network", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.build()


def spikes(shape, steps=30, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(steps, *shape, generator=generator) < 0.3).float()


def test_neurons_have_thresholds_of_their_own():
    network = to_sinabs(chain(CHAIN), batch_size=3)
    neurons = [m for m in network if isinstance(m, sl.IAFSqueeze)]
    assert [float(n.spike_threshold) for n in neurons] == [1.0, 0.75]
    assert neurons[0].min_v_mem is None
    assert float(neurons[1].min_v_mem) == -1.0
    assert [n.batch_size for n in neurons] == [3, 3]
    with torch.no_grad():
        neurons[0].spike_threshold.fill_(9)
    assert float(sl.IAFSqueeze(batch_size=1).spike_threshold) == 1.0


def test_spikes_of_a_chain():
    network = to_sinabs(chain(CHAIN))
    x = torch.zeros(3, 1, 4, 4)
    x[:2, 0, 0, 0] = 1
    with torch.no_grad():
        out = network(x)
    # the first neuron fires at the second event; each step 1 (the bias), 3 with the spike: four
    # neurons of threshold 0.75 fire floor(1 / 0.75) = 1 time, the reached one floor(3 / 0.75) = 4
    assert out.tolist() == [[4.0, 4.0], [7.0, 7.0], [4.0, 4.0]]


def test_what_was_written_reads_back():
    again = read_torch(to_sinabs(chain(CHAIN)), (1, 4, 4))
    kinds = [type(node) for node in again.nodes.values()]
    assert kinds == [Input, Conv2d, IAF, Pool2d, Conv2d, IAF, Flatten, Linear, Output]
    assert [n for n in again.nodes.values() if isinstance(n, IAF)] == [
        IAF(1.0, None, "subtract"),
        IAF(0.75, -1.0, "zero"),
    ]


@pytest.mark.parametrize("seed", range(6))
def test_files_build_the_same_network(tmp_path, seed):
    graph = random_graph(seed, quantized=True)
    graph = graph if unsupported(fold(graph)) else fold(graph)
    code, weights = write_sinabs(graph, tmp_path / "net.py")
    assert (code.name, weights.name) == ("net.py", "net.safetensors")
    x = spikes(graph.nodes["input"].shape, seed=seed)
    with torch.no_grad():
        expected = to_sinabs(graph)(x)
        result = built(code)(x)
    assert result.shape == expected.shape
    assert torch.equal(result, expected)


def test_the_name_of_the_source_cannot_become_code(tmp_path):
    graph = chain(CHAIN, source='x"""; raise SystemExit; """\n')
    code, _ = write_sinabs(graph, tmp_path / "net.safetensors")
    with torch.no_grad():
        assert built(code)(torch.zeros(1, 1, 4, 4)).shape == (1, 2)


def test_the_published_scnn_gives_one_number_per_class(data_folder):
    network = to_sinabs(fold(read_nir(data_folder / "models" / "scnn_nmnist.nir")))
    with torch.no_grad():
        out = network(spikes((2, 34, 34)))
    assert out.shape == (30, 10)
    assert "samna" not in sys.modules


def test_what_sinabs_lacks_is_refused_by_name():
    for node, message in [
        (Unsupported("LIF", "leak"), "bad: LIF.*leak"),
        (Pool2d("sum", (2, 2), (2, 2), (1, 1)), "bad: sum pooling with padding"),
    ]:
        with pytest.raises(SourceError, match=message):
            to_sinabs(chain({"in": Input((1, 4, 4)), "bad": node, "out": Output()}))
