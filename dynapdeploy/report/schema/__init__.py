"""The JSON results of the command line as schemas, generated from one model per verb.

``python -m dynapdeploy.report.schema FOLDER`` writes them as files.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from dynapdeploy.errors import InputError
from dynapdeploy.files import output_folder, write_text
from dynapdeploy.report.schema import making, running
from dynapdeploy.report.schema.common import SCHEMA_VERSION, Result

MODELS: dict[str, type[Result]] = {
    "benchmark": making.Benchmark,
    "check": making.Check,
    "convert": making.Convert,
    "count": making.CountResult,
    "demo": running.Demo,
    "devices": making.Devices,
    "diff": running.Diff,
    "estimate": running.Estimate,
    "flash": running.Flash,
    "power": running.Power,
    "profiles": making.Profiles,
    "report": running.Report,
    "rules": making.Rules,
    "sweep": making.Sweep,
    "train": making.Train,
    "validate": running.Validate,
}
"""Models by verb; a verb that is not here gives a plain :class:`Result`."""


def check_result(content: Any) -> Result:
    """A result of the command line, checked against the schema of its verb.

    Raises:
        InputError: it does not follow the schema; the first place where it does not is named.
    """
    command = content.get("command") if isinstance(content, dict) else None
    model = MODELS.get(command, Result) if isinstance(command, str) else Result
    try:
        return model.model_validate_json(json.dumps(content))
    except ValidationError as fault:
        first = fault.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(f"result of {command}: {place}: {first['msg']}") from None


def schema(verb: str) -> dict[str, Any]:
    """The JSON schema of a verb's result."""
    found = MODELS[verb].model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"dynapdeploy-{verb}-{SCHEMA_VERSION}",
        **found,
    }


def write_schemas(folder) -> None:
    """Write one file per verb. Raises ``OutputError``."""
    target = output_folder(folder)
    for verb in MODELS:
        write_text(target / f"{verb}.json", json.dumps(schema(verb), indent=2) + "\n")
