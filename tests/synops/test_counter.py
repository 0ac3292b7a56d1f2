"""The counter: layouts, nesting, gradients, removal, definitions, sinabs networks."""

import pytest
import sinabs.layers as sl
import torch
from torch import nn

from dynapdeploy.errors import InputError, Mismatch, SourceError
from dynapdeploy.synops import SynOpCounter, synop_rows
from dynapdeploy.training.qrelu import QReLU

SHAPE = (1, 10, 10)


def net():
    """10x10 -> conv 3x3x2 -> 8x8, pool 3 -> 2x2 (row and column 6, 7 dropped) -> linear 3."""
    torch.manual_seed(0)
    head = nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), nn.Sequential(QReLU()))
    return nn.Sequential(
        head, nn.AvgPool2d(3), nn.Flatten(), nn.Linear(8, 3, bias=False), nn.ReLU()
    )


def spikes(*lead):
    return torch.randint(0, 6, (*lead, *SHAPE)).float()


def plain(values):
    return {name: value.item() for name, value in values.items()}


def by_hand(model, x):
    """Spikes of the convolution, and what each definition makes of them, per sample."""
    with torch.no_grad():
        y = model[0](x)
    kept = y[..., :6, :6].sum()
    return {"exact": kept * 3, "nominal": kept * 3, "nominal-all": y.sum() * 3}


def test_three_definitions():
    model, x = net(), spikes(4)
    with SynOpCounter(model, SHAPE) as counter:
        model(x)
    for definition, expected in by_hand(model, x).items():
        assert plain(counter.synops(definition))["3"] == pytest.approx(float(expected) / 4)
    assert float(counter.synops("nominal")["0.0"]) == float(x.sum()) * 18 / 4
    inner = x[..., 2:8, 2:8].sum() * 18
    assert float(inner) / 4 < float(counter.synops("exact")["0.0"]) < float(x.sum()) * 18 / 4
    assert counter.layers == ("0.0", "3")


def test_without_the_input():
    model, x = net(), spikes(4)
    with SynOpCounter(model, SHAPE) as counter:
        model(x)
    both = counter.total()
    assert counter.total(with_input=False) == counter.synops()["3"]
    assert both == counter.synops()["3"] + counter.synops()["0.0"]


@pytest.mark.parametrize("definition", ["exact", "nominal", "nominal-all"])
def test_steps_are_summed_and_samples_averaged(definition):
    """6 maps are 6 samples, or 2 samples of 3 steps; the same sum stands behind both."""
    model, x = net(), spikes(6)
    found = {}
    for steps in (1, 3):
        with SynOpCounter(model, SHAPE, steps=steps) as counter:
            model(x)
        found[steps] = counter.total(definition).item()
        assert counter.samples == 6 // steps
        total = sum(plain(counter.synops(definition, per_sample=False)).values())
        assert total == pytest.approx(found[steps] * counter.samples)
    assert found[3] == pytest.approx(found[1] * 3)


def test_any_layout():
    class TimeAware(nn.Module):
        """Takes [n, steps, c, h, w], works on [n * steps, ...], gives [n, steps, 3]."""

        def __init__(self):
            super().__init__()
            self.inner = net()

        def forward(self, x):
            return self.inner(x)

    class Split(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.first, self.rest = inner[0], inner[1:]

        def forward(self, x):
            return self.rest(self.first(x))

    x = spikes(2, 3)
    totals = []
    for model, value in ((TimeAware(), x.flatten(0, 1)), (Split(net()), x.flatten(0, 1))):
        with SynOpCounter(model, SHAPE, steps=3) as counter:
            model(value)
        totals.append(counter.total().item())
    assert totals[0] == pytest.approx(totals[1])
    one = net()[0]
    with SynOpCounter(nn.Sequential(one, nn.Conv2d(2, 1, 2)), SHAPE) as counter:
        one(x[0, 0])
    assert counter.rows == 1


def test_gradients_are_those_of_the_sum():
    model, x = net(), spikes(4)
    with SynOpCounter(model, SHAPE) as counter:
        model(x)
        counter.total(with_input=False).backward()
    found = model[0][0].weight.grad.clone()
    model.zero_grad()
    (model[0](x)[..., :6, :6].sum() * 3 / 4).backward()
    torch.testing.assert_close(found, model[0][0].weight.grad)
    assert found.abs().sum() > 0


def test_removed_it_leaves_nothing_and_two_do_not_meet():
    model, x = net(), spikes(4)
    before = model(x)
    first, second = SynOpCounter(model, SHAPE), SynOpCounter(model, SHAPE)
    assert torch.equal(model(x), before)
    assert first.total() == second.total()
    first.remove()
    model(spikes(4) * 0)
    assert second.total() == 0
    assert first.total() > 0
    second.remove()
    assert not model._forward_pre_hooks
    assert not any(module._forward_hooks for module in model.modules())
    assert not any("synops" in name for name, _ in model.named_buffers())


def test_last_pass_or_all_passes():
    model, x = net(), spikes(4)
    with SynOpCounter(model, SHAPE, accumulate=True) as summed, SynOpCounter(model, SHAPE) as last:
        with torch.no_grad():
            model(x[:1])
            model(x[1:])
        assert (summed.samples, last.samples) == (4, 3)
        split = summed.total()
        summed.reset()
        model(x)
        assert summed.total().item() == pytest.approx(split.item())


def test_sinabs_network_in_time_steps():
    """[n, steps, ...] in, IAFSqueeze inside: the same as adding up its spikes step by step."""
    torch.manual_seed(0)
    model = nn.Sequential(
        sl.FlattenTime(),
        nn.Conv2d(1, 2, 3, bias=False),
        sl.IAFSqueeze(batch_size=2),
        sl.SumPool2d(2),
        nn.Conv2d(2, 3, 2, bias=False),
        sl.IAFSqueeze(batch_size=2),
        sl.UnflattenTime(batch_size=2),
    )
    kept = []
    model[2].register_forward_hook(lambda m, i, o: kept.append(o.detach()))
    x = (torch.rand(2, 5, *SHAPE) < 0.5).float()
    with SynOpCounter(model, SHAPE, steps=5) as counter:
        model(x)
    rows = synop_rows(counter, step_ms=2.0)
    assert counter.samples == 2
    assert [row.layer for row in rows] == ["1", "4"]
    assert rows[1].arriving == kept[0].sum()
    assert rows[1].synops == kept[0].sum() * 12
    assert rows[1].synops_per_sample == rows[1].synops / 2
    assert (rows[1].timesteps, rows[1].window_ms) == (10, 20.0)
    assert rows[1].synops_per_second == pytest.approx(rows[1].synops * 50)
    inner = kept[0][:, :, 2:6, 2:6].sum()
    edges = kept[0].sum() - inner
    assert inner * 12 + edges * 3 <= rows[1].synops_exact < rows[1].synops


def test_refusals():
    class Functional(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 3)

        def forward(self, x):
            return self.b(torch.relu(self.a(x)))

    with pytest.raises(SourceError, match="function call"):
        SynOpCounter(Functional(), SHAPE)
    with pytest.raises(InputError, match="steps"):
        SynOpCounter(net(), SHAPE, steps=0)
    counter = SynOpCounter(net(), SHAPE, steps=3)
    with pytest.raises(Mismatch, match="0 maps were counted"):
        counter.total()
    model = net()
    with SynOpCounter(model, SHAPE, steps=3) as counter:
        model(spikes(4))
        with pytest.raises(Mismatch, match="4 maps were counted, a multiple of 3"):
            counter.total()
        with pytest.raises(InputError, match="definitions"):
            counter.synops("true")
        with pytest.raises(Mismatch, match="another shape"):
            model(torch.zeros(1, 1, 9, 9))
