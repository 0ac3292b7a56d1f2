"""Energy equals the calculation by hand, and the paper's figures come out."""

import pytest

from dynapdeploy.chip.profile import load_profile
from dynapdeploy.estimate import dynamic_energy
from dynapdeploy.estimate.plausibility import PUBLISHED, comparisons

SPECK = load_profile("speck2fdevkit")


@pytest.mark.parametrize(
    ("synops", "joules"), [(3.86e6, 38.6e-6), (0.63e6, 6.3e-6), (127e6, 1.27e-3)]
)
def test_figures_of_sorbaro_2020(synops, joules):
    assert dynamic_energy(synops, SPECK).dynamic_j_per_sample == pytest.approx(joules)


def test_synops_per_mac_of_sorbaro_2020():
    assert round(127e6 / 306e6, 2) == 0.42
    from dynapdeploy import count
    from dynapdeploy.training.models import build

    macs = count(build("all_convnet"), (3, 32, 32)).macs
    assert round(127e6 / macs, 2) == 0.37  # all layers and borders, which the paper leaves out


def test_by_hand():
    energy = dynamic_energy(
        2e6, SPECK, duration_s=0.5, spikes_per_sample=100, decision=(5e5, 0.1), battery_wh=2.0
    )
    idle = 61.7e-6 + 51.7e-6 + 367.0e-6 + 78.9e-6 + 610.9e-6
    assert energy.static_w == pytest.approx(idle)
    assert energy.static_j_per_sample == pytest.approx(idle * 0.5)
    assert energy.total_j_per_sample == pytest.approx(2e6 * 1e-11 + idle * 0.5)
    assert energy.total_low_j_per_sample == pytest.approx(2e6 * 1e-12 + idle * 0.5)
    assert energy.total_high_j_per_sample == pytest.approx(2e6 * 1e-10 + idle * 0.5)
    power = (2e6 * 1e-11 + idle * 0.5) / 0.5
    assert energy.average_power_w == pytest.approx(power)
    assert energy.dynamic_power_w == pytest.approx(2e6 * 1e-11 / 0.5)
    assert energy.j_per_inference == pytest.approx(5e5 * 1e-11 + 0.1 * idle)
    assert energy.battery_life_s == pytest.approx(2.0 * 3600 / power)
    assert energy.spikes_j_per_sample is None


def test_spikes_count_once_they_are_calibrated():
    calibrated = SPECK.model_copy(
        update={"energy": SPECK.energy.model_copy(update={"joules_per_spike": 1e-9})}
    )
    energy = dynamic_energy(0, calibrated, duration_s=1.0, spikes_per_sample=1000)
    assert energy.spikes_j_per_sample == pytest.approx(1e-6)
    assert energy.total_j_per_sample == pytest.approx(1e-6 + energy.static_w)


def test_what_is_not_known_is_not_zero():
    energy = dynamic_energy(1e6, load_profile("speck2edevkit"), duration_s=1.0, battery_wh=1.0)
    for name in ("static_w", "static_j_per_sample", "total_j_per_sample", "average_power_w",
                 "j_per_inference", "battery_life_s"):  # fmt: skip
        assert getattr(energy, name) is None
    assert any("no public figure" in line for line in energy.assumptions)


def test_a_sample_without_duration_has_no_power():
    energy = dynamic_energy(0, SPECK, duration_s=0.0, battery_wh=1.0)
    assert energy.average_power_w is None and energy.battery_life_s is None
    assert energy.static_j_per_sample == 0


def test_published_measurements_beside_the_model():
    rows = comparisons(SPECK)
    assert [row.published for row in rows] == list(PUBLISHED)
    assert rows[0].needed_low is None  # idle itself
    gesture = rows[2]
    assert gesture.needed_low == pytest.approx((9.5e-3 - SPECK.idle_power.total_w) / 1e-11)
    resting = SPECK.idle_power.rails["ram"] + SPECK.idle_power.rails["logic"]
    assert resting == pytest.approx(0.42e-3, rel=0.01)
