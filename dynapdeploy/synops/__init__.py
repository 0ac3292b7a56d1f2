"""One counting of fan-out, SynOps, neurons and synapses for analog net, spiking net and image."""

from dynapdeploy.synops.count import Count, LayerCount, count
from dynapdeploy.synops.fanout import axis_reach, fanout_map, nominal_fanout, pool_back
from dynapdeploy.synops.paths import fanouts, paths, populations

__all__ = [
    "Count",
    "LayerCount",
    "axis_reach",
    "count",
    "fanout_map",
    "fanouts",
    "nominal_fanout",
    "paths",
    "pool_back",
    "populations",
]
