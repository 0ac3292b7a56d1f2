"""A training on two processes, as a script that Lightning can run again: FOLDER [nan|gone|resume].

Each process leaves the weights that it ended the first stage with in FOLDER/rank-N.
"""

import os
import signal
import sys
from pathlib import Path

from dynapdeploy.errors import DeployError
from dynapdeploy.training import loop, trainer
from dynapdeploy.training.run import save_weights
from dynapdeploy.training.settings import TrainingSettings

SETTINGS = TrainingSettings(
    data="digits", model="digits", epochs=2, limit=97, batch=32, dropout=0.0, target_ratio=0.4,
    accelerator="cpu", devices=2, finetune_epochs=1, finetune_samples=32,
)  # fmt: skip


def main() -> int:
    """Train; the exit code of the refusal, if any."""
    folder, how = Path(sys.argv[1]), sys.argv[2:]
    follower = os.environ.get("LOCAL_RANK", "0") != "0"
    first_stage, penalty, calls = trainer._train_qrelu, loop.synop_loss, []

    def train_qrelu(job, tell):
        first_stage(job, tell)
        save_weights(folder / f"rank-{os.environ.get('LOCAL_RANK', '0')}", job.model)

    def synop_loss(synops, target):
        calls.append(target)
        fails = len(calls) == 6
        if fails and follower and "gone" in how:
            os.kill(os.getpid(), signal.SIGKILL)
        return penalty(synops, target) * (float("nan") if fails and "nan" in how else 1)

    trainer._train_qrelu, loop.synop_loss = train_qrelu, synop_loss
    try:
        trainer.train(SETTINGS, folder, resume="resume" in how)
    except DeployError as fault:
        print(fault)
        return fault.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
