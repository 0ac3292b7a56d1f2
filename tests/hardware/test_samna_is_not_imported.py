"""No verb but those that need a board imports samna, and those only where it is the real one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from boards import HERE, REAL, chain, some_events

from dynapdeploy.cli.main import VERBS

POISON = "import pathlib\npathlib.Path({marker!r}).write_text('imported')\nraise SystemExit(99)\n"

EVERY_ARGUMENT = {
    "demo": ["--help"],
    "train": ["--data", "digits", "--model", "nowhere.py:build", "-o", "{folder}/run"],
    "check": ["all_convnet", "--device", "speck2fdevkit"],
    "convert": ["{here}/boards.py:nothing", "-o", "{folder}/x.dynap"],
    "flash": ["{folder}/chain.dynap", "--device", "unbounded"],
    "estimate": ["{folder}/chain.dynap", "--data", "events:{folder}/recording.npz"],
    "count": ["all_convnet"],
    "export": ["all_convnet", "--to", "nir", "-o", "{folder}/x.nir"],
    "devices": [],
    "profiles": [],
    "rules": [],
}


def run(arguments, path, **environment):
    return subprocess.run(
        [sys.executable, "-m", "dynapdeploy.cli.main", *arguments],
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join([str(path), str(HERE), str(HERE.parents[1])])}
        | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    import numpy as np

    folder = tmp_path_factory.mktemp("verbs")
    image = chain(device=REAL)
    image.save(folder / "chain.dynap")
    events = some_events(image, 200, 20_000)
    for field, size in zip("pyx", image.input_shape, strict=True):
        events[field][0] = size - 1
    np.savez(folder / "recording.npz", events=events)
    return folder


SCRIPT = """
import importlib, sys
from click.testing import CliRunner
from dynapdeploy.cli.main import VERBS, main
import json
arguments = json.loads(sys.argv[1])
for verb in VERBS:
    result = CliRunner().invoke(main, [verb, *arguments.get(verb, ["--help"])])
    print(verb, type(result.exception).__name__, result.exit_code)
    assert "samna" not in sys.modules, verb
for module in ("dynapdeploy.hardware.opening", "dynapdeploy.hardware.power",
               "dynapdeploy.hardware.export"):
    importlib.import_module(module)
assert "samna" not in sys.modules
"""


def test_no_verb_imports_the_stub(folder, tmp_path):
    """Each verb does its work, or refuses, with a poisoned stub of samna first on the path."""
    marker = tmp_path / "imported"
    (tmp_path / "samna.py").write_text("PYPI_SAMNA = True\n" + POISON.format(marker=str(marker)))
    arguments = {
        verb: [part.format(folder=folder, here=HERE) for part in parts]
        for verb, parts in EVERY_ARGUMENT.items()
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(arguments)],
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(HERE), str(HERE.parents[1])])},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert not marker.exists()
    assert len(done.stdout.splitlines()) == len(VERBS)


@pytest.mark.parametrize("verb", ["estimate"])
def test_other_verbs_do_not_import_a_real_one_either(folder, tmp_path, verb):
    marker = tmp_path / "imported"
    (tmp_path / "samna.py").write_text(POISON.format(marker=str(marker)))
    arguments = [part.format(folder=folder, here=HERE) for part in EVERY_ARGUMENT[verb]]
    run([verb, *arguments], tmp_path)
    assert not marker.exists()


def test_the_poison_works(tmp_path):
    marker = tmp_path / "imported"
    (tmp_path / "samna.py").write_text(POISON.format(marker=str(marker)))
    run(["devices"], tmp_path)
    assert marker.exists()
    marker.unlink()
    (tmp_path / "samna.py").write_text("PYPI_SAMNA = True\n" + POISON.format(marker=str(marker)))
    assert run(["devices"], tmp_path).returncode == 0
    assert not marker.exists()
