"""A training that takes about a second."""

import pytest
from tiny_recordings import write_net, write_recordings

from dynapdeploy.training.settings import TrainingSettings


@pytest.fixture(scope="session")
def tiny_settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    data = f"nmnist:{write_recordings(folder / 'data')}"
    return TrainingSettings(
        data=data, model=write_net(folder), epochs=2, batch=16, finetune_epochs=1, threads=1
    )
