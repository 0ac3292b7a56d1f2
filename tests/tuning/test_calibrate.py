"""Calibration on real recordings and digits, and on small data made up here."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import dynapdeploy
from dynapdeploy.chip.input_coding import InputCoding, PixelCoding
from dynapdeploy.data import draw, open_dataset
from dynapdeploy.data.dataset import Subset
from dynapdeploy.data.images import StillImages
from dynapdeploy.errors import CheckFailed, Mismatch, SourceError
from dynapdeploy.estimate import estimate
from dynapdeploy.pipeline import build_image, calibrate_source, compile_source
from dynapdeploy.sources import Source, read_source

TWENTY_EVENTS = InputCoding(pixels=PixelCoding(20 / 255, 100_000))


def mnist_net() -> nn.Sequential:
    """The net of the sinabs tutorial whose weights are in the data collection."""
    return nn.Sequential(
        nn.Conv2d(1, 20, 5, bias=False),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(20, 32, 5, bias=False),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(32, 128, 3, bias=False),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(128, 500, bias=False),
        nn.ReLU(),
        nn.Linear(500, 10, bias=False),
    )


def gesture_net() -> nn.Sequential:
    """The nine layers of the sinabs example on DVS gestures."""

    def conv(before: int, after: int, kernel: int, **geometry) -> nn.Conv2d:
        return nn.Conv2d(before, after, kernel, bias=False, **geometry)

    return nn.Sequential(
        conv(2, 16, 2, stride=2),
        nn.ReLU(),
        conv(16, 16, 3, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(2),
        conv(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(2),
        conv(32, 32, 3, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(2),
        conv(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(2),
        conv(64, 64, 3, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Dropout2d(0.5),
        conv(64, 256, 2),
        nn.ReLU(),
        nn.Dropout2d(0.5),
        nn.Flatten(),
        nn.Linear(256, 128, bias=False),
        nn.ReLU(),
        nn.Linear(128, 11, bias=False),
    )


def with_weights(module: nn.Module, path) -> nn.Module:
    module.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return module.eval()


def bright_halves(labelled: bool = True) -> StillImages:
    """Images of 4x4, brighter above (class 0) or below (class 1)."""
    random = np.random.default_rng(0)
    labels = np.arange(40) % 2
    images = random.integers(0, 100, (40, 1, 4, 4))
    images[labels == 0, :, :2] += 60
    images[labels == 1, :, 2:] += 60
    return StillImages("halves", "train", ("above", "below"), labels, images.astype(np.uint8))


def two_halves(scale: float) -> Source:
    """A net that adds up either half; its weights times ``scale``."""
    net = nn.Sequential(
        nn.Conv2d(1, 1, 1, bias=False),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16, 2, bias=False),
        nn.ReLU(),
    )
    with torch.no_grad():
        net[0].weight.fill_(scale)
        net[3].weight.copy_(scale * torch.tensor([[1.0] * 8 + [-1.0] * 8, [-1.0] * 8 + [1.0] * 8]))
    return replace(read_source(net, (1, 4, 4)), coding=InputCoding(pixels=PixelCoding(0.05)))


def test_weights_too_small_to_spike_are_made_to_decide():
    source, data = two_halves(0.01), bright_halves()
    compilation = compile_source(source)
    result, again = calibrate_source(source, compilation, data)
    assert result.before.undecided == 40
    assert result.after.right is not None and result.after.right >= 38
    image = build_image(source, again)
    assert estimate(image, data).correct == result.after.right


def test_calibration_never_ends_worse_than_it_began():
    source = two_halves(0.5)
    result, _ = calibrate_source(source, compile_source(source), bright_halves())
    assert result.after.cost <= result.before.cost
    assert result.after.samples == 40


def test_a_spent_budget_is_told_and_leaves_the_plain_choice():
    from dynapdeploy.tuning import calibrate

    source = two_halves(0.5)
    compilation = compile_source(source)
    result = calibrate(source.graph, compilation, bright_halves(), source.coding, budget=0)
    assert not result.complete
    assert result.judged == 1
    plain = compilation.quantized.values()
    chosen = [result.quantizer(layer) for layer in compilation.network.layers]
    assert [q.threshold_high for q in chosen] == [q.threshold_high for q in plain]


def test_with_the_sensor_calibration_sees_what_the_cores_get():
    from dynapdeploy.chip.sensor import Sensor
    from dynapdeploy.data.dataset import Sample
    from dynapdeploy.events import make_events

    class Camera:
        """Two recordings of 128x128: events above (class 0) and below (class 1)."""

        spec, split, kind, shape = "camera", "train", "events", (2, 128, 128)
        classes, skipped, labels = ("above", "below"), (), np.array([0, 1])

        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int) -> Sample:
            y = np.arange(64).repeat(8) + 64 * index
            events = make_events(np.arange(512), np.arange(512) % 128, y, np.arange(512) % 2)
            return Sample(str(index), index, events=events)

    net = nn.Sequential(nn.Conv2d(1, 2, 16, bias=False), nn.ReLU())
    with torch.no_grad():
        net[0].weight.fill_(-1.0)
        net[0].weight[0, :, :8] = net[0].weight[1, :, 8:] = 1.0
    source = read_source(net, (1, 16, 16))
    sensor = Sensor("merged", (4, 4), crop=(8, 24, 8, 24))
    compilation = compile_source(source, sensor=sensor)
    result, again = calibrate_source(source, compilation, Camera())
    assert result.after.right == 2
    assert again.image().sensor == sensor


def test_convert_takes_a_data_set(data_folder):
    net = nn.Sequential(nn.Conv2d(1, 10, 28, bias=False), nn.ReLU())
    image = dynapdeploy.convert(
        net,
        "unbounded",
        (1, 28, 28),
        Subset(mnist(data_folder, "train"), range(4)),
        coding=TWENTY_EVENTS,
    )
    assert "calibrated on mnist:" in image.provenance["quantizer"]


def mnist(data_folder, split: str):
    return open_dataset(f"mnist:{data_folder / 'mnist'}", split)


def test_what_does_not_go_together_is_refused():
    source = two_halves(0.5)
    compilation = compile_source(source)
    with pytest.raises(SourceError, match="default quantizer, not for sinabs"):
        calibrate_source(source, compilation, bright_halves(), quantizer="sinabs")
    no_coding = replace(source, coding=InputCoding())
    with pytest.raises(Mismatch, match="--events-per-unit"):
        calibrate_source(no_coding, compilation, bright_halves())
    with pytest.raises(Mismatch, match=r"1x4x4 .* the network takes 1x5x4"):
        other = read_source(nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), nn.ReLU()), (1, 5, 4))
        calibrate_source(other, compile_source(other), bright_halves())
    wide = read_source(nn.Sequential(nn.Conv2d(1, 2, 17, bias=False), nn.ReLU()), (1, 20, 20))
    with pytest.raises(CheckFailed):
        calibrate_source(wide, compile_source(wide), bright_halves())


def test_the_scnn_of_the_nir_paper_on_unseen_recordings(data_folder):
    source = read_source(data_folder / "models" / "scnn_nmnist.nir", (2, 34, 34))
    result, compilation = calibrate_source(
        source, compile_source(source), f"nmnist:{data_folder / 'nmnist'}", budget=8e9
    )
    assert result.after.samples == 100
    image = build_image(source, compilation)
    found = estimate(image, open_dataset(f"nmnist:{data_folder / 'nmnist'}", "test"), workers=2)
    assert found.samples == 60
    assert found.correct is not None and found.correct >= 59
    assert found.synops_per_sample <= 5e6


def test_the_mnist_net_loses_at_most_half_a_point(data_folder):
    """97.88 % as a float net; twenty events for a white pixel, evenly over 100 ms."""
    module = with_weights(mnist_net(), data_folder / "models" / "sinabs_mnist_params.pt")
    source = replace(read_source(module, (1, 28, 28)), coding=TWENTY_EVENTS)
    data = draw(mnist(data_folder, "train"), 100)
    _, compilation = calibrate_source(source, compile_source(source), data, budget=40e9)
    image = build_image(source, compilation)
    found = estimate(image, Subset(mnist(data_folder, "test"), range(1000)), workers=2)
    assert found.correct is not None and found.correct >= 974


def test_the_gesture_net_takes_all_nine_cores(data_folder):
    module = with_weights(gesture_net(), data_folder / "models" / "sinabs_dvs_gesture_params.pt")
    compilation = compile_source(read_source(module, (2, 128, 128)))
    assert compilation.fits
    assert sorted(compilation.placement.cores.values()) == list(range(9))
    assert [c.kernel for c in compilation.demands.values()] == [
        int(ki * 1024) for ki in (0.125, 4, 8, 16, 32, 64, 64, 32, 2)
    ]
