"""What runs a chip image: the emulator or a board, behind one interface."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Protocol

import numpy as np

from dynapdeploy.chip.image import ChipImage

Watch = Callable[[np.ndarray], None]
"""Takes output events as they come."""


@dataclass(frozen=True, eq=False)
class Response:
    """What came back for one recording.

    Attributes:
        events: output events in the order of their coming, ``p`` the feature, pooled; ``t`` in us:
            that of the causing input event (emulator), or when the spike left the chip (board).
        monitored: un-pooled spikes of the cores that were monitored, by physical id.
        readout: values of the readout layer, uint32, 21 bits each as the datasheet's table 6 says;
            empty where it is not used.
        late: events that came with a time before that of their predecessor, and were sorted in.
        duration_s: from the first input event to the last that came back.
        spikes: per core; None where only the monitored ones are known.
        synops: additions per core; None where they cannot be known.
    """

    events: np.ndarray
    monitored: Mapping[int, np.ndarray]
    readout: np.ndarray = field(default_factory=lambda: np.empty(0, np.uint32))
    late: int = 0
    duration_s: float = 0.0
    spikes: Mapping[int, int] | None = None
    synops: Mapping[int, int] | None = None


class Target(Protocol):
    """Runs chip images. A context: leaving it hands the board back, whatever happened.

    Attributes:
        kind: ``"emulator"`` or ``"board"``.
        name: what it is, for people.
        keeps_time: output events carry the time of the input event that caused them.
    """

    @property
    def kind(self) -> Literal["emulator", "board"]: ...

    @property
    def name(self) -> str: ...

    @property
    def keeps_time(self) -> bool: ...

    def __enter__(self) -> Target: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def load(self, image: ChipImage, monitor: Sequence[int] = ()) -> None:
        """Write ``image``; its neurons start from their initial states.

        Args:
            monitor: cores whose spikes are to be returned too.

        Raises:
            Mismatch: the image does not go onto this target.
            BoardFault: the board failed.
        """
        ...

    def reset(self) -> None:
        """Put the states of all neurons back to where they were after :meth:`load`."""
        ...

    def stream(
        self, events: np.ndarray, *, stretch: float = 1.0, watch: Watch | None = None
    ) -> Response:
        """Send a recording and take what comes back, to the last event.

        Args:
            events: in the image's input map, times in us.
            stretch: times are multiplied by it on the way; 0 for as fast as possible.
            watch: is given the output events as they come.

        Raises:
            DataError: the events do not lie in the image's input map.
            BoardFault: the board failed.
        """
        ...
