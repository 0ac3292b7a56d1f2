"""Everything the package refuses, in one tree.

::

    DeployError                 any refusal; ``exit_code`` is what the command line returns
    ├── CheckFailed        (1)  the net does not fit the chip; ``diagnostics`` says why
    ├── Mismatch           (1)  two things that must agree do not (image and device, image and data)
    ├── TrainingFailed     (1)  training cannot go on (a loss that is not a number)
    ├── InputError         (2)  an input that cannot be read or makes no sense
    │   ├── SourceError         the network: a file, a module, its weights
    │   ├── ImageError          a chip image or its file
    │   ├── DataError           recordings, events, labels
    │   ├── ProfileError        a hardware profile
    │   └── OutputError         a path that cannot be written
    └── EnvironmentLacks   (3)  a board, samna or an extra package is missing
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dynapdeploy.chip.diagnostics import Diagnostic


class DeployError(Exception):
    """Base of every refusal of this package."""

    exit_code = 1


class CheckFailed(DeployError):
    """The network does not fit the chip. ``diagnostics`` holds every violation and every advice."""

    def __init__(self, diagnostics: Sequence[Diagnostic]):
        self.diagnostics = list(diagnostics)
        errors = [str(d) for d in self.diagnostics if d.severity == "error"]
        super().__init__("\n".join(errors))


class Mismatch(DeployError):
    """Two things that must agree do not."""


class TrainingFailed(DeployError):
    """Training cannot go on."""


class InputError(DeployError):
    """An input that cannot be read or makes no sense."""

    exit_code = 2


class SourceError(InputError):
    """A network that cannot be read."""


class ImageError(InputError):
    """A chip image, or its file, that is damaged or contradicts itself."""


class DataError(InputError):
    """Recordings, events or labels that cannot be used."""


class ProfileError(InputError):
    """A hardware profile that is unknown or malformed."""


class OutputError(InputError):
    """A result that cannot be written where it was asked for."""


class EnvironmentLacks(DeployError):
    """A board, samna or an extra package is missing."""

    exit_code = 3
