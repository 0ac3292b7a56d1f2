"""Our configuration against the one that sinabs writes for the same net, field by field."""

import random

import numpy as np
import pytest
import sinabs.layers as sl
import torch
from samna_double import Double, installed
from sinabs.activation import MembraneReset
from torch import nn

from dynapdeploy import convert
from dynapdeploy.chip.image import ChipImage
from dynapdeploy.chip.sensor import Sensor
from dynapdeploy.hardware.configuration import configuration, difference

CHAINS = 100


def chain(seed: int) -> tuple[nn.Sequential, tuple[int, int, int]]:
    """Convolutions, IAF neurons and sum pools, then a linear layer; every value drawn."""
    draw = random.Random(seed)
    torch.manual_seed(seed)
    channels, height, width = shape = draw.randint(1, 3), draw.randint(8, 24), draw.randint(8, 24)
    layers: list[nn.Module] = []
    for _ in range(draw.randint(1, 4)):
        out, kernel = draw.randint(1, 6), draw.randint(1, min(4, height, width))
        stride, padding = (
            (draw.choice([1, 1, 2]), draw.choice([1, 1, 2])),
            (draw.randint(0, 2), draw.randint(0, 2)),
        )
        layers.append(nn.Conv2d(channels, out, kernel, stride, padding, bias=draw.random() < 0.4))
        height, width = (
            (n + 2 * p - kernel) // s + 1
            for n, p, s in zip((height, width), padding, stride, strict=True)
        )
        channels = out
        layers.append(iaf(draw))
        pool = draw.choice([1, 2, 4])
        if pool > 1 and height % pool == 0 and width % pool == 0:
            layers.append(sl.SumPool2d(pool))
            height, width = height // pool, width // pool
    if height == width:
        layers += [nn.Flatten(), nn.Linear(channels * height * width, 5, bias=False), iaf(draw)]
    return nn.Sequential(*layers), shape


def iaf(draw: random.Random) -> sl.IAFSqueeze:
    reset = draw.choice([None, "zero"])
    extra = {"reset_fn": MembraneReset()} if reset else {}
    threshold = draw.choice([0.5, 1.0, 1.7])
    return sl.IAFSqueeze(
        batch_size=1,
        spike_threshold=torch.tensor(threshold),
        min_v_mem=-draw.choice([0.5, 1.0, 3.0]),
        **extra,
    )


def by_image_cores(image: ChipImage) -> dict[int, int]:
    return {number: core.core for number, core in enumerate(image.cores)}


@pytest.fixture(scope="module")
def samna():
    with installed(Double()) as double:
        yield double


def test_random_chains(samna, device="speck2fdevkit"):
    from sinabs.backend.dynapcnn import DynapcnnNetwork

    leaks = resets = pools = 0
    for seed in range(CHAINS):
        net, shape = chain(seed)
        image = convert(net, device, shape, quantizer="sinabs", allow_bias=True)
        theirs = DynapcnnNetwork(net, input_shape=shape, discretize=True).make_config(
            device=f"{device}:0", layer2core_map=by_image_cores(image)
        )
        ours = configuration(image, samna.speck2f)
        assert difference(theirs.as_dict(), ours.as_dict()) is None, f"chain {seed}"
        used = [layer for layer in theirs.cnn_layers if layer.weights]
        assert len(used) == len(image.cores)
        leaks += any(layer.leak_enable for layer in used)
        resets += any(layer.return_to_zero for layer in used)
        pools += any(d.pooling > 1 for layer in used for d in layer.destinations)
    assert min(leaks, resets, pools) > 10


@pytest.mark.parametrize(
    "settings",
    [
        {"pool": (2, 4), "crop": ((3, 40), (2, 30)), "flip_x": True},
        {"pool": (1, 1), "crop": ((0, 30), (10, 50)), "flip_y": True, "swap_xy": True},
        {"pool": (2, 2), "merge_polarities": True, "disable_pixel_array": False},
    ],
)
def test_the_sensor_layer(samna, settings):
    from sinabs.backend.dynapcnn.dvs_layer import DVSLayer

    theirs = samna.speck2f.configuration.SpeckConfiguration()
    layer = DVSLayer((128, 128), **settings)
    for name, value in layer.get_config_dict().items():
        setattr(theirs.dvs_layer, name, value)
    crop = settings.get("crop")
    sensor = Sensor(
        polarity="merged" if layer.merge_polarities else "both",
        pooling=layer.get_pooling(),
        crop=None if crop is None else (*crop[0], *crop[1]),
        mirror=(settings.get("flip_y", False), settings.get("flip_x", False)),
        diagonal=settings.get("swap_xy", False),
        camera=not settings.get("disable_pixel_array", True),
    )
    theirs.dvs_layer.destinations[0].enable = True
    ours = samna.speck2f.configuration.SpeckConfiguration()
    from dynapdeploy.hardware.configuration import _write_sensor

    _write_sensor(sensor, (0,), ours)
    assert difference(theirs.as_dict(), ours.as_dict()) is None
    raster = torch.zeros(1, 2, 128, 128)
    rng = np.random.default_rng(0)
    p, y, x = rng.integers(0, 2, 500), rng.integers(0, 128, 500), rng.integers(0, 128, 500)
    for place in zip(p, y, x, strict=True):
        raster[(0, *place)] += 1
    from dynapdeploy.events import make_events

    found = sensor.apply(make_events(np.arange(500), x, y, p))
    counted = np.zeros(sensor.output_shape)
    np.add.at(counted, (found["p"], found["y"], found["x"]), 1)
    np.testing.assert_array_equal(counted, layer(raster)[0].numpy())
