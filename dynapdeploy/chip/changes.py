"""What can be changed about a layer so that the chip takes it, as data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

What = Literal[
    "features",
    "channels",
    "kernel",
    "stride",
    "padding",
    "padding_mode",
    "dilation",
    "groups",
    "bias",
    "pooling",
    "threshold",
    "lower_bound",
    "input_size",
    "removed",
]
Amount = int | float | str | tuple[int, int] | None
SEVERAL = "No single change is enough; `dynapdeploy check --suggest` looks for a set of them."


@dataclass(frozen=True)
class Change:
    """One change to one layer, after which it has to be trained again unless it keeps the function.

    Attributes:
        layer: name of the layer.
        what: ``features`` and ``channels``: output and input channels; ``kernel``: side of the
            square kernel; ``stride`` and ``padding``: (y, x); ``padding_mode``: ``"zeros"``;
            ``dilation`` and ``groups``: written out with zero weights, which keeps the function;
            ``bias``: None for none; ``pooling``: sum pooling of its spikes; ``threshold`` and
            ``lower_bound`` of its neurons; ``input_size``: largest height and width of the
            network's input; ``removed``: the layer is left out.
        value: the new value.
    """

    layer: str
    what: What
    value: Amount = None

    @property
    def text(self) -> str:
        """What to use, as the end of "Use ..."."""
        value = self.value
        pair = "x".join(map(str, value)) if isinstance(value, tuple) else value
        several = "" if value == 1 else "s"
        pool = f"sum or average pooling by {value} behind it" if value != 1 else "no pooling"
        return {
            "features": f"at most {value} output channel{several}",
            "channels": f"at most {value} input channel{several}",
            "kernel": f"a {value}x{value} kernel",
            "stride": f"stride {pair}",
            "padding": f"padding {pair}",
            "padding_mode": f'padding_mode="{value}"',
            "dilation": "a larger kernel with zeros between the weights",
            "groups": "one convolution with zero weights between the groups",
            "bias": "no bias",
            "pooling": pool,
            "threshold": f"threshold {value}",
            "lower_bound": f"lower bound {value}",
            "input_size": f"an input of at most {value}x{value}",
            "removed": f"the network without {self.layer}",
        }[self.what]

    def text_for(self, layer: str | None) -> str:
        """The same in a message about ``layer``, with the name where it is another one."""
        return self.text if self.layer in ("", layer) else f"{self.layer} with {self.text}"


def use_one_of(changes: Iterable[Change], layer: str | None) -> str:
    """``Use A, or B.``, in a message about ``layer``."""
    return f"Use {', or '.join(change.text_for(layer) for change in changes)}."
