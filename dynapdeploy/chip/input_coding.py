"""What is done to a sample before its events enter the entry cores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dynapdeploy.chip.fields import check_integer
from dynapdeploy.errors import ImageError


@dataclass(frozen=True)
class PixelCoding:
    """How a still image becomes events.

    A pixel of value v gives ``round(v * events_per_unit)`` events in its channel, spread over
    ``duration_us``: at even distances (``order="even"``) or at random times (``"random"``, by
    ``seed``).
    """

    events_per_unit: float
    duration_us: int = 100_000
    order: Literal["even", "random"] = "even"
    seed: int = 0

    def __post_init__(self) -> None:
        if not (0 < self.events_per_unit < float("inf")):
            raise ImageError(
                f"pixel coding: events_per_unit must be above 0, got {self.events_per_unit}"
            )
        check_integer(self.duration_us, 1, 2**40, "pixel coding", "duration_us")
        check_integer(self.seed, 0, 2**63 - 1, "pixel coding", "seed")
        if self.order not in ("even", "random"):
            raise ImageError(f"pixel coding: order must be even or random, got {self.order!r}")


@dataclass(frozen=True)
class InputCoding:
    """What is done to a sample before its events enter the entry cores.

    Attributes:
        merge_polarity: both polarities of a recording go to channel 0.
        pixels: how still images become events, None for nets that take recordings.
    """

    merge_polarity: bool = False
    pixels: PixelCoding | None = None
