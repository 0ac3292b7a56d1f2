"""What a rule says about a layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dynapdeploy.chip.changes import Change

Severity = Literal["error", "warning", "advice"]
Value = int | float | str | None


@dataclass(frozen=True)
class Diagnostic:
    """One violation or advice.

    Attributes:
        rule: its number in the catalogue, for instance ``DYN021``.
        severity: ``error``: the chip cannot do it; ``warning``: it can, but a user may regret it;
            ``advice``: worth knowing.
        layer: name of the layer, None if it is about the whole net.
        core: physical id, None before placement.
        message: what the layer has and what the limit is.
        actual: what the layer has.
        limit: what the chip allows.
        fix: what to do about it.
        changes: the same as data: any one of them ends this diagnostic (see
            :func:`dynapdeploy.chip.remedy.apply`). Empty where no change of size does.
    """

    rule: str
    severity: Severity
    layer: str | None
    message: str
    actual: Value = None
    limit: Value = None
    fix: str = ""
    core: int | None = None
    changes: tuple[Change, ...] = ()

    def __str__(self) -> str:
        about = f" {self.layer}" if self.layer else ""
        fix = f" {self.fix}" if self.fix else ""
        return f"{self.rule}{about}: {self.message}.{fix}"
