"""sinabs' how-to "Training an ANN with fewer synops", with dynapdeploy's counter.

    python examples/sinabs_ann.py                       # digits of scikit-learn, seconds
    python examples/sinabs_ann.py --full --data mnist:PATH --seeds 0 1 2
    python examples/sinabs_ann.py --full --data mnist:PATH --seeds 0 1 2 --penalty 30

The how-to's counter has a fan-out of 1 everywhere: what it calls 250k SynOps are 250k spikes per
sample. The example trains to the same figure and prints the SynOps beside it. The how-to was run
with summing pools (sinabs 1.2); ``--pool average`` takes the averaging ones of its other editions,
with which two epochs lead less far. The noise on random input is counted with those: the edition
that prints its figure has them.

The how-to squares the distance from the target in spikes, so its term outweighs the prediction by
far; with ``--penalty`` the distance is a share of the target, as in ``dynapdeploy train``.
"""

from __future__ import annotations

import sinabs.layers as sl
import torch
from setting import canvas, images, options, save, setting, small_digits
from torch import nn

from dynapdeploy.synops import SynOpCounter
from dynapdeploy.training.synop_loss import synop_loss

TARGET = 250_000.0
REFERENCE = {"random input": 57.2, "one digit": 197_927, "accuracy": 0.9195, "counter": 235_800.56}
"""Printed in the how-to."""
POOLS = {"sum": sl.SumPool2d, "average": nn.AvgPool2d}


def build(pool: str) -> nn.Sequential:
    """The how-to's net."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, bias=False),
        sl.NeuromorphicReLU(),
        POOLS[pool](2),
        nn.Conv2d(16, 32, 5, bias=False),
        sl.NeuromorphicReLU(),
        POOLS[pool](2),
        nn.Conv2d(32, 120, 4, bias=False),
        sl.NeuromorphicReLU(),
        nn.Flatten(),
        nn.Linear(120, 10, bias=False),
    )


def spikes(counter: SynOpCounter) -> torch.Tensor:
    """The how-to's figure: spikes per sample of all three layers, fan-out 1."""
    return sum(counter.spikes().values())


def figures(ann: nn.Module, x: torch.Tensor) -> dict[str, float]:
    """Spikes and SynOps per sample of ``ann`` on ``x``."""
    with SynOpCounter(ann, (1, 28, 28), accumulate=True) as counter, torch.no_grad():
        for part in x.split(1000):
            ann(part)
    return {
        "spikes": spikes(counter).item(),
        "nominal": counter.total("nominal-all", with_input=False).item(),
        "exact": counter.total("exact", with_input=False).item(),
    }


def train(
    ann: nn.Module, x, y, batch: int, epochs: int, penalty: float | None
) -> dict[str, list[float]]:
    """The how-to's loop; both terms of the loss at every step. ``penalty``: None for its own."""
    optimizer = torch.optim.Adam(ann.parameters(), lr=1e-3)
    losses: dict[str, list[float]] = {"Prediction": [], "Synops": []}
    with SynOpCounter(ann, (1, 28, 28)) as counter:
        for _ in range(epochs):
            for part in torch.randperm(len(x)).split(batch):
                prediction = nn.functional.cross_entropy(ann(x[part]), y[part])
                count = spikes(counter)
                if penalty is None:
                    synops = (count - TARGET).square() / 1e7
                else:
                    synops = penalty * synop_loss(count, TARGET)
                optimizer.zero_grad()
                (prediction + synops).backward()
                optimizer.step()
                losses["Prediction"].append(prediction.item())
                losses["Synops"].append(synops.item())
    return losses


def plot(losses: dict[str, list[float]], path) -> None:
    figure, (axes,) = canvas()
    for name, values in losses.items():
        axes.semilogy(values, label=name)
    axes.set_xlabel("training step")
    axes.set_ylabel("loss")
    axes.legend()
    save(figure, path)


def main(argv=None) -> list[dict[str, float]]:
    parser = options(__doc__, "sinabs_ann", "mnist")
    parser.add_argument("--pool", choices=POOLS, default="sum")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="one net for each")
    parser.add_argument("--penalty", type=float, help="factor of the SynOp loss of the paper")
    chosen = setting(parser, argv)
    spec = chosen.data or small_digits(chosen.out / "digits")
    batch, epochs = (512, 2) if chosen.full else (64, 4)
    x, y = images(spec, "train", chosen.limit)
    test, labels = images(spec, "test")
    found = []
    for seed in chosen.given.seeds:
        torch.manual_seed(seed)
        random = figures(build("average"), torch.rand(5, 1, 28, 28))["spikes"]
        ann = build(chosen.given.pool)
        digit = figures(ann, x[:1])["spikes"]
        losses = train(ann, x, y, batch, chosen.epochs or epochs, chosen.given.penalty)
        with torch.no_grad():
            decisions = torch.cat([ann(part).argmax(1) for part in test.split(1000)])
        accuracy = (decisions == labels).float().mean().item()
        found.append({"accuracy": accuracy, "random": random, "digit": digit, **figures(ann, test)})
        print(f"seed {seed}, fresh: {random:.1f} spikes on random input, {digit:,.0f} on one digit")
        print(f"  trained: accuracy {accuracy:.4f}, counter {found[-1]['spikes']:,.0f}; in SynOps "
              f"{found[-1]['nominal']:,.0f} nominal, {found[-1]['exact']:,.0f} exact")  # fmt: skip
        plot(losses, chosen.out / f"losses_{seed}.png")
    print(f"how-to, unseeded: {REFERENCE['random input']} on random input, "
          f"{REFERENCE['one digit']:,} on one digit, accuracy {REFERENCE['accuracy']}, "
          f"counter {REFERENCE['counter']:,}; target {TARGET:,.0f}")  # fmt: skip
    return found


if __name__ == "__main__":
    main()
