"""Stored runs: small images, their input, and what the emulator made of it then.

``python golden_cases.py`` writes the files anew, from the reference. Only a deliberate change of
semantics gives a reason to.
"""

import json
from pathlib import Path

import numpy as np

from dynapdeploy.chip.image import ChipImage, CoreImage, Destination
from dynapdeploy.emulator import Emulation, Jitter, Settings, emulate_by_reference
from dynapdeploy.events import EVENT, make_events

FOLDER = Path(__file__).parent / "golden"


def spread(count, factor, low, high):
    """``count`` integers from ``low`` to ``high`` that look random and come from no generator."""
    mixed = (np.arange(count, dtype=np.int64) * factor + 12345) * 2654435761 % 2**32
    return low + (mixed >> 16) % (high - low + 1)


def core(number, shape, features, kernel, destinations, stride=(1, 1), padding=(0, 0), **more):
    size = features * shape[0] * kernel[0] * kernel[1]
    out = [
        (s + 2 * p - k) // t + 1
        for s, p, k, t in zip(shape[1:], padding, kernel, stride, strict=True)
    ]
    values = {
        "core": number,
        "name": f"layer{number}",
        "weights": spread(size, 7 + number, -60, 100).reshape(features, shape[0], *kernel),
        "input_shape": shape,
        "output_shape": (features, *out),
        "stride": stride,
        "padding": padding,
        "threshold_high": 120,
        "threshold_low": -90,
        "destinations": tuple(Destination(*to) for to in destinations),
    }
    return CoreImage(**(values | more))


def events(count, shape, step_us):
    t = np.cumsum(spread(count, 3, 0, 2 * step_us))
    return make_events(
        t, *(spread(count, f, 0, s - 1) for f, s in zip((5, 11, 17), shape[::-1], strict=True))
    )


def cases():
    """Name -> image, events, settings, jitter."""
    chain = ChipImage(
        "unbounded",
        (
            core(0, (2, 8, 8), 4, (3, 3), [(3, 2), (None, 1)], padding=(1, 1)),
            core(3, (4, 4, 4), 5, (2, 2), [(None,)], stride=(2, 2), return_to_zero=True),
        ),
        (0,),
    )
    merge = ChipImage(
        "unbounded",
        (
            core(1, (1, 9, 7), 3, (3, 2), [(4, 2, 0), (2, 1, 2)], stride=(2, 1)),
            core(0, (1, 9, 7), 2, (2, 2), [(4, 4, 3)], stride=(1, 2), padding=(0, 1)),
            core(2, (5, 4, 6), 3, (3, 3), [(4, 1, 1)], padding=(2, 1), decimator=1),
            core(4, (5, 3, 3), 6, (3, 3), [(None,), (None, 2, 6)], padding=(1, 1)),
        ),
        (1, 0),
    )
    bias = np.array([9, -14, 0, 30])
    start = spread(4 * 36, 29, -90, 119).reshape(4, 6, 6)
    leaky = ChipImage(
        "unbounded",
        (
            core(5, (2, 6, 6), 4, (1, 1), [(6,)], bias=bias, initial_state=start),
            core(
                6,
                (4, 6, 6),
                2,
                (3, 3),
                [(None,)],
                stride=(2, 1),
                bias=bias[2:],
                decimator=0,
                threshold_high=50,
            ),
        ),
        (5,),
    )
    extreme = ChipImage(
        "unbounded",
        (
            core(
                7,
                (1, 4, 4),
                40,
                (4, 4),
                [(None,)],
                padding=(3, 3),
                threshold_high=32767,
                threshold_low=-32768,
                initial_state=spread(40 * 49, 31, -32768, 32767).reshape(40, 7, 7),
            ),
        ),
        (7,),
    )
    clock = {"slow_clock_hz": 300.5}
    return {
        "chain": (chain, events(60, (2, 8, 8), 500), Settings(), None),
        "merge": (merge, events(60, (1, 9, 7), 500), Settings(), None),
        "merge_breadth_first": (
            merge, events(60, (1, 9, 7), 500), Settings(order="breadth-first"), None,
        ),
        "merge_jittered": (merge, events(60, (1, 9, 7), 500), Settings(), Jitter(7, 2000)),
        "leak": (leaky, events(40, (2, 6, 6), 900), Settings(**clock), None),
        "leak_fires": (leaky, events(40, (2, 6, 6), 900), Settings(leak_fires=True, **clock), None),
        "saturating": (extreme, events(30, (1, 4, 4), 9), Settings(), None),
        "wrapping": (
            extreme, events(30, (1, 4, 4), 9),
            Settings(overflow="wrap", lower_bound="discard"), None,
        ),
    }  # fmt: skip


def image_as_text(image: ChipImage) -> dict:
    plain = {
        name: (value.tolist() if isinstance(value, np.ndarray) else value)
        for name, value in ((n, getattr(image, n)) for n in ("device", "entry"))
    }
    plain["cores"] = [
        {
            name: value.tolist()
            if isinstance(value, np.ndarray)
            else [[d.core, d.pooling, d.feature_shift] for d in value]
            if name == "destinations"
            else value
            for name, value in vars(one).items()
        }
        for one in image.cores
    ]
    return plain


def image_from_text(plain: dict) -> ChipImage:
    cores = []
    for one in plain["cores"]:
        arrays = {
            name: None if one[name] is None else np.array(one[name])
            for name in ("weights", "bias", "initial_state")
        }
        to = tuple(Destination(*d) for d in one["destinations"])
        cores.append(CoreImage(**(one | arrays | {"destinations": to})))
    return ChipImage(plain["device"], tuple(cores), tuple(plain["entry"]))


def events_as_text(table: np.ndarray) -> list:
    return [list(map(int, event)) for event in table]


def events_from_text(rows: list) -> np.ndarray:
    return np.array([tuple(row) for row in rows], EVENT)


def result_as_text(run: Emulation) -> dict:
    counts = ("synops", "spikes", "dropped", "saturated_low", "saturated_high")
    return {
        "events": events_as_text(run.events),
        "monitored": {str(k): events_as_text(v) for k, v in run.monitored.items()},
        "states": {str(k): v.tolist() for k, v in run.states.items()},
        "peak_queue": run.peak_queue,
    } | {name: {str(k): v for k, v in getattr(run, name).items()} for name in counts}


if __name__ == "__main__":
    for name, (image, given, settings, jitter) in cases().items():
        asked = {"monitor": [image.cores[0].core], "settings": settings, "jitter": jitter}
        stored = {
            "image": image_as_text(image),
            "events": events_as_text(given),
            "settings": vars(settings),
            "jitter": None if jitter is None else vars(jitter),
            "result": result_as_text(emulate_by_reference(image, given, **asked)),
        }
        (FOLDER / f"{name}.json").write_text(json.dumps(stored, separators=(",", ":")) + "\n")
