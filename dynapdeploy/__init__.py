"""Train, check, quantize, place, emulate and flash spiking CNNs for DynapCNN-style chips.

Importing this package imports neither torch nor sinabs, and never samna: every name below is loaded
when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "pipeline": ("check", "compile_source", "convert"),
    "chip.image": (
        "ChipImage",
        "CoreImage",
        "Destination",
        "SelfTest",
    ),
    "chip.input_coding": ("InputCoding", "PixelCoding"),
    "chip.sensor": ("EventFilter", "Sensor"),
    "chip.image_file": ("load_image",),
    "chip.diagnostics": ("Diagnostic",),
    "chip.profile": ("Profile", "load_profile", "profile_names"),
    "emulator": ("Emulation", "Emulator", "Jitter", "Settings", "emulate", "emulate_many"),
    "synops": ("count",),
    "errors": (
        "CheckFailed",
        "DataError",
        "DeployError",
        "EnvironmentLacks",
        "ImageError",
        "InputError",
        "Mismatch",
        "OutputError",
        "ProfileError",
        "SourceError",
        "TrainingFailed",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)

if TYPE_CHECKING:
    from dynapdeploy.chip.diagnostics import Diagnostic
    from dynapdeploy.chip.image import ChipImage, CoreImage, Destination, SelfTest
    from dynapdeploy.chip.image_file import load_image
    from dynapdeploy.chip.input_coding import InputCoding, PixelCoding
    from dynapdeploy.chip.profile import Profile, load_profile, profile_names
    from dynapdeploy.chip.sensor import EventFilter, Sensor
    from dynapdeploy.emulator import (
        Emulation,
        Emulator,
        Jitter,
        Settings,
        emulate,
        emulate_many,
    )
    from dynapdeploy.errors import (
        CheckFailed,
        DataError,
        DeployError,
        EnvironmentLacks,
        ImageError,
        InputError,
        Mismatch,
        OutputError,
        ProfileError,
        SourceError,
        TrainingFailed,
    )
    from dynapdeploy.pipeline import check, compile_source, convert
    from dynapdeploy.synops import count


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
