"""Energy, accuracy and load of a chip image, from runs in the emulator."""

from dynapdeploy.estimate.energy import Energy, dynamic_energy
from dynapdeploy.estimate.estimate import Estimate, LayerCost, Spread, estimate
from dynapdeploy.estimate.outcome import Outcome, check_match, decide, outcomes

__all__ = [
    "Energy",
    "Estimate",
    "LayerCost",
    "Outcome",
    "Spread",
    "check_match",
    "decide",
    "dynamic_energy",
    "estimate",
    "outcomes",
]
