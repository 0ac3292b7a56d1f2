"""Data sets that are short of something: labels, events, classes, samples."""

import dataclasses

import numpy as np
import pytest
import torch

from dynapdeploy.data import open_dataset
from dynapdeploy.data.recordings import Recordings
from dynapdeploy.errors import DataError
from dynapdeploy.estimate import estimate
from dynapdeploy.estimate.ladder_run import climb
from dynapdeploy.estimate.study import study
from dynapdeploy.events import EVENT
from dynapdeploy.pipeline import convert
from dynapdeploy.report.csv_files import tables
from dynapdeploy.report.page import report_charts, report_page
from dynapdeploy.sources import read_source
from dynapdeploy.training.models import MODELS, build


@pytest.fixture(scope="module")
def image():
    torch.manual_seed(3)
    return convert(build("digits"), "speck2fdevkit", (1, 20, 20), coding=MODELS["digits"].coding)


def recordings(labels, read=None):
    whole = open_dataset("digits", "test")
    return Recordings(
        "digits", "test", whole.shape, whole.classes, np.array(labels),
        [f"recording {i}" for i in range(len(labels))], read or (lambda i: whole[i].events),
    )  # fmt: skip


def test_without_labels_the_rest_is_still_given(image):
    dataset = recordings([-1, -1, -1])
    found = study("unlabelled", image, dataset, ladder=climb(None, None, image, dataset))
    assert found.estimate.accuracy is None and found.estimate.correct is None
    assert found.estimate.synops_per_sample > 0 and found.estimate.latency.accuracy == ()
    assert "confusion" not in report_charts(found) and "ladder" not in report_charts(found)
    assert "there is no accuracy" in report_page(found)


def test_without_events(image):
    dataset = recordings([0, 1], lambda i: np.empty(0, EVENT))
    found = study("silent", image, dataset, ladder=climb(None, None, image, dataset))
    assert found.estimate.accuracy == 0 and found.estimate.undecided == 2
    assert found.estimate.synops_per_sample == 0
    assert found.estimate.energy.average_power_w is None
    assert found.estimate.load.cores[0].mean_synops_per_s is None
    assert report_page(found).count("<section") >= 8
    assert len(list(tables(found)["samples"][1])) == 2


def test_one_class_only(image):
    found = study("one", image, recordings([4, 4]))
    matrix = report_charts(found)["confusion"]["data"][0]["z"]
    assert sum(map(sum, matrix)) == 2 and sum(matrix[4]) == 2


def test_nothing_that_can_be_read(image):
    def damaged(index):
        raise DataError("cut off")

    with pytest.raises(DataError, match="no sample that can be read"):
        estimate(image, recordings([1, 2], damaged))
    with pytest.raises(DataError, match="no sample that can be read"):
        climb(None, None, image, recordings([1, 2], damaged))


def test_biased_net_climbs_too():
    from torch import nn

    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 18 * 18, 10))
    source = read_source(net, (1, 20, 20), coding=MODELS["digits"].coding)
    from dynapdeploy.pipeline import build_image, compile_source

    compilation = compile_source(source, "unbounded", allow_bias=True)
    image = build_image(source, compilation)
    ladder = climb(source, compilation, image, recordings([0, 1]))
    assert [rung.key for rung in ladder.rungs if rung.reason] == ["board"]
    assert any("biases" in note for note in ladder.notes)


def test_timeline_adds_up(image):
    found = estimate(image, recordings([0, 1, 2]))
    for outcome in found.outcomes:
        per_core = dict(zip([c.core for c in image.cores], outcome.timing.timeline, strict=True))
        assert {core: int(bins.sum()) for core, bins in per_core.items()} == outcome.synops
    assert found.latency.accuracy[-1] == found.accuracy
    assert dataclasses.asdict(found.energy)["static_w"] == pytest.approx(1.1702e-3)
