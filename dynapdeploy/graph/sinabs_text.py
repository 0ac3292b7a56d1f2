"""The few lines of Python that build a spiking network again."""

from __future__ import annotations

from collections.abc import Sequence

from dynapdeploy.graph.layer_plan import Step

HEAD = '''"""{title}

Events as maps [batch * time, channels, height, width] go in, spikes come out.
"""

from collections import OrderedDict
from pathlib import Path

import sinabs.activation
import sinabs.layers as sl
import torch
from safetensors.torch import load_file
from torch import nn

WEIGHTS = Path(__file__).with_name({weights!r})


def layers(batch_size):
    return OrderedDict(
        [
{layers}
        ]
    )

'''

CHAIN = """
def build(batch_size=1):
    network = nn.Sequential(layers(batch_size))
    network.load_state_dict(load_file(WEIGHTS), strict=False)
    return network.eval()
"""

BRANCHES = """
class Network(nn.Module):
    def __init__(self, batch_size):
        super().__init__()
        self.layers = nn.ModuleDict(layers(batch_size))

    def forward(self, x0):
        layers = self.layers
{calls}


def build(batch_size=1):
    network = Network(batch_size)
    network.layers.load_state_dict(load_file(WEIGHTS), strict=False)
    return network.eval()
"""


def sinabs_text(steps: Sequence[Step], chain: bool, weights: str, source: str) -> str:
    """A Python module with ``build(batch_size=1)``.

    Args:
        steps: the layers, in order.
        chain: whether each feeds the next.
        weights: name of the safetensors file beside it.
        source: what the network was read from.
    """
    listed = "\n".join(f"            ({s.name!r}, {_constructor(s)})," for s in steps if s.is_layer)
    plain = "".join(c for c in source if c.isprintable() and c not in "\\\"'{}")
    head = HEAD.format(
        title=f"The spiking network of {plain}.", weights=weights, layers=listed or "            "
    )
    return head + (CHAIN if chain else BRANCHES.format(calls="\n".join(_calls(steps))))


def _constructor(step: Step) -> str:
    arguments = {key: repr(value) for key, value in step.arguments.items()}
    if step.kind == "sl.IAFSqueeze":
        arguments["spike_threshold"] = f"torch.tensor({float(step.arguments['spike_threshold'])!r})"
        arguments["reset_fn"] = f"sinabs.activation.{step.arguments['reset_fn']}()"
        arguments["batch_size"] = "batch_size"
    return f"{step.kind}({', '.join(f'{key}={value}' for key, value in arguments.items())})"


def _calls(steps: Sequence[Step]) -> list[str]:
    variables: dict[str, str] = {}
    lines: list[str] = []
    results: list[str] = []
    for step in steps:
        feeding = [variables[other] for other in step.feeding]
        if step.kind == "output":
            results.append(feeding[0])
            continue
        variable = variables[step.name] = f"x{len(variables)}"
        if step.kind == "add":
            lines.append(f"{variable} = {' + '.join(feeding)}")
        elif step.kind == "cat":
            lines.append(f"{variable} = torch.cat([{', '.join(feeding)}], 1)")
        elif step.kind != "input":
            lines.append(f"{variable} = layers[{step.name!r}]({feeding[0]})")
    lines.append(f"return {', '.join(results)}")
    return [f"        {line}" for line in lines]
