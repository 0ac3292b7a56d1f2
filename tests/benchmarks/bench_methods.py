"""The methods of Sorbaro et al. (2020) side by side, measured on the emulator, seed by seed.

    PYTHONPATH=. python tests/benchmarks/bench_methods.py nmnist:PATH [--target N] [--seeds 0,1,2]

Each net is fine-tuned on the emulator with the same number of passes, the unpenalised one too. The
net of "weight scaling" is the unpenalised one, its first layer scaled until the emulator counts the
SynOps of the "SynOp loss, quantized" net.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from dynapdeploy.data import open_dataset
from dynapdeploy.data.coding import encode
from dynapdeploy.training import tuning_stage
from dynapdeploy.training.accuracy import accuracy
from dynapdeploy.training.baselines import scale_first_weights, settings_for
from dynapdeploy.training.emulated import SpikeCounts, chip_image, spike_counts
from dynapdeploy.training.run import TrainingRun
from dynapdeploy.training.settings import TrainingSettings
from dynapdeploy.training.trainer import train

MODES = {
    "no penalty": "nopenalty",
    "SynOp loss": "nonquantized",
    "SynOp loss, quantized": "quantized",
}


class Test:
    """The test split on the emulator."""

    def __init__(self, run: TrainingRun):
        dataset = open_dataset(run.data, "test")
        samples = [dataset[index] for index in range(len(dataset))]
        self.run = run
        self.events = [encode(sample, run.coding, run.input_shape) for sample in samples]
        self.labels = np.array([sample.label for sample in samples])

    def scaled(self, factor: float) -> SpikeCounts:
        """Counts of the run's net with its first layer times ``factor``."""
        model = scale_first_weights(self.run.module, factor)
        image = chip_image(model, self.run.input_shape)
        return spike_counts(image, self.events, layers=False)

    def scaled_to(self, synops: float) -> tuple[float, SpikeCounts]:
        """The factor at which the emulator counts ``synops``, by bisection, and the counts."""
        low, high = 1e-3, 1.0
        for _ in range(12):
            factor = (low * high) ** 0.5
            counts = self.scaled(factor)
            low, high = (low, factor) if counts.synops.mean() > synops else (factor, high)
        return factor, counts


def main() -> None:
    """Print a row per net."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--target", type=float, default=600_000)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--epochs", type=int, help="of the first stage; the model's by default")
    parser.add_argument("--finetune-epochs", type=int, default=20, help="of every net")
    chosen = parser.parse_args()
    tuning_stage.SYNOP_BUDGET = 1e18
    for seed in (int(part) for part in chosen.seeds.split(",")):
        found = {}
        for name, mode in MODES.items():
            settings = TrainingSettings(
                data=chosen.data, model="mnist_dvs", seed=seed, epochs=chosen.epochs,
                target_synops=chosen.target, finetune_epochs=chosen.finetune_epochs,
            )  # fmt: skip
            with tempfile.TemporaryDirectory() as folder:
                found[name] = run = train(settings_for(mode, settings), Path(folder))
            stages = run.metrics["stages"]
            figures = ", ".join(
                f"{stage} {stages[stage]['accuracy']:.1%} {stages[stage]['synops_per_sample']:,.0f}"
                for stage in ("qrelu", "emulator_untuned", "emulator")
                if "accuracy" in stages.get(stage, {})
            )
            print(f"seed {seed}, {name}: {figures}", flush=True)
        best = found["SynOp loss, quantized"].metrics["stages"]["emulator"]["synops_per_sample"]
        test = Test(found["no penalty"])
        factor, counts = test.scaled_to(best)
        print(
            f"seed {seed}, weight scaling by {factor:.3f}: emulator "
            f"{accuracy(counts.output, test.labels):.1%} {counts.synops.mean():,.0f}",
            flush=True,
        )
    print(f"the input alone: {found['no penalty'].metrics['input_synops']:,.0f} SynOps")


if __name__ == "__main__":
    main()
