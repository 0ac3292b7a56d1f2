"""Networks trained for the paper's figures, and what each of them does: as a QReLU net, as a
spiking network in time steps, and in the emulator of a chip."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import torch
from torch import nn

from dynapdeploy import convert
from dynapdeploy.benchmark import benchmark
from dynapdeploy.data import Dataset, Subset, readable
from dynapdeploy.errors import SourceError
from dynapdeploy.estimate.outcome import outcomes
from dynapdeploy.files import write_text
from dynapdeploy.sources import read_source
from dynapdeploy.synops import SynOpCounter
from dynapdeploy.training.accuracy import accuracy
from dynapdeploy.training.architecture import quantizable
from dynapdeploy.training.baselines import scale_first_weights, settings_for
from dynapdeploy.training.checkpoint import load_checkpoint
from dynapdeploy.training.run import UNTUNED, WEIGHTS, TrainingRun, load_run
from dynapdeploy.training.samples import load_samples
from dynapdeploy.training.settings import TrainingSettings
from dynapdeploy.training.trainer import train

TESTS = "tested.json"
EMULATED_SYNOPS = 2e10
"""After so many, a test in the emulator ends."""


@dataclass(frozen=True)
class Point:
    """One net, tested three times on the same samples.

    Attributes:
        method: of training.
        scale: factor of its first weights.
        ann_accuracy, ann_synops, ann_exact: as a QReLU net; SynOps per sample by the nominal
            fan-out behind the pooling, as in the paper, and the connections that exist.
        accuracy, synops: as a spiking network in time steps, counted likewise.
        chip_accuracy, chip_synops: in the emulator, the connections that exist.
        chip_samples: as many as :data:`EMULATED_SYNOPS` allow.
        layers: ``synops`` by receiving layer.
    """

    method: str
    scale: float
    ann_accuracy: float
    ann_synops: float
    ann_exact: float
    accuracy: float
    synops: float
    chip_accuracy: float
    chip_synops: float
    chip_samples: int
    layers: tuple[float, ...]


def trained(
    mode: str, settings: TrainingSettings, folder: Path, start: TrainingRun | None = None
) -> TrainingRun:
    """A net trained in one of SynOpLoss' modes. What ``folder`` holds of it is taken up again."""
    wanted = settings_for(mode, settings)
    run = _finished(folder, wanted) or train(
        wanted, folder, resume=_begun(folder, wanted), start=start
    )
    stage = run.metrics["stages"]["qrelu"]
    print(f"{folder.name}: {stage['accuracy']:.3f} on {stage['samples']} test samples with "
          f"{stage['synops_per_sample']:,.0f} SynOps", flush=True)  # fmt: skip
    return run


def _finished(folder: Path, wanted: TrainingSettings) -> TrainingRun | None:
    try:
        run = load_run(folder)
    except SourceError:
        return None
    return run if run.settings == wanted else None


def _begun(folder: Path, wanted: TrainingSettings) -> bool:
    try:
        return load_checkpoint(folder).settings == wanted.as_dict()
    except SourceError:
        return False


class Kept(Subset):
    """A part of a data set whose samples are read once."""

    def __init__(self, dataset: Dataset):
        super().__init__(dataset, range(len(dataset)))
        object.__setattr__(self, "samples", [sample for _, sample in readable(dataset)])

    def __getitem__(self, index: int):
        return self.samples[index]


def tested(
    method: str,
    run: TrainingRun,
    scales: Sequence[float],
    dataset: Dataset,
    device: str,
    inject: int | None = None,
) -> list[Point]:
    """Test a net with its first weights times each of ``scales``; finished tests are kept in the
    run's folder.

    The emulator gets the weights that were tuned on it, if they were; the others those before.
    """
    file = run.folder / TESTS
    known = json.loads(file.read_text()) if file.is_file() else {}
    weights = b"".join((run.folder / name).read_bytes() for name in (WEIGHTS, UNTUNED))
    samples = dataset.fingerprint or f"{dataset.spec} {len(dataset)}"
    found = []
    for scale in scales:
        asked = f"{method} {scale} {device} {inject} {samples} ".encode()
        key = hashlib.sha256(asked + weights).hexdigest()
        if key not in known:
            known[key] = asdict(_test(method, run, scale, dataset, device, inject))
            write_text(file, json.dumps(known))
        point = Point(**{**known[key], "layers": tuple(known[key]["layers"])})
        found.append(point)
        print(f"{method}, first weights x {scale:g}: QReLU {point.ann_accuracy:.3f} with "
              f"{point.ann_synops:,.0f} SynOps, time steps {point.accuracy:.3f} with "
              f"{point.synops:,.0f}, emulator {point.chip_accuracy:.3f} with "
              f"{point.chip_synops:,.0f} on {point.chip_samples}", flush=True)  # fmt: skip
    return found


def _test(
    method: str, run: TrainingRun, scale: float, dataset: Dataset, device: str, inject: int | None
) -> Point:
    net = scale_first_weights(load_run(run.folder, tuned=False).module, scale)
    spiking = benchmark(source(net, run), dataset, inject=inject)
    tuned = scale_first_weights(load_run(run.folder).module, scale)
    return Point(
        method,
        scale,
        *as_qrelu(net, run, dataset, with_input=inject is None),
        spiking.accuracy or 0.0,
        spiking.synops_per_sample_nominal,
        *on_chip(tuned, run, dataset, device),
        tuple(row.synops_per_sample for row in spiking.rows),
    )


def source(net: nn.Module, run: TrainingRun):
    """The net with the input coding of its run."""
    return read_source(net, run.input_shape, coding=run.coding)


@torch.no_grad()
def as_qrelu(
    net: nn.Module, run: TrainingRun, dataset: Dataset, with_input: bool
) -> tuple[float, float, float]:
    """Accuracy, nominal and exact SynOps per sample with activations rounded down."""
    samples = load_samples(dataset, run.coding)
    net = quantizable(net, True).eval()
    with SynOpCounter(net, run.input_shape, accumulate=True) as counter:
        outputs = torch.cat([net(part).flatten(1) for part in samples.x.split(100)])
    nominal, exact = (counter.total(d, with_input=with_input) for d in ("nominal", "exact"))
    return accuracy(outputs.numpy(), samples.y.numpy()), nominal.item(), exact.item()


def on_chip(
    net: nn.Module, run: TrainingRun, dataset: Dataset, device: str
) -> tuple[float, float, int]:
    """Accuracy, SynOps per sample and number of samples of the net's image in the emulator."""
    image = convert(source(net, run), device)
    right, synops = [], []
    for outcome in outcomes(image, dataset):
        right.append(outcome.decision == outcome.label)
        synops.append(sum(outcome.synops.values()))
        if sum(synops) > EMULATED_SYNOPS:
            break
    return float(np.mean(right)), float(np.mean(synops)), len(right)


def write_points(points: Sequence[Point], path: Path) -> None:
    """One line per point, ``layers`` left out."""
    names = [field.name for field in fields(Point) if field.name != "layers"]
    with path.open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(names)
        table.writerows([getattr(point, name) for name in names] for point in points)
    print(f"wrote {path}")
