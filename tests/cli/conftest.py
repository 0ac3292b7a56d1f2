"""Runs the command in this process and gives back exit code, stdout and stderr."""

import sys
from dataclasses import dataclass

import pytest

from dynapdeploy.cli.main import run


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


@pytest.fixture
def dynapdeploy(capsys, monkeypatch):
    """``dynapdeploy("check", source, ...)`` as on the command line."""

    def call(*words) -> Result:
        monkeypatch.setattr(sys, "argv", ["dynapdeploy", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            run()
        out, err = capsys.readouterr()
        code = stop.value.code
        return Result(code if isinstance(code, int) else 0, out, err)

    return call


@pytest.fixture(scope="session")
def net_file(tmp_path_factory):
    """A file with factories of networks, good and bad."""
    path = tmp_path_factory.mktemp("nets") / "nets.py"
    path.write_text(
        """
import torch
from torch import nn


def net(*layers):
    torch.manual_seed(0)
    return nn.Sequential(*layers)


def good():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, bias=False), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(4 * 9 * 9, 10, bias=False), nn.ReLU(),
    )


def biased():
    return nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU())


def max_pooling():
    return nn.Sequential(nn.Conv2d(2, 4, 3, bias=False), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Conv2d(4, 4, 3, bias=False), nn.ReLU())


def rectangular():
    return nn.Sequential(nn.Conv2d(2, 4, (3, 5), bias=False), nn.ReLU())


def sigmoid():
    return nn.Sequential(nn.Conv2d(2, 4, 3, bias=False), nn.Sigmoid())


def forty():
    layers = []
    for _ in range(40):
        layers += [nn.Conv2d(2, 2, 3, padding=1, bias=False), nn.ReLU()]
    return nn.Sequential(*layers)


def broken():
    raise RuntimeError("no weights today")


def number():
    return 3


value = 4
"""
    )
    return path


@pytest.fixture(scope="session")
def image_file(net_file, tmp_path_factory):
    """A chip image of the good network."""
    import dynapdeploy

    path = tmp_path_factory.mktemp("images") / "good.dynap"
    dynapdeploy.convert(f"{net_file}:good", input_shape=(2, 20, 20)).save(path)
    return path


@pytest.fixture(scope="session")
def recording_file(tmp_path_factory):
    """A recording of 500 events on 20x20 pixels."""
    import numpy as np

    from dynapdeploy.events import make_events

    random = np.random.default_rng(0)
    events = make_events(
        np.sort(random.integers(0, 100_000, 500)),
        random.integers(0, 20, 500),
        random.integers(0, 20, 500),
        random.integers(0, 2, 500),
    )
    path = tmp_path_factory.mktemp("recordings") / "recording.npy"
    np.save(path, events)
    return path
