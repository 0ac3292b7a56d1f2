"""What a board does instead of its work.

::

    EnvironmentLacks (3)
    └── BoardFault       the board or its library failed, or went away
        └── BoardTimeout no answer within the time allowed
"""

from __future__ import annotations

from dynapdeploy.errors import EnvironmentLacks


class BoardFault(EnvironmentLacks):
    """The board, or the library that drives it, failed."""


class BoardTimeout(BoardFault):
    """The board did not answer in time."""
