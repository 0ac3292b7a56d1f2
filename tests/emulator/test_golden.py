"""Stored runs give what they gave, so that no change of semantics passes unnoticed."""

import json

import pytest
from golden_cases import FOLDER, events_from_text, image_from_text, result_as_text

from dynapdeploy.emulator import Jitter, Settings, emulate, emulate_by_reference

NAMES = sorted(file.stem for file in FOLDER.glob("*.json"))


def counted(image, events, **asked):
    return emulate(image, events, saturations=True, peak_queue=True, **asked)


@pytest.mark.parametrize("run", [emulate_by_reference, counted], ids=["reference", "engine"])
@pytest.mark.parametrize("name", NAMES)
def test_stored_run(name, run):
    stored = json.loads((FOLDER / f"{name}.json").read_text())
    image = image_from_text(stored["image"])
    found = run(
        image,
        events_from_text(stored["events"]),
        monitor=[image.cores[0].core],
        settings=Settings(**stored["settings"]),
        jitter=None if stored["jitter"] is None else Jitter(**stored["jitter"]),
    )
    assert result_as_text(found) == stored["result"]


def test_stored_runs_are_worth_comparing():
    assert len(NAMES) == 8
    for name in NAMES:
        result = json.loads((FOLDER / f"{name}.json").read_text())["result"]
        assert sum(result["spikes"].values()) + sum(result["saturated_high"].values()) > 5, name
        assert name == "wrapping" or len(result["events"]) > 4, name
