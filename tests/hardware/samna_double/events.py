"""The event structures of S21, a set of classes per chip; only fields that they have."""

from __future__ import annotations

from types import SimpleNamespace

from samna_double.fields import Boolean, Integer, Struct

U8, U16, U32 = Integer(0, 2**8 - 1), Integer(0, 2**16 - 1), Integer(0, 2**32 - 1)
I8, I16 = Integer(-(2**7), 2**7 - 1), Integer(-(2**15), 2**15 - 1)
NEURON = {"layer": U8, "address": U32}

KINDS = {
    "Spike": {"layer": U8, "feature": U16, "y": U8, "x": U8, "timestamp": U32},
    "DvsEvent": {"p": Boolean(), "y": U8, "x": U8, "timestamp": U32},
    "ReadNeuronValue": NEURON,
    "WriteNeuronValue": NEURON | {"neuron_state": I16},
    "NeuronValue": NEURON | {"neuron_state": I16},
    "ReadoutValue": {"value": U32},
    "ReadoutPinValue": {"index": U8, "timestamp": U32},
    "KillSensorPixel": {"y": U8, "x": U8},
    "RegisterValue": {"address": U16, "data": U8},
}
INPUTS = ("Spike", "DvsEvent", "ReadNeuronValue", "WriteNeuronValue", "KillSensorPixel")
MEASUREMENT = {"channel": Integer(0, 4), "value": None, "timestamp": U32}


def event_classes() -> SimpleNamespace:
    return SimpleNamespace(
        **{name: type(name, (Struct,), {"FIELDS": fields}) for name, fields in KINDS.items()}
    )
