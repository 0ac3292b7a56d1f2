"""Each rung of the ladder says what a run of its own says."""

import numpy as np
import pytest
import torch

from dynapdeploy.data import draw, open_dataset
from dynapdeploy.data.frames import time_frames
from dynapdeploy.estimate import estimate
from dynapdeploy.estimate.board_rung import board_rung
from dynapdeploy.estimate.ladder import RungResult, compare
from dynapdeploy.estimate.ladder_run import climb, read_inputs
from dynapdeploy.estimate.rates import largest
from dynapdeploy.estimate.stepwise import image_graph
from dynapdeploy.graph.evaluate import evaluate
from dynapdeploy.graph.fold import fold
from dynapdeploy.graph.to_sinabs import to_sinabs
from dynapdeploy.pipeline import build_image, compile_source
from dynapdeploy.sources import read_source
from dynapdeploy.training.models import MODELS, build

DEVICE = "speck2fdevkit"


@pytest.fixture(scope="module")
def digits():
    torch.manual_seed(3)
    source = read_source(build("digits"), (1, 20, 20), coding=MODELS["digits"].coding)
    compilation = compile_source(source, DEVICE)
    image = build_image(source, compilation)
    return source, compilation, image, draw(open_dataset("digits", "test"), 12, seed=1)


@pytest.fixture(scope="module")
def nmnist(data_folder):
    source = read_source(str(data_folder / "models" / "scnn_nmnist.nir"), (2, 34, 34))
    compilation = compile_source(source, DEVICE)
    image = build_image(source, compilation)
    spec = f"nmnist:{data_folder / 'nmnist'}"
    return source, compilation, image, draw(open_dataset(spec, "test"), 6, seed=1)


def share(decisions, labels):
    return float((decisions == labels).mean())


def simulated(net, inputs, shape):
    decisions = []
    for events in inputs.events:
        for module in net.modules():
            if hasattr(module, "reset_states"):
                module.reset_states()
        with torch.no_grad():
            steps = torch.from_numpy(time_frames(events, shape, 1000))
            counts = net(steps).reshape(len(steps), -1).sum(0).numpy()
        best = largest(counts[None])[0]
        decisions.append(best if counts.max() > 0 else -1)
    return np.array(decisions)


def check_each_rung(case):
    source, compilation, image, dataset = case
    ladder = climb(source, compilation, image, dataset)
    rungs = {rung.key: rung for rung in ladder.rungs}
    inputs = read_inputs(image, dataset)
    labels = inputs.labels

    for key, quantized in (("float", False), ("qrelu", True)):
        out = evaluate(source.graph, inputs.counts, quantized).reshape(len(labels), -1)
        assert rungs[key].accuracy == share(largest(out), labels)
    snn = simulated(to_sinabs(fold(source.graph)), inputs, image.input_shape)
    assert rungs["snn"].accuracy == share(snn, labels)
    quantized = simulated(to_sinabs(image_graph(image)), inputs, image.input_shape)
    assert rungs["quantized"].accuracy == share(quantized, labels)
    found = estimate(image, dataset)
    assert rungs["emulator"].accuracy == found.accuracy
    assert rungs["emulator"].synops_per_sample == pytest.approx(found.synops_per_sample)
    assert rungs["board"].reason and rungs["board"].accuracy is None
    return rungs


def test_rungs_of_a_net_of_ours(digits):
    check_each_rung(digits)


def test_rungs_of_a_net_from_nir_on_real_recordings(nmnist):
    rungs = check_each_rung(nmnist)
    assert rungs["emulator"].accuracy == 1.0


def test_the_last_rung_takes_what_a_target_gives(digits):
    from dynapdeploy.hardware.emulated import EmulatorTarget
    from dynapdeploy.hardware.recordings import stream_all

    source, compilation, image, dataset = digits
    with EmulatorTarget(None) as target:
        target.load(image, monitor=[core.core for core in image.cores])
        found = board_rung(image, stream_all(target, image, dataset))
    ladder = climb(source, compilation, image, dataset, board=lambda: found)
    emulator, board = ladder.rungs[-2:]
    assert board.accuracy == emulator.accuracy and board.agreement == 1.0
    assert board.spikes == pytest.approx(emulator.spikes)
    assert board.parting is None and board.synops_per_sample is None


def test_an_image_alone_has_the_last_rungs_only(digits):
    _, _, image, dataset = digits
    ladder = climb(None, None, image, draw(dataset, 3))
    assert [rung.key for rung in ladder.rungs if not rung.reason] == ["quantized", "emulator"]


def result(decisions, first, second):
    spikes = {"a": len(decisions) * first, "b": len(decisions) * second}
    return RungResult(np.array(decisions), spikes, {"a": 40.0, "b": 20.0})


def test_comparison_by_hand():
    results = {
        "float": result([0, 1, 2, 0], 100.0, 10.0),
        "qrelu": result([0, 1, 0, -1], 100.5, 12.0),
        "snn": "no counterpart",
        "emulator": result([0, 0, 0, 0], 90.0, 12.0),
    }
    labels = np.array([0, 1, 2, -1])
    ladder = compare(results, ["w", "x", "y", "z"], labels, ["a", "b"], 1000)
    first, second, third, fourth = ladder.rungs
    assert first.accuracy == 1.0 and first.agreement is None and first.correct == 3
    assert second.accuracy == pytest.approx(2 / 3)
    assert second.flips == ("y", "z") and second.undecided == 1
    assert (second.lost, second.gained) == (1, 0)
    assert second.parting.layer == "b" and second.parting.relative == pytest.approx(0.2)
    assert third.reason == "no counterpart" and third.accuracy is None
    assert fourth.agreement == 0.5 and fourth.parting.layer == "a"
    assert ladder.largest_loss is second and ladder.labelled == 3
