"""The four modes of training."""

import pytest
import torch
from torch import nn

from dynapdeploy.errors import InputError, SourceError
from dynapdeploy.training.baselines import MODES, scale_first_weights, settings_for
from dynapdeploy.training.models import build
from dynapdeploy.training.settings import TrainingSettings

ASKED = TrainingSettings(data="digits", model="digits", target_synops=1e5)


def test_modes_choose_loss_and_quantization():
    found = {mode: settings_for(mode, ASKED) for mode in MODES}
    assert {m: (s.target_synops, s.penalty, s.quantized) for m, s in found.items()} == {
        "nopenalty": (None, 0, False),
        "weightscaling": (None, 0, False),
        "nonquantized": (1e5, 3, False),
        "quantized": (1e5, 3, True),
    }
    assert settings_for("weightscale", ASKED) == found["weightscaling"]


def test_modes_that_make_no_sense():
    with pytest.raises(InputError, match="known are nopenalty"):
        settings_for("pruned", ASKED)
    with pytest.raises(InputError, match="needs a target"):
        settings_for("quantized", TrainingSettings(data="digits", model="digits"))


def test_only_the_first_weights_are_scaled_in_a_copy():
    model = build("digits")
    scaled = scale_first_weights(model, 0.5)
    assert torch.equal(scaled[0].weight, model[0].weight * 0.5)
    assert torch.equal(scaled[3].weight, model[3].weight)
    with pytest.raises(InputError, match="above 0"):
        scale_first_weights(model, 0.0)
    with pytest.raises(SourceError, match="no layer with weights"):
        scale_first_weights(nn.Sequential(nn.Flatten()), 0.5)
