"""sinabs' how-to "Number of synaptic operations and how to minimise them", for the spiking net.

    python examples/sinabs_snn.py                       # digits of scikit-learn
    python examples/sinabs_snn.py --full --data mnist:PATH

The table of the counter, the how-to's own rows worked out again, training by backpropagation
through time towards half of the initial SynOps, and then what the how-to leaves out: the trained
net as a chip image, on a Speck's emulator.
"""

from __future__ import annotations

import numpy as np
import sinabs
import sinabs.layers as sl
import torch
from setting import canvas, images, options, save, setting, small_digits
from torch import nn

from dynapdeploy import convert, emulate_many
from dynapdeploy.events import make_events
from dynapdeploy.synops import SynOpCounter, synop_rows

SHAPE = (1, 28, 28)
STEPS = 10
REFERENCE = ((2, 11695, 400, 4678000), (5, 35926, 800, 28740800), (8, 410, 1920, 787200),
             (11, 0, 10, 0))  # fmt: skip
"""The how-to's table: Layer, In, Fanout_Prev, SynOps."""
REFERENCE_TOTAL = 12_060_000
POOLED = {2: 1, 5: 4, 8: 4, 11: 1}
"""Neurons in a window of the average pooling before each layer."""


def build(batch: int) -> nn.Sequential:
    """The how-to's net. Each layer has a threshold of its own: sinabs' default one is shared."""

    def neurons() -> nn.Module:
        return sl.IAFSqueeze(batch_size=batch, spike_threshold=torch.tensor(1.0))

    return nn.Sequential(
        sl.FlattenTime(),
        nn.Conv2d(1, 16, 5, bias=False),
        neurons(),
        nn.AvgPool2d(2),
        nn.Conv2d(16, 32, 5, bias=False),
        neurons(),
        nn.AvgPool2d(2),
        nn.Conv2d(32, 120, 4, bias=False),
        neurons(),
        nn.Flatten(),
        nn.Linear(120, 10, bias=False),
        neurons(),
        sl.UnflattenTime(batch_size=batch),
    )


def check_reference() -> float:
    """The how-to's rows and total from its spike counts and our fan-outs; the true total."""
    counter = SynOpCounter(build(5), SHAPE)
    fanouts = dict(zip(POOLED, counter.fanouts().values(), strict=True))
    for layer, spikes, fanout, synops in REFERENCE:
        if fanouts[layer] != fanout or spikes * fanouts[layer] != synops:
            raise SystemExit(f"layer {layer}: the how-to's row does not come out")
    rows = {layer: spikes * fanouts[layer] for layer, spikes, _, _ in REFERENCE}
    printed = sum(synops / POOLED[layer] for layer, synops in rows.items())
    print(f"the how-to's rows come out; they add up to {sum(rows.values()):,.0f}")
    print(f"its total leaves out the pooling's factor of 4: {printed:,.0f} (printed: 12,060,000)")
    return printed


def table(snn: nn.Module, x: torch.Tensor):
    """Run ``x`` ``[n, steps, c, h, w]`` and return the counter's rows."""
    sinabs.reset_states(snn)
    with SynOpCounter(snn, SHAPE, steps=STEPS) as counter, torch.no_grad():
        snn(x)
    return synop_rows(counter)


def spike_trains(pixels: torch.Tensor, seed: int) -> torch.Tensor:
    """Images 0..255 as ``[n, steps, c, h, w]``, a full pixel spiking in 3 of 10 steps."""
    random = torch.Generator().manual_seed(seed)
    chance = (pixels / 255 * 0.3)[:, None].expand(-1, STEPS, -1, -1, -1)
    return (torch.rand(chance.shape, generator=random) < chance).float()


def wake(snn: nn.Module) -> None:
    """Larger first weights than torch's own: with those hardly an output spikes."""
    for layer in snn:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")


def train(snn: nn.Module, x, y, batch: int, epochs: int) -> dict[str, list[float]]:
    """Backpropagation through time, towards half of the SynOps of the first batch."""
    optimizer = torch.optim.Adam(snn.parameters(), lr=1e-3)
    target, losses = None, {"Prediction": [], "Synops": [], "synops": []}
    with SynOpCounter(snn, SHAPE, steps=STEPS) as counter:
        for epoch in range(epochs):
            for part in torch.randperm(len(x)).split(batch):
                if len(part) < batch:
                    continue
                sinabs.reset_states(snn)
                output = snn(spike_trains(x[part], epoch)).sum(1)
                synops = counter.total("nominal", with_input=False)
                target = synops.item() / 2 if target is None else target
                prediction = nn.functional.cross_entropy(output, y[part])
                penalty = ((target - synops) / target).square()
                optimizer.zero_grad()
                (prediction + penalty).backward()
                optimizer.step()
                for name, value in zip(losses, (prediction, penalty, synops), strict=True):
                    losses[name].append(value.item())
    return losses


def deploy(snn: nn.Module, x: torch.Tensor, y: torch.Tensor) -> tuple[float, float]:
    """Accuracy and SynOps per sample of the chip image in the emulator, one step a millisecond."""
    image = convert(snn, "speck2fdevkit", SHAPE)
    recordings = []
    for steps in spike_trains(x, seed=99).numpy():
        t, _, rows, columns = np.nonzero(steps)
        recordings.append(make_events(t * 1000, columns, rows, np.zeros(len(t))))
    runs = emulate_many(image, recordings)
    counts = np.stack([np.bincount(run.events["p"], minlength=10) for run in runs])
    clear = (counts == counts.max(1, keepdims=True)).sum(1) == 1
    right = clear & (counts.argmax(1) == y.numpy())
    return float(right.mean()), float(np.mean([sum(run.synops.values()) for run in runs]))


def main(argv=None) -> dict[str, float]:
    from dynapdeploy.cli.output import emit
    from dynapdeploy.report.counting import synops_table

    chosen = setting(options(__doc__, "sinabs_snn", "mnist"), argv)
    spec = chosen.data or small_digits(chosen.out / "digits")
    printed = check_reference()
    torch.manual_seed(0)
    rows = table(build(5), (torch.rand(5, STEPS, *SHAPE) < 0.3).float())
    emit(synops_table(rows, "batch 5, 10 steps, p(spike) = 0.3, fresh weights"))

    batch, epochs = 32, chosen.epochs or 3
    x, y = images(spec, "train", chosen.limit or (6000 if chosen.full else 800))
    snn = build(batch)
    wake(snn)
    losses = train(snn, x, y, batch, epochs)
    start, end = losses["synops"][0], float(np.mean(losses["synops"][-5:]))
    print(f"SynOps per sample without the input's: {start:,.0f} at first, {end:,.0f} at the end")
    test, labels = images(spec, "test", 320 if chosen.full else 96)
    with torch.no_grad():
        outputs = []
        for part in torch.arange(len(test)).split(batch):
            sinabs.reset_states(snn)
            outputs.append(snn(spike_trains(test[part], 99)).sum(1))
    accuracy = (torch.cat(outputs).argmax(1) == labels).float().mean().item()
    on_chip, synops = deploy(snn, test, labels)
    print(f"test accuracy {accuracy:.3f} in time steps, {on_chip:.3f} in the emulator of a Speck")
    print(f"with {synops:,.0f} SynOps per sample there, the input's included")
    figure, (axes,) = canvas()
    for name in ("Prediction", "Synops"):
        axes.semilogy(losses[name], label=name)
    axes.set_xlabel("training step")
    axes.set_ylabel("loss")
    axes.legend()
    save(figure, chosen.out / "losses.png")
    return {"printed": printed, "start": start, "end": end, "accuracy": accuracy,
            "emulator": on_chip, "synops": synops}  # fmt: skip


if __name__ == "__main__":
    main()
