"""The paper's net on real recordings, as a user trains it."""

import pytest

from dynapdeploy.training.settings import TrainingSettings
from dynapdeploy.training.trainer import train


@pytest.mark.slow
def test_net_of_the_paper_learns_nmnist_and_survives_the_chip(data_folder, tmp_path):
    run = train(TrainingSettings(data=f"nmnist:{data_folder}/nmnist", model="mnist_dvs"), tmp_path)
    stages = run.metrics["stages"]
    assert stages["qrelu"]["samples"] == stages["emulator"]["samples"] == 60
    assert stages["qrelu"]["accuracy"] >= 0.9
    assert stages["emulator"]["accuracy"] >= 0.75
    assert stages["emulator"]["accuracy"] > stages["emulator_untuned"]["accuracy"]
