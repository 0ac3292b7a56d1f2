"""Energy, accuracy, load and latency of a chip image, from runs in the emulator."""

from dynapdeploy.estimate.energy import Energy, dynamic_energy
from dynapdeploy.estimate.estimate import Estimate, LayerCost, Spread, estimate
from dynapdeploy.estimate.latency import Latency
from dynapdeploy.estimate.load import CoreLoad, Load
from dynapdeploy.estimate.outcome import Outcome, check_match, decide, outcomes
from dynapdeploy.estimate.timing import Timing

__all__ = [
    "CoreLoad",
    "Energy",
    "Estimate",
    "Latency",
    "LayerCost",
    "Load",
    "Outcome",
    "Spread",
    "Timing",
    "check_match",
    "decide",
    "dynamic_energy",
    "estimate",
    "outcomes",
]
