"""One counting of fan-out, SynOps, neurons and synapses for analog net, spiking net and image."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from dynapdeploy.synops.count import Count, LayerCount, count
from dynapdeploy.synops.fanout import axis_reach, fanout_map, nominal_fanout, pool_back
from dynapdeploy.synops.paths import fanouts, paths, populations

if TYPE_CHECKING:
    from dynapdeploy.synops.counter import SynOpCounter
    from dynapdeploy.synops.table import SynOpRow, synop_rows

_LATE = {"SynOpCounter": "counter", "SynOpRow": "table", "synop_rows": "table"}

__all__ = [
    "Count",
    "LayerCount",
    "SynOpCounter",
    "SynOpRow",
    "axis_reach",
    "count",
    "fanout_map",
    "fanouts",
    "nominal_fanout",
    "paths",
    "pool_back",
    "populations",
    "synop_rows",
]


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_LATE[name]}"), name)
