"""Calibration: thresholds, bounds, clipping and rounding chosen by what the emulator then does."""

from dynapdeploy.tuning.calibrate import Calibration, calibrate
from dynapdeploy.tuning.choice import LayerChoice
from dynapdeploy.tuning.score import Score

__all__ = ["Calibration", "LayerChoice", "Score", "calibrate"]
