"""Hardware profiles: what a chip has, read from ``hardware_profiles/*.toml``.

A new chip is a new file. ``base = "..."`` takes another file's values first. A limit that is
left out (None) does not exist on that chip.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dynapdeploy.errors import ProfileError

_PLACES = (
    Path(__file__).parents[1] / "hardware_profiles",
    Path(__file__).parents[2] / "hardware_profiles",
)
LARGEST_FILE = 1_000_000
LONGEST_BASE_CHAIN = 8


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class CoreMemory(_Frozen):
    """Memory of one core in words: kernel 8 bit, neuron 16 bit, bias 16 bit."""

    kernel: int = Field(ge=0)
    neuron: int = Field(ge=0)
    bias: int = Field(ge=0)


class Limits(_Frozen):
    """Limits of one core; None (or an empty list) where there is none."""

    input_map: int | None = None
    neuron_map: int | None = None
    channels: int | None = None
    kernel: int | None = None
    strides: tuple[int, ...] = Field(default=(), strict=False)
    padding: int | None = None
    pooling: tuple[int, ...] = Field(default=(), strict=False)
    destinations: int = 2
    readout_classes: int | None = None


class Energy(_Frozen):
    """Joules per synaptic operation, with the range and the source of the figure.

    ``joules_per_spike`` is for those who have calibrated their board; None elsewhere.
    """

    joules_per_synop: float = Field(gt=0)
    joules_per_synop_low: float = Field(gt=0)
    joules_per_synop_high: float = Field(gt=0)
    joules_per_spike: float | None = Field(default=None, gt=0)
    source: str


class IdlePower(_Frozen):
    """What each supply rail draws while nothing happens, in watts, and where the figures come from.

    ``uncertainty_w`` is the offset that each rail's reading may have.
    """

    rails: dict[str, float]
    uncertainty_w: float = Field(default=0.0, ge=0)
    source: str

    @property
    def total_w(self) -> float:
        """All rails together."""
        return sum(self.rails.values())


class Board(_Frozen):
    """How samna names the board, and the module that configures its chip."""

    device_type: str
    samna_module: str


class Profile(_Frozen):
    """One chip, as its file describes it.

    Attributes:
        cores: memory by physical core id; empty with ``unlimited_cores``.
        parallel_cores: cores whose internal event order the hardware does not fix.
        decimator: whether the cores have an output decimator.
        idle_power: of the supply rails; None where no public figure exists.
        event_filter: whether the sensor's layer has an event filter; None where the public sources
            contradict each other or say nothing.
        readout_stride: class k is read from channel ``readout_stride * (k - 1)`` by the readout
        layer. board: how to reach it; None for chips that can be checked but not flashed.
    """

    name: str
    title: str
    source: str = ""
    note: str = ""
    limits: Limits
    energy: Energy
    idle_power: IdlePower | None = None
    cores: tuple[CoreMemory, ...] = Field(default=(), strict=False)
    unlimited_cores: bool = False
    parallel_cores: tuple[int, ...] = Field(default=(), strict=False)
    decimator: bool = False
    event_filter: bool | None = None
    readout_stride: int = 1
    board: Board | None = None

    def largest(self, kind: str) -> int | None:
        """Words of the largest ``kind`` (kernel, neuron, bias) memory; None if unlimited."""
        if self.unlimited_cores:
            return None
        return max(getattr(core, kind) for core in self.cores)

    @property
    def reproducible_first(self) -> tuple[int, ...]:
        """Core ids, those whose event order is fixed before the parallel ones."""
        ids = range(len(self.cores))
        return tuple(sorted(ids, key=lambda i: (i in self.parallel_cores, i)))


def profile_names() -> tuple[str, ...]:
    """Names of the profiles that come with the package, sorted."""
    return tuple(sorted(path.stem for path in _folder().glob("*.toml")))


@cache
def load_profile(name: str) -> Profile:
    """The profile with this name, or in this ``.toml`` file.

    Raises:
        ProfileError: there is no such profile (the known ones are listed), or its file is
        malformed.
    """
    if not isinstance(name, str):
        raise ProfileError(f"a device is named by text, got {name!r}")
    if not name.endswith(".toml"):
        known = profile_names()
        if name not in known:
            near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.4)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise ProfileError(f"unknown device {name!r}.{hint} Known: {', '.join(known)}")
        return _parse(_folder() / f"{name}.toml", name)
    return _parse(Path(name), name)


def _folder() -> Path:
    for place in _PLACES:
        if place.is_dir():
            return place
    raise ProfileError("the hardware profiles are missing from this installation")


def _parse(path: Path, name: str) -> Profile:
    values = _read(path)
    seen = [path]
    while "base" in values:
        file = f"{values.pop('base')}.toml"
        near, ours = path.parent / file, _folder() / file
        base = next((p for p in (near, ours) if os.path.exists(p)), _folder() / "base" / file)
        if base in seen or len(seen) > LONGEST_BASE_CHAIN:
            raise ProfileError(f"profile {path}: its bases form a loop")
        seen.append(base)
        values = _merged(_read(base), values)
    values["name"] = name
    try:
        profile = Profile.model_validate(values)
    except ValidationError as fault:
        first = fault.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ProfileError(f"profile {path}: {place}: {first['msg']}") from None
    if bool(profile.cores) == profile.unlimited_cores:
        raise ProfileError(f"profile {path}: it needs either cores or unlimited_cores = true")
    return profile


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ProfileError(f"profile {path}: larger than {LARGEST_FILE:,} bytes")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as fault:
        raise ProfileError(f"cannot read the profile {path}: {fault.strerror or fault}") from fault
    except (ValueError, RecursionError) as fault:  # no TOML, no UTF-8, or a name with a zero in it
        raise ProfileError(f"profile {path} is not TOML: {fault}") from fault


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = _merged(base[key], value) if both else value
    return merged
