"""What is written down per epoch. No wall times: the same run twice gives the same table."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from dynapdeploy.files import write_text


@dataclass(frozen=True)
class EpochMetrics:
    """One epoch. Accuracies are shares from 0 to 1, SynOps are per sample; None: not measured.

    Attributes:
        stage: ``"qrelu"``, or ``"chip"`` for fine-tuning with the emulator's spikes.
        epoch: from 1.
        loss, prediction_loss, synop_loss: means over the epoch's samples.
        target_synops: the annealed target at the end of the epoch.
        train_accuracy, train_synops: of the training batches as trained on (shifted, with
            dropout); in stage ``chip`` those of the emulator.
        test_accuracy, test_synops: of the QReLU net on the test split.
    """

    stage: str
    epoch: int
    loss: float
    prediction_loss: float
    synop_loss: float
    target_synops: float | None
    train_accuracy: float
    train_synops: float
    test_accuracy: float | None = None
    test_synops: float | None = None


def write_metrics(path: Path, rows: Sequence[EpochMetrics]) -> None:
    """Write ``metrics.csv``. Raises ``OutputError``."""
    text = io.StringIO()
    table = csv.DictWriter(text, [f.name for f in fields(EpochMetrics)], lineterminator="\n")
    table.writeheader()
    for row in rows:
        table.writerow({k: _cell(v) for k, v in asdict(row).items()})
    write_text(path, text.getvalue())


def _cell(value) -> str:
    if value is None:
        return ""
    return f"{value:.9g}" if isinstance(value, float) else str(value)
