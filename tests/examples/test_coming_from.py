"""Every command and call of ours that ``docs/coming_from.md`` names exists."""

import importlib
import re
from pathlib import Path

import pytest

from dynapdeploy.cli.main import VERBS

TEXT = (Path(__file__).parents[2] / "docs" / "coming_from.md").read_text()
COMMANDS = re.findall(r"`dynapdeploy (\w+)([^`]*)`", TEXT)


def test_commands_are_named():
    assert len(COMMANDS) > 20


@pytest.mark.parametrize(("verb", "options"), COMMANDS)
def test_options_exist(verb, options):
    assert verb in VERBS
    command = importlib.import_module(f"dynapdeploy.cli.{verb}").command
    known = {name for option in command.params for name in option.opts + option.secondary_opts}
    assert set(re.findall(r"(?<= )--?[a-z][\w-]*", options)) <= known


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("dynapdeploy", "convert"),
        ("dynapdeploy.synops", "SynOpCounter"),
        ("dynapdeploy.synops", "synop_rows"),
        ("dynapdeploy.graph", "read_torch"),
        ("dynapdeploy.graph", "to_sinabs"),
        ("dynapdeploy.graph.normalise", "normalise"),
    ],
)
def test_calls_exist(module, name):
    assert f"{name}(" in TEXT
    assert hasattr(importlib.import_module(module), name)
