"""``SpeckConfiguration`` with the fields that public sources name, and no others (S8).

Defaults other than pooling 1 and the disabled switches are this double's own (S11: unknown);
both polarities are taken to be on, since sinabs never writes them.
"""

from __future__ import annotations

from typing import ClassVar

from samna_double.fields import Boolean, Choice, Fixed, Integer, Lists, Nested, Struct

CORES = 9
READOUT = 12


class Size(Struct):
    FIELDS: ClassVar[dict] = {"x": Integer(0, 255), "y": Integer(0, 255)}


class Switches(Struct):
    FIELDS: ClassVar[dict] = {"x": Boolean(), "y": Boolean()}


class Pooling(Struct):
    FIELDS: ClassVar[dict] = {"x": Choice(1, 2, 4), "y": Choice(1, 2, 4)}


class Map(Struct):
    FIELDS: ClassVar[dict] = {"size": Nested(Size), "feature_count": Integer(0, 1024)}


class CnnLayerDimensions(Struct):
    FIELDS: ClassVar[dict] = {
        "input_shape": Nested(Map),
        "output_shape": Nested(Map),
        "padding": Nested(Size),
        "stride": Nested(Size),
        "kernel_size": Integer(0, 255),
    }


class CnnLayerDestination(Struct):
    FIELDS: ClassVar[dict] = {
        "layer": Choice(*range(CORES), READOUT),
        "enable": Boolean(),
        "pooling": Choice(1, 2, 4),
        "feature_shift": Integer(0, 1023),
    }


class CnnLayerConfig(Struct):
    FIELDS: ClassVar[dict] = {
        "dimensions": Nested(CnnLayerDimensions),
        "weights": Lists(4, -128, 127),
        "biases": Lists(1, -32768, 32767),
        "neurons_initial_value": Lists(3, -32768, 32767),
        "threshold_high": Integer(-32768, 32767),
        "threshold_low": Integer(-32768, 32767),
        "leak_enable": Boolean(),
        "leak_internal_slow_clk_enable": Boolean(),
        "return_to_zero": Boolean(),
        "monitor_enable": Boolean(),
        "input_congestion_balancer_enable": Boolean(),
        "output_decimator_enable": Boolean(),
        "output_decimator_interval": Integer(0, 7),
        "destinations": Fixed(CnnLayerDestination, 2),
    }


class DvsLayerDestination(Struct):
    FIELDS: ClassVar[dict] = {"layer": Choice(*range(CORES)), "enable": Boolean()}


class DvsLayerConfig(Struct):
    FIELDS: ClassVar[dict] = {
        "merge": Boolean(),
        "mirror": Nested(Switches),
        "mirror_diagonal": Boolean(),
        "origin": Nested(Size),
        "cut": Nested(Size),
        "pooling": Nested(Pooling),
        "pass_sensor_events": Boolean(),
        "on_channel": Boolean(True),
        "off_channel": Boolean(True),
        "monitor_enable": Boolean(),
        "raw_monitor_enable": Boolean(),
        "destinations": Fixed(DvsLayerDestination, 2),
    }


class DvsFilterConfig(Struct):
    FIELDS: ClassVar[dict] = {
        "enable": Boolean(),
        "filter_size": Nested(Size),
        "threshold": Integer(0, 255),
        "hot_pixel_filter_enable": Boolean(),
        "low_pass_mode_enable": Boolean(),
        "internal_slow_clk": Boolean(),
    }


class ReadoutConfig(Struct):
    FIELDS: ClassVar[dict] = {
        "enable": Boolean(),
        "readout_configuration_sel": Integer(0, 3),
        "output_mode_sel": Integer(0, 3),
        "threshold": Integer(0, 65535),
        "low_pass_filter_disable": Boolean(),
        "low_pass_filter32_not16": Boolean(),
        "override_threshold_max": Boolean(),
        "readout_pin_monitor_enable": Boolean(),
        "monitor_enable": Boolean(),
        "output_neuron_num": Integer(0, 15),
        "internal_slow_clk": Boolean(),
    }


class FilterClock(Struct):
    FIELDS: ClassVar[dict] = {"filter_clk_enable": Boolean()}


class FactoryConfig(Struct):
    FIELDS: ClassVar[dict] = {
        "io_sel": Integer(0, 255),
        "internal_slow_clk_divider": Integer(14, 17, 14),
        "fast_output": Boolean(),
        "dvs_filter": Nested(FilterClock),
    }


class SpeckConfiguration(Struct):
    FIELDS: ClassVar[dict] = {
        "cnn_layers": Fixed(CnnLayerConfig, CORES),
        "dvs_layer": Nested(DvsLayerConfig),
        "dvs_filter": Nested(DvsFilterConfig),
        "readout": Nested(ReadoutConfig),
        "factory_config": Nested(FactoryConfig),
    }

    def copy(self) -> SpeckConfiguration:
        other = SpeckConfiguration()
        other.fill(self.as_dict())
        return other
