"""The rules of the chip: each is one small function, its docstring the text of the catalogue.

``run`` applies all of them, always; ``RULES`` is the catalogue in the order of the numbers.
"""

from dynapdeploy.chip.rules import (
    geometry,
    memory,
    neurons,
    placement,
    pooling,
    quantization,
    sensor,
    structure,
)
from dynapdeploy.chip.rules.rule import Finding, Rule, Subject, catalogue, run

RULES = catalogue(structure, geometry, memory, placement, pooling, neurons, quantization, sensor)

__all__ = ["RULES", "Finding", "Rule", "Subject", "check_rules"]


def check_rules(subject: Subject):
    """All findings of all rules about ``subject``, errors first, each kind layer by layer."""
    return run(RULES, subject)
