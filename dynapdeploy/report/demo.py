"""The stages of the demo, from training to the chip's arithmetic."""

from __future__ import annotations

from typing import Any

from dynapdeploy.demo import Demo


def demo_stages(demo: Demo) -> dict[str, Any]:
    """Accuracy and SynOps of the training stages, then of the chip image on the held-out digits."""
    image = {
        "accuracy": demo.estimate.accuracy,
        "synops_per_sample": demo.estimate.synops_per_sample,
    }
    return {"stages": {**demo.run.metrics["stages"], "chip_image": image}}
