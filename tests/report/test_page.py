"""The report: one file, safe, and drawn by a browser without a word of complaint."""

import csv
import json
import re
import shutil
import subprocess

import numpy as np
import pytest
import torch

from dynapdeploy.chip.image import ChipImage, CoreImage, Destination
from dynapdeploy.data import draw, open_dataset
from dynapdeploy.data.recordings import Recordings
from dynapdeploy.errors import SourceError
from dynapdeploy.estimate.ladder_run import climb
from dynapdeploy.estimate.study import study
from dynapdeploy.estimate.sweep_rows import sweep_rows
from dynapdeploy.events import make_events
from dynapdeploy.pipeline import build_image, compile_source
from dynapdeploy.report.csv_files import write_tables
from dynapdeploy.report.markup import embedded, tag
from dynapdeploy.report.page import TITLES, _plotly, report_page, report_sections, write_report
from dynapdeploy.report.png_files import write_charts
from dynapdeploy.scale.piece import write_record
from dynapdeploy.sources import read_source
from dynapdeploy.training.models import MODELS, build

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
EVIL = '<script>alert("x")</script>'
SWEEP = [
    {"name": EVIL, "accuracy": 0.9, "synops_per_sample": 1e5},
    {"name": "b", "accuracy": 0.97, "synops_per_sample": 1e6},
    {"name": "seed-0/net-02", "accuracy": None, "synops_per_sample": None},
]


@pytest.fixture(scope="module")
def whole():
    """A study with everything there can be in it."""
    torch.manual_seed(3)
    source = read_source(build("digits"), (1, 20, 20), coding=MODELS["digits"].coding)
    compilation = compile_source(source)
    image = build_image(source, compilation)
    dataset = draw(open_dataset("digits", "test"), 20, seed=1)
    ladder = climb(source, compilation, image, draw(dataset, 5))
    stages = {"qrelu": {"accuracy": 0.9, "synops_per_sample": 1e6}, "emulator": {"refused": "no"}}
    return study(
        "digits", image, dataset, budget=1e6, battery_wh=0.5, compilation=compilation,
        ladder=ladder, stages=stages, sweep=SWEEP,
    )  # fmt: skip


@pytest.fixture(scope="module")
def hostile():
    """An image and a data set whose names are HTML."""
    core = CoreImage(
        core=0, name=EVIL, weights=np.ones((2, 1, 2, 2), np.int8), input_shape=(1, 4, 4),
        output_shape=(2, 3, 3), threshold_high=2, threshold_low=-5,
        destinations=(Destination(None),),
    )  # fmt: skip
    image = ChipImage("unbounded", (core,), (0,), provenance={EVIL: EVIL})
    events = make_events(range(0, 40, 2), [1] * 20, [2] * 20, [0] * 20)
    dataset = Recordings(
        f"events:{EVIL}", "test", (1, 4, 4), (EVIL, "</title>"), [1], [EVIL], lambda i: events
    )
    ladder = climb(None, None, image, dataset, board=EVIL)
    return study(EVIL, image, dataset, ladder=ladder, sweep=SWEEP, stages={EVIL: {}})


def without_plotly(page):
    assert page.count(_plotly()) == 1
    return page.replace(_plotly(), "")


def test_every_section_is_there(whole):
    assert set(report_sections(whole)) == set(TITLES)
    page = report_page(whole)
    assert len(page.encode()) < 8_000_000
    for name in TITLES:
        assert f'<section id="{name}">' in page and f'href="#{name}"' in page
    identifiers = re.findall(r' id="([^"]+)"', without_plotly(page))
    assert len(identifiers) == len(set(identifiers))


def test_nothing_is_loaded_from_anywhere(whole):
    page = without_plotly(report_page(whole))
    assert "http://" not in page and "https://" not in page and "src=" not in page
    assert "default-src 'none'" in page


def test_nothing_from_input_is_html(hostile):
    page = without_plotly(report_page(hostile))
    assert EVIL not in page and "alert(" in page
    assert page.count("<script") == 4
    assert "</title></title>" not in page
    for found in re.findall(r'<script type="application/json" id="[^"]+">(.*?)</script>', page):
        assert "<" not in found
        json.loads(found)


def test_plotly_gets_no_html_from_input(hostile):
    page = without_plotly(report_page(hostile))
    data = re.findall(r'id="(?:chart|sample)-data">(.*?)</script>', page)
    charts = json.loads(data[0])
    assert "&lt;script" in charts["layers"]["data"][0]["x"][0]
    assert "&lt;script" in charts["trade-off"]["data"][0]["text"][0]


def test_markup_escapes():
    assert tag("p", '<&"', class_='a"b') == '<p class="a&quot;b">&lt;&amp;&quot;</p>'
    assert embedded("x", {"a": "</script><!--"}).count("<") == 2


def test_missing_runs_of_a_sweep_are_named(whole):
    assert "Without a result in the sweep (1): seed-0/net-02." in report_page(whole)


def test_rows_of_an_unfinished_sweep(tmp_path):
    for name in ("seed-0/net-00", "seed-0/net-01"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "plan.json").write_text("{}")
    row = {"accuracy": 0.5, "synops_per_sample": 10.0}
    write_record(tmp_path / "seed-0/net-01/point.json", "", row)
    assert sweep_rows(tmp_path) == [
        {"name": "seed-0/net-00", "accuracy": None, "synops_per_sample": None},
        {"name": "seed-0/net-01", **row},
    ]
    (tmp_path / "seed-0/net-00/point.json").write_text("[")
    with pytest.raises(SourceError, match=r"point\.json: damaged"):
        sweep_rows(tmp_path)
    with pytest.raises(SourceError, match=r"sweep\.json"):
        sweep_rows(tmp_path / "seed-0")


def test_tables_as_csv(whole, tmp_path):
    names = {path.name for path in write_tables(whole, tmp_path)}
    assert names == {
        "layers.csv", "load.csv", "samples.csv", "accuracy_over_time.csv", "confusion.csv",
        "ladder.csv", "sweep.csv",
    }  # fmt: skip
    with (tmp_path / "samples.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["synops"]) for row in rows] == [
        sum(o.synops.values()) for o in whole.estimate.outcomes
    ]


def test_a_formula_stays_text(hostile, tmp_path):
    sweep = [{"name": "=1+1", "accuracy": 0.5, "synops_per_sample": 1.0}]
    found = study("x", hostile.image, open_hostile(), sweep=sweep)
    write_tables(found, tmp_path)
    assert (tmp_path / "sweep.csv").read_text().splitlines()[1] == "'=1+1,0.5,1.0"


def open_hostile():
    events = make_events([0, 5], [1, 1], [1, 1], [0, 0])
    return Recordings("events:x", "test", (1, 4, 4), ("a",), [0], ["x"], lambda i: events)


def test_charts_as_png(hostile, tmp_path):
    for path in write_charts(hostile, tmp_path):
        assert path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 3000
    assert {path.stem for path in tmp_path.iterdir()} >= {"layers", "load", "sample-0", "ladder"}


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
@pytest.mark.parametrize("kind", ["whole", "hostile"])
def test_a_browser_draws_it(kind, request, tmp_path):
    path = tmp_path / "report.html"
    write_report(request.getfixturevalue(kind), path)
    run = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
         "--virtual-time-budget=4000", "--window-size=1200,12000", "--dump-dom",
         f"--user-data-dir={tmp_path / 'profile'}", f"file://{path}"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert "CONSOLE" not in run.stderr
    dom = without_plotly(run.stdout) if _plotly() in run.stdout else run.stdout
    assert "no-script" not in re.search(r"<html[^>]*>", dom)[0]
    charts = dom.count('class="chart')
    assert charts >= 6 and dom.count("main-svg") >= charts
