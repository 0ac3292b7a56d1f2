"""The nets and recordings on which the emulator is timed, as chip images and in sinabs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dynapdeploy.chip.image import ChipImage, CoreImage, Destination
from dynapdeploy.emulator import emulate_many
from dynapdeploy.events import make_events

DATA = Path(
    os.environ.get("DYNAPDEPLOY_DATA", Path(__file__).resolve().parents[3] / "shared" / "data")
)


@dataclass(frozen=True)
class Layer:
    """A convolution, weights ``[out, in, ky, kx]``, and the sum pooling that follows it."""

    weight: np.ndarray
    stride: int = 1
    padding: int = 0
    pooling: int = 1


@dataclass(frozen=True)
class Workload:
    name: str
    layers: tuple[Layer, ...]
    input_shape: tuple[int, int, int]
    recordings: tuple[np.ndarray, ...]

    def image(self) -> ChipImage:
        """The net with 8-bit weights and the lowest lower bound that no weight can pass."""
        cores, shape = [], self.input_shape
        for number, layer in enumerate(self.layers):
            features, _, *kernel = layer.weight.shape
            out = tuple(
                (size + 2 * layer.padding - k) // layer.stride + 1
                for size, k in zip(shape[1:], kernel, strict=True)
            )
            scale = 127 / np.abs(layer.weight).max()
            weights = np.round(layer.weight * scale).astype(int)
            last = number == len(self.layers) - 1
            cores.append(
                CoreImage(
                    core=number,
                    name=f"layer{number}",
                    weights=weights,
                    input_shape=shape,
                    output_shape=(features, *out),
                    stride=(layer.stride,) * 2,
                    padding=(layer.padding,) * 2,
                    threshold_high=round(scale),
                    threshold_low=int(-32768 + np.abs(weights).max()),
                    destinations=(Destination(None if last else number + 1, layer.pooling),),
                )
            )
            shape = (features, *(size // layer.pooling for size in out))
        return ChipImage("unbounded", tuple(cores), (0,))

    def sinabs_net(self):
        """The net as people simulate it today: IAFSqueeze in time steps, float weights."""
        import sinabs.layers as sl
        import torch
        from torch import nn

        parts = []
        for layer in self.layers:
            features, channels, *kernel = layer.weight.shape
            conv = nn.Conv2d(channels, features, kernel, layer.stride, layer.padding, bias=False)
            conv.weight.data = torch.from_numpy(layer.weight.astype(np.float32))
            parts += [conv, sl.IAFSqueeze(batch_size=1, min_v_mem=None)]
            if layer.pooling > 1:
                parts.append(sl.SumPool2d(layer.pooling))
        return nn.Sequential(*parts).eval()

    def raster(self, events: np.ndarray, step_us: int = 1000):
        """Event counts per step, float32 ``[steps, channels, height, width]``."""
        import torch

        steps = (events["t"] - events["t"][0]) // step_us
        frames = np.zeros((int(steps[-1]) + 1, *self.input_shape), np.float32)
        np.add.at(frames, (steps, events["p"], events["y"], events["x"]), 1)
        return torch.from_numpy(frames)


def scnn_nmnist() -> Workload:
    """``scnn_nmnist.nir`` of the NIR paper on the 60 N-MNIST test recordings."""
    import nir

    nodes = nir.read(DATA / "models" / "scnn_nmnist.nir").nodes
    layers = (
        Layer(nodes["0"].weight, stride=2, padding=1),
        Layer(nodes["2"].weight, padding=1, pooling=2),
        Layer(nodes["5"].weight, padding=1, pooling=2),
        Layer(nodes["9"].weight.reshape(256, 8, 4, 4)),
        Layer(nodes["11"].weight[:, :, None, None]),
    )
    files = sorted((DATA / "nmnist" / "Test").glob("*/*.bin"))
    return Workload("scnn_nmnist", layers, (2, 34, 34), tuple(map(_read_nmnist, files)))


def mnist_dvs(synops: float | None = None) -> Workload:
    """The paper's net with random weights on chunks of 3,000 MNIST-DVS events, halved to 64x64.

    Args:
        synops: per chunk, reached by one factor on all weights; None for the initialisation itself,
            which fires more than any net of the paper.
    """
    chunks = []
    for file in sorted((DATA / "mnist_dvs").glob("*.aedat")):
        events = _read_aedat(file)
        chunks += [events[i : i + 3000] for i in range(0, len(events) - 2999, 3000)]

    def scaled(factor: float) -> Workload:
        random = np.random.default_rng(0)

        def weight(*shape):
            bound = factor * np.sqrt(6 / np.prod(shape[1:]))
            return random.uniform(-bound, bound, shape)

        layers = (
            Layer(weight(8, 1, 3, 3), pooling=2),
            Layer(weight(12, 8, 3, 3), pooling=2),
            Layer(weight(12, 12, 3, 3), pooling=2),
            Layer(weight(10, 12, 6, 6)),
        )
        name = "mnist_dvs" if synops is None else "mnist_dvs, firing as in the paper"
        return Workload(name, layers, (1, 64, 64), tuple(chunks))

    if synops is None:
        return scaled(1.0)
    low, high = 0.2, 1.0
    for _ in range(12):
        middle = (low + high) / 2
        runs = emulate_many(scaled(middle).image(), chunks[::8])
        if np.mean([sum(run.synops.values()) for run in runs]) > synops:
            high = middle
        else:
            low = middle
    return scaled(low)


def _read_nmnist(file: Path) -> np.ndarray:
    raw = np.fromfile(file, np.uint8).reshape(-1, 5).astype(np.int64)
    t = (raw[:, 2] & 127) << 16 | raw[:, 3] << 8 | raw[:, 4]
    return make_events(t, raw[:, 0], raw[:, 1], raw[:, 2] >> 7)


def _read_aedat(file: Path) -> np.ndarray:
    raw = file.read_bytes()
    while raw.startswith(b"#"):
        raw = raw[raw.index(b"\n") + 1 :]
    address, t = np.frombuffer(raw[: len(raw) // 8 * 8], ">u4").reshape(-1, 2).T.astype(np.int64)
    return make_events(t, (address >> 1 & 127) // 2, (address >> 8 & 127) // 2, 0 * t)
