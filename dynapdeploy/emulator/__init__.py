"""Emulation of a chip image: a plain reference and a fast engine that agree bit for bit."""

from dynapdeploy.emulator.emulation import Emulation, Settings
from dynapdeploy.emulator.engine import Emulator, emulate
from dynapdeploy.emulator.first_use import is_compiled, warm_up
from dynapdeploy.emulator.jitter import Jitter
from dynapdeploy.emulator.many import emulate_each, emulate_many
from dynapdeploy.emulator.readout import output_classes
from dynapdeploy.emulator.reference import emulate_by_reference

__all__ = [
    "Emulation",
    "Emulator",
    "Jitter",
    "Settings",
    "emulate",
    "emulate_by_reference",
    "emulate_each",
    "emulate_many",
    "is_compiled",
    "output_classes",
    "warm_up",
]
