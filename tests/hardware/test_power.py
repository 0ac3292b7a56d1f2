"""Power and calibration against a stand-in whose energies are known."""

from dataclasses import replace

import numpy as np
import pytest
from boards import FAST, board, chain, some_events
from samna_double import Faults
from samna_double.board import RAILS_UW

from dynapdeploy import DataError, load_profile
from dynapdeploy.data.recordings import Recordings
from dynapdeploy.hardware.calibration import Point, fit, write_profile
from dynapdeploy.hardware.faults import BoardFault
from dynapdeploy.hardware.power import RAILS, measure, measure_loop
from dynapdeploy.hardware.power_run import calibrated, measure_all

E_SYN, E_SPK = 2e-8, 5e-8
QUICK = replace(FAST, lead=0.01, ahead=0.02, quiet=0.02, settle=0.0)


def loaded(faults=None):
    double, target = board(faults, timing=QUICK)
    double.boards[0].joules = (E_SYN, E_SPK)
    return double.boards[0], target


def test_idle_rails_are_told_apart():
    single, target = loaded()
    with target:
        target.load(chain())
        reading = measure(target, 2.0)
    assert tuple(reading.rails) == RAILS
    for rail, idle in zip(reading.rails.values(), RAILS_UW, strict=True):
        assert rail.samples > 100
        assert abs(rail.mean_w - idle * 1e-6) < 6 * rail.standard_error_w
    assert not single.opened
    assert single.power_start is None


def test_a_loop_draws_what_its_activity_costs():
    _, target = loaded(Faults(stale_power_stamps=True))
    image = chain()
    with target:
        target.load(image)
        reading, activity = measure_loop(target, image, some_events(image, 300, 100_000), 3.0)
    assert reading.loops >= 2
    wanted = sum(RAILS_UW) * 1e-6 + E_SYN * activity.synops_per_s + E_SPK * activity.spikes_per_s
    assert reading.total_w == pytest.approx(wanted, rel=0.1)
    assert reading.total_w > 1.2 * sum(RAILS_UW) * 1e-6


def test_no_samples_are_an_error():
    single, target = loaded(Faults(no_power=True))
    with pytest.raises(BoardFault, match="sent 0 samples of rail io"), target:
        target.load(chain())
        measure(target, 0.2)
    assert not single.opened


def points(random, count=8, e_syn=1e-11, e_spk=3e-11, noise=1e-7):
    synops = random.uniform(0, 1e8, count)
    spikes = random.uniform(0, 1e6, count)
    power = 1e-3 + e_syn * synops + e_spk * spikes + random.normal(0, noise, count)
    return [Point(*row, noise) for row in zip(synops, spikes, power, strict=True)]


def test_the_confidence_interval_holds_the_truth_as_often_as_it_says():
    random = np.random.default_rng(0)
    inside = tried = 0
    for _ in range(300):
        found = fit(points(random, e_spk=3e-10))
        inside += found.joules_per_synop.low <= 1e-11 <= found.joules_per_synop.high
        tried += 1
    assert 0.90 * tried < inside < 0.99 * tried


def test_without_noise_the_fit_is_exact():
    found = fit(points(np.random.default_rng(1), noise=1e-15))
    assert found.joules_per_synop.value == pytest.approx(1e-11, rel=1e-5)
    assert found.joules_per_spike.value == pytest.approx(3e-11, rel=1e-3)
    assert found.idle_w.value == pytest.approx(1e-3, rel=1e-6)


def test_a_fit_that_the_data_cannot_carry_is_refused():
    random = np.random.default_rng(2)
    with pytest.raises(DataError, match="3 measurements for 3 unknowns"):
        fit(points(random, 3))
    together = [replace(p, spikes_per_s=p.synops_per_s / 50) for p in points(random)]
    with pytest.raises(DataError, match="cannot be told apart"):
        fit(together)
    assert fit(together, with_spikes=False).joules_per_spike is None
    with pytest.raises(DataError, match="cannot tell it from 0"):
        fit(points(random, noise=1e-2))
    with pytest.raises(DataError, match="the same activity"):
        fit([Point(0.0, 0.0, 1e-3, 1e-6)] * 5)


def test_a_profile_is_written_and_read_back(tmp_path):
    found = fit(points(np.random.default_rng(3), noise=1e-12))
    path = str(tmp_path / "mine.toml")
    write_profile(path, "speck2fdevkit", found, {"logic": 3e-4}, 'board "x"')
    profile = load_profile(path)
    assert profile.energy.joules_per_synop == found.joules_per_synop.value
    assert profile.energy.joules_per_spike == found.joules_per_spike.value
    assert 'measured on board "x"' in profile.energy.source
    assert profile.idle_power.rails["logic"] == 3e-4
    assert profile.board == load_profile("speck2fdevkit").board
    with pytest.raises(DataError, match=r"ends in \.toml"):
        write_profile(str(tmp_path / "mine"), "speck2fdevkit", found, {}, "x")


def test_from_the_board_to_a_profile(tmp_path):
    """Recordings that spike more and less per addition; the double's own energies come out."""
    _, target = loaded()
    image = chain()
    recordings = [some_events(image, n, 40_000, n) for n in (40, 120, 240)]
    corner = some_events(image, 200, 40_000)
    corner["x"] = corner["y"] = 0
    inner = corner.copy()
    inner["x"] = inner["y"] = 4
    recordings += [corner, inner]
    dataset = Recordings(
        spec="events:drawn",
        split="test",
        shape=image.input_shape,
        classes=(),
        labels=np.full(len(recordings), -1),
        names=tuple(map(str, range(len(recordings)))),
        read=recordings.__getitem__,
        strict=True,
    )
    run = measure_all(target, image, dataset, 2.0)
    path = str(tmp_path / "mine.toml")
    found = calibrated(run, target, path, with_spikes=False)
    assert found.joules_per_synop.low <= found.joules_per_synop.value
    assert found.joules_per_synop.value == pytest.approx(E_SYN, rel=0.5)
    assert load_profile(path).energy.joules_per_synop == found.joules_per_synop.value
