"""The camera's layer: arithmetic, file, rules, conversion, and real recordings of a DVS128."""

from dataclasses import replace

import numpy as np
import pytest
from boards import DEVICE, REAL, board, some_events
from hypothesis import given, settings
from hypothesis import strategies as st
from samna_double import Double
from samna_double.chip import sensor_chain

from dynapdeploy import (
    CheckFailed,
    ChipImage,
    CoreImage,
    Destination,
    ImageError,
    InputCoding,
    compile_source,
    emulate,
)
from dynapdeploy.chip.image_file import from_bytes, to_bytes
from dynapdeploy.chip.sensor import EventFilter, Sensor, sensor_from_text
from dynapdeploy.data import open_dataset
from dynapdeploy.emulator import emulate_by_reference
from dynapdeploy.emulator.self_test import with_self_test
from dynapdeploy.estimate import estimate, outcomes
from dynapdeploy.events import make_events
from dynapdeploy.hardware.configuration import configuration
from dynapdeploy.sources import read_source

RECORDINGS = ("box", "mouse", "mug", "scissors")


@st.composite
def sensors(draw):
    pooling = draw(st.sampled_from([1, 2, 4])), draw(st.sampled_from([1, 2, 4]))
    edges = []
    for size in pooling:
        low = draw(st.integers(0, 128 // size - 1))
        edges += [low, draw(st.integers(low + 1, 128 // size))]
    return Sensor(
        draw(st.sampled_from(["both", "on", "off", "merged"])),
        pooling,
        draw(st.sampled_from([None, tuple(edges)])),
        (draw(st.booleans()), draw(st.booleans())),
        draw(st.booleans()),
        event_filter=draw(st.sampled_from([None, EventFilter("hot-pixel", (2, 3), 9)])),
    )


def image_behind(sensor: Sensor, threshold: int = 40) -> ChipImage:
    shape = sensor.output_shape
    core = CoreImage(
        core=2,
        name="sum",
        weights=np.full((2, shape[0], 1, 1), 20),
        input_shape=shape,
        output_shape=(2, *shape[1:]),
        threshold_high=threshold,
        threshold_low=-1,
        destinations=(Destination(None),),
    )
    return ChipImage(DEVICE, (core,), (2,), sensor=sensor)


@given(sensors(), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_the_configured_layer_does_what_the_emulator_does(sensor, seed):
    """Through the configuration, event by event, in the double's own words."""
    random = np.random.default_rng(seed)
    x, y, p = (random.integers(0, n, 200) for n in (128, 128, 2))
    events = make_events(np.arange(200), x, y, p)
    chip = Double(()).speck2f
    layer = configuration(image_behind(sensor), chip).dvs_layer
    ways = [
        sensor_chain(layer, chip.event.DvsEvent(p=bool(e["p"]), x=int(e["x"]), y=int(e["y"])))
        for e in events
    ]
    kept = [(t, *way) for t, way in enumerate(ways) if way is not None]
    assert sensor.apply(events)[["t", "x", "y", "p"]].tolist() == kept
    channels, height, width = sensor.output_shape
    assert all(x < width and y < height and p < channels for _, x, y, p in kept)


@given(sensors())
@settings(max_examples=40, deadline=None)
def test_an_image_with_a_sensor_is_read_back(sensor):
    assert from_bytes(to_bytes(image_behind(sensor))).sensor == sensor


@given(sensors())
@settings(max_examples=30, deadline=None)
def test_engine_and_reference_agree_behind_a_sensor(sensor):
    image = image_behind(sensor)
    events = some_events(image, 300, 1000)
    np.testing.assert_array_equal(
        emulate(image, events).events, emulate_by_reference(image, events).events
    )


@pytest.mark.parametrize(
    ("text", "sensor"),
    [
        ("merged", Sensor("merged")),
        ("on,pool=2", Sensor("on", (2, 2))),
        ("off, pool=1x4, crop=3:100:0:31", Sensor("off", (1, 4), (3, 100, 0, 31))),
        ("mirror-x,diagonal,camera", Sensor(mirror=(False, True), diagonal=True, camera=True)),
        ("filter=hot-pixel:3x5:2", Sensor(event_filter=EventFilter("hot-pixel", (3, 5), 2))),
        ("filter=low-pass", Sensor(event_filter=EventFilter("low-pass", (0, 0), 1))),
    ],
)
def test_words_of_the_command_line(text, sensor):
    assert sensor_from_text(text) == sensor


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gray", "'gray' is unknown"),
        ("pool=3", "pooling along y must be one of 1, 2, 4"),
        ("pool=x", "2 whole numbers"),
        ("crop=0:64:0", "4 whole numbers"),
        ("pool=2,crop=0:65:0:64", "does not lie in the 64x64 pixels"),
        ("crop=9:9:0:1", "does not lie"),
        ("filter=blur", "filter mode must be one of"),
        ("filter=hot-pixel:16x1", "must lie in 1..15"),
    ],
)
def test_what_no_sensor_can_do_is_refused(text, message):
    with pytest.raises(ImageError, match=message):
        sensor_from_text(text)


def test_an_image_refuses_a_sensor_that_does_not_fit():
    image = image_behind(Sensor("merged", (4, 4)))
    with pytest.raises(ImageError, match=r"gives a map of \(2, 32, 32\)"):
        replace(image, sensor=Sensor("both", (4, 4)))
    with pytest.raises(ImageError, match="no input coding"):
        replace(image, input=InputCoding(merge_polarity=True))


def compiled(sensor: Sensor | None, device: str = REAL):
    return compile_source(read_source(net(), (1, 32, 32)), device, sensor=sensor)


def net():
    import torch
    from torch import nn

    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, 2, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(900, 3, bias=False)
    )


def test_rules_and_conversion():
    fitting = Sensor("merged", (4, 4))
    assert compiled(fitting).image().sensor == fitting
    assert compiled(None).image().sensor is None
    wrong = compiled(Sensor("both", (2, 2)))
    assert [d.rule for d in wrong.diagnostics if d.severity == "error"] == ["DYN080"]
    with pytest.raises(CheckFailed, match="the sensor gives 2x64x64"):
        wrong.image()
    filtered = replace(fitting, event_filter=EventFilter())
    for device, doubted in (("speck2fdevkit", True), ("speck2edevkit", False)):
        (warning,) = (d for d in compiled(filtered, device).diagnostics if d.rule == "DYN083")
        assert warning.severity == "warning"
        assert ("not sure" in warning.message) == doubted


@pytest.mark.parametrize("name", RECORDINGS)
def test_real_recordings_run_through_it(data_folder, name):
    sensor = Sensor("merged", (4, 4), mirror=(True, False))
    image = image_behind(sensor)
    dataset = open_dataset(f"events:{data_folder / 'dvs128' / f'{name}_1.aedat'}", "test")
    (outcome,) = outcomes(image, dataset)
    events = dataset[0].events
    cells = np.zeros((32, 32), int)
    np.add.at(cells, (31 - events["y"] // 4, events["x"] // 4), 1)
    assert outcome.counts.tolist() == [int((cells // 2).sum())] * 2
    assert outcome.counts[0] > 1000


def test_an_estimate_behind_a_sensor_counts_what_passes_it(data_folder):
    sensor = Sensor("on", (2, 2), (0, 32, 16, 48))
    image = image_behind(sensor)
    dataset = open_dataset(f"events:{data_folder / 'dvs128' / 'mug_1.aedat'}", "test")
    found = estimate(image, dataset)
    passed = len(sensor.apply(dataset[0].events))
    assert found.events_per_sample == len(dataset[0].events) > passed > 1000
    assert found.synops_per_sample == 2 * passed


def test_a_real_recording_on_the_board_and_in_the_emulator(data_folder):
    sensor = Sensor("on", (2, 2), (0, 32, 16, 48), diagonal=True)
    image = with_self_test(image_behind(sensor))
    events = open_dataset(f"events:{data_folder / 'dvs128' / 'mug_1.aedat'}", "test")[0].events
    part = events[:4000].copy()
    expected = emulate(image, part).events
    double, target = board()
    with target:
        target.load(image)
        found = target.stream(part, stretch=0).events
    assert len(expected) > 100
    assert found[["x", "y", "p"]].tolist() == expected[["x", "y", "p"]].tolist()
    assert not double.boards[0].opened
