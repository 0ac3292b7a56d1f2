"""The forward pass that the emulator imposes, and its gradient."""

import numpy as np
import pytest
import torch

from dynapdeploy.data import open_dataset
from dynapdeploy.data.coding import encode
from dynapdeploy.emulator import emulate
from dynapdeploy.training.emulated import chip_image, spike_counts
from dynapdeploy.training.finetune import (
    backward,
    emulated,
    finetune,
    input_counts,
    passed,
)
from dynapdeploy.training.models import MODELS, build
from dynapdeploy.training.moves import Reach
from dynapdeploy.training.qrelu import QReLU
from dynapdeploy.training.synop_loss import meter
from dynapdeploy.training.tuning_stage import Recordings, _helped

SHAPE = (1, 20, 20)


@pytest.fixture(scope="module")
def recordings():
    dataset = open_dataset("digits", "train")
    return [encode(dataset[i], MODELS["digits"].coding, SHAPE) for i in range(6)]


@pytest.fixture
def model():
    torch.manual_seed(0)
    return build("digits").eval()


def test_counts_are_those_of_the_emulator_whatever_the_threads(model, recordings):
    image = chip_image(model, SHAPE)
    counts = spike_counts(image, recordings, workers=1)
    again = spike_counts(image, recordings, workers=3)
    np.testing.assert_array_equal(counts.output, again.output)
    np.testing.assert_array_equal(counts.synops, again.synops)
    for index, events in enumerate(recordings):
        run = emulate(image, events, monitor=[core.core for core in image.cores])
        assert counts.synops[index] == sum(run.synops.values())
        assert counts.output[index].sum() == len(run.events)
        for core in image.cores:
            f, y, x = (run.monitored[core.core][field].astype(int) for field in "pyx")
            expected = np.zeros(core.output_shape)
            np.add.at(expected, (f, y, x), 1)
            np.testing.assert_array_equal(counts.layers[core.name][index], expected)


def passed_through(model, recordings):
    image = chip_image(model, SHAPE)
    counts = spike_counts(image, recordings)
    x = input_counts(recordings, SHAPE)
    layers = passed(model, image, x, recordings, counts)
    return counts, layers, *emulated(model, meter(model, SHAPE), x, layers)


def test_pass_gives_the_emulators_counts_and_synops(model, recordings):
    counts, _, output, synops = passed_through(model, recordings)
    assert torch.equal(output, torch.from_numpy(counts.output))
    assert float(synops.detach()) == pytest.approx(counts.synops.mean(), rel=1e-6)


@pytest.mark.parametrize("late", [0.0, 1.0])
def test_every_weight_gets_a_gradient(model, recordings, late):
    _, layers, output, synops = passed_through(model, recordings)
    backward(output.square().sum() + 1e-3 * synops, list(layers.values()), late)
    for weight in model.parameters():
        assert weight.grad is not None and weight.grad.abs().sum() > 0


def test_late_gradient_is_that_of_convolutions_of_the_counts(model, recordings):
    """With ``late = 1``: the straight-through gradient of torch's own convolutions."""
    counts, layers, output, synops = passed_through(model, recordings)
    backward(output.square().sum() + 1e-3 * synops, list(layers.values()), 1.0)
    found = [weight.grad.clone() for weight in model.parameters()]
    model.zero_grad()
    x, total, last = input_counts(recordings, SHAPE), 0.0, list(layers)[-1]
    for name, module in model.named_children():
        if name in layers:
            x = module(x)
            wanted = torch.from_numpy(counts.layers[name]).reshape(x.shape)
            passes = (x > 0) | (wanted > 0) | (name == last)
            x = wanted + torch.where(passes, x - x.detach(), 0.0)
        elif isinstance(module, QReLU):
            if module.fanout is not None:
                fanout = module.fanout.reshape(x.shape[1:])
                total = total + (x.sum(0) * fanout).sum() / len(x)
        else:
            x = module(x)
    (x.square().sum() + 1e-3 * total).backward()
    for ours, weight in zip(found, model.parameters(), strict=True):
        torch.testing.assert_close(
            ours, weight.grad, rtol=1e-3, atol=1e-4 * float(ours.abs().max())
        )


def test_a_step_against_the_gradient_changes_the_loss_as_foretold(model, recordings):
    """The chip's own loss, emulated again after a small step of every layer's weights."""
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(0.5)

    def loss(train):
        _, layers, output, synops = passed_through(model, recordings)
        value = output.sum() / 10 + synops / 1000
        if train:
            backward(value, list(layers.values()))
        return float(value.detach())

    before = loss(True)
    for weight in list(model.parameters())[:2]:
        step = 0.03 * weight.detach().norm() * weight.grad / weight.grad.norm()
        foretold = float((step * weight.grad).sum())
        found = []
        for sign in (1, -1):
            with torch.no_grad():
                weight.sub_(sign * step)
            found.append(sign * (before - loss(False)))
            with torch.no_grad():
                weight.add_(sign * step)
        assert 0.5 * foretold < np.mean(found) < 2 * foretold


def tuned(model, count, epochs, target):
    dataset = open_dataset("digits", "train")
    rows = []
    finetune(
        model,
        meter(model, SHAPE),
        Recordings(dataset, MODELS["digits"].coding, SHAPE, Reach(), len(dataset)),
        np.asarray(dataset.labels)[:count],
        SHAPE,
        epochs=epochs,
        batch=32,
        samples_per_epoch=count,
        seed=0,
        temperature=0.3,
        target=target,
        penalty=5.0,
        learning_rate=1e-2,
        on_epoch=rows.append,
    )
    return rows


def test_fine_tuning_brings_the_emulator_towards_the_labels(model):
    """On a hundred recordings the emulator must decide much better than before."""
    rows = tuned(model, 128, 15, None)
    assert rows[0].accuracy < 0.5 < rows[-1].accuracy
    assert {row.synop_loss for row in rows} == {0.0}


def test_fine_tuning_meets_the_target(model):
    rows = tuned(model, 96, 8, 300_000.0)
    assert rows[0].synops > 1.3 * 300_000
    assert abs(rows[-1].synops - 300_000) < 0.2 * 300_000


def test_recordings_are_moved_within_reach():
    dataset = open_dataset("digits", "train")
    source = Recordings(dataset, MODELS["digits"].coding, SHAPE, Reach(2), len(dataset))
    still = encode(dataset[0], MODELS["digits"].coding, SHAPE)
    places = set()
    for seed in range(8):
        (events,) = source([0], np.random.default_rng(seed))
        assert len(events) <= len(still) and events["x"].max() < 20 and events["y"].min() >= 0
        places.add((int(events["x"].mean() * 10), int(events["y"].mean() * 10)))
    assert len(places) > 4


def test_tuning_counts_as_help_where_it_decides_better_or_comes_nearer_to_the_target():
    def net(accuracy, synops):
        return {"accuracy": accuracy, "synops_per_sample": synops}

    before = net(0.98, 1.2e6)
    assert _helped(before, net(0.98, 2e6), 1e6) and _helped(before, net(0.99, 2e6), None)
    assert _helped(before, net(0.97, 1.1e6), 1e6) and _helped(before, net(0.97, 0.9e6), 1e6)
    assert not _helped(before, net(0.96, 1e6), 1e6)
    assert not _helped(before, net(0.97, 1.3e6), 1e6) and not _helped(before, net(0.97, 1e6), None)
