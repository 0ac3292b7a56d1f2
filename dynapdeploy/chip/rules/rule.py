"""What a rule is, what it looks at, and how the catalogue is made."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType

from dynapdeploy.chip.changes import Change, use_one_of
from dynapdeploy.chip.diagnostics import Diagnostic, Severity, Value
from dynapdeploy.chip.lower import Layer, Network
from dynapdeploy.chip.place import Demand, Placement
from dynapdeploy.chip.profile import Profile
from dynapdeploy.chip.quantize import QuantizedLayer
from dynapdeploy.chip.sensor import Sensor


@dataclass(frozen=True)
class Subject:
    """What the rules look at: the lowered net, what was made of it so far, and the chip.

    Attributes:
        quantized: by layer name; layers that cannot be quantized are left out.
        placement: where the layers go, as far as they find room.
        allow_bias: the user accepts biases as a leak at every tick of the slow clock.
        pinned: cores the user chose, by layer name.
        sensor: the camera's layer in front of the net, None for none.
    """

    network: Network
    profile: Profile
    demands: Mapping[str, Demand]
    quantized: Mapping[str, QuantizedLayer] = field(default_factory=dict)
    placement: Placement = field(default_factory=lambda: Placement({}))
    allow_bias: bool = False
    pinned: Mapping[str, int] = field(default_factory=dict)
    sensor: Sensor | None = None

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, in topological order."""
        return self.network.layers


@dataclass(frozen=True)
class Finding:
    """What a rule found; the rule adds its number and severity.

    Attributes:
        fix: what to do; empty: to make one of ``changes``.
        changes: each of them ends the finding.
        otherwise: what to do where ``changes`` is empty.
    """

    layer: str | None
    message: str
    actual: Value = None
    limit: Value = None
    fix: str = ""
    changes: tuple[Change, ...] = ()
    otherwise: str = ""

    @property
    def advice(self) -> str:
        """What to do about it, in words."""
        return self.fix or (
            use_one_of(self.changes, self.layer) if self.changes else self.otherwise
        )


Check = Callable[[Subject], Iterator[Finding]]


@dataclass(frozen=True)
class Rule:
    """One entry of the catalogue."""

    number: str
    severity: Severity
    check: Check

    @property
    def title(self) -> str:
        """First line of the docstring."""
        return (inspect.getdoc(self.check) or "").partition("\n")[0]

    @property
    def text(self) -> str:
        """The docstring after its first line."""
        return (inspect.getdoc(self.check) or "").partition("\n")[2].strip()


def rule(number: str, severity: Severity) -> Callable[[Check], Check]:
    """Mark a function as the rule ``number`` of the catalogue."""

    def mark(check: Check) -> Check:
        check.__dict__["rule"] = Rule(number, severity, check)
        return check

    return mark


def catalogue(*modules: ModuleType) -> tuple[Rule, ...]:
    """All rules of these modules, by number."""
    found = [
        value.__dict__["rule"]
        for module in modules
        for value in vars(module).values()
        if inspect.isfunction(value)
        and value.__module__ == module.__name__
        and "rule" in value.__dict__
    ]
    return tuple(sorted(found, key=lambda entry: entry.number))


def run(rules: Sequence[Rule], subject: Subject) -> list[Diagnostic]:
    """Apply every rule and return all that they say: errors first, then layer by layer."""
    diagnostics = [
        Diagnostic(
            rule=entry.number,
            severity=entry.severity,
            layer=finding.layer,
            core=subject.placement.cores.get(finding.layer or ""),
            message=finding.message,
            actual=finding.actual,
            limit=finding.limit,
            fix=finding.advice,
            changes=finding.changes,
        )
        for entry in rules
        for finding in entry.check(subject)
    ]
    weight = {"error": 0, "warning": 1, "advice": 2}
    place = {layer.name: i for i, layer in enumerate(subject.layers)}
    return sorted(diagnostics, key=lambda d: (weight[d.severity], place.get(d.layer or "", -1)))
