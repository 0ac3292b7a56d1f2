"""What stands for the values of a network while it is read."""

from __future__ import annotations

from dataclasses import dataclass

from dynapdeploy.events import Shape


@dataclass(frozen=True)
class Signal:
    """What a node puts out: its name, and its shape where that is known."""

    name: str
    shape: Shape | None

    @property
    def sizes(self) -> tuple:
        """What ``tensor.shape`` gives, :data:`NO_TENSOR` for what is not known.

        The batch never is. A map of one pixel may as well be a row of features.
        """
        if self.shape is None:
            return (NO_TENSOR,) * 4
        channels, height, width = self.shape
        known = height * width > 1
        return (NO_TENSOR, channels, *((height, width) if known else (NO_TENSOR, NO_TENSOR)))


NO_TENSOR = object()
"""Stands for a value that is computed but is no map: a size, a number."""
