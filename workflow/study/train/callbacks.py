"""What happens around steps and epochs of a training, and how its checkpoints are written."""

import io
import math
import signal
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.plugins.io import TorchCheckpointIO
from nequip.train.callbacks import TF32Scheduler

from e3d import provenance
from e3d.errors import InputError
from study.train.render import MONITOR

_LOSS_OF_EPOCH = "train_loss_epoch/"


class MetricsHistory(Callback):
    """Keep the validation metrics of every epoch, inside the checkpoint and as a CSV.

    A checkpoint carries the history up to itself, so that a killed run that resumes from it loses
    no epoch and repeats none.
    """

    def __init__(self, path: str) -> None:
        """Write the history to ``path`` after every epoch."""
        self._path = Path(path)
        self._rows: list[dict[str, float]] = []

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {"rows": self._rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue a checkpoint's history."""
        self._rows = list(state_dict["rows"])

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Add the metrics of the epoch that ends; checkpoint callbacks come after this one.

        Raises
        ------
        InputError
            If training diverged: an error that is not a number belongs to a model nobody can use.
        """
        # a run that is resumed does not know the training loss of the epoch before
        metrics = {
            name: float(value)
            for name, value in trainer.callback_metrics.items()
            if not name.startswith(_LOSS_OF_EPOCH)
        }
        self._rows.append({"epoch": trainer.current_epoch, "step": trainer.global_step, **metrics})
        if trainer.is_global_zero:  # the others have the same
            with provenance.atomic(self._path) as temporary:
                pd.DataFrame(self._rows).to_csv(temporary, index=False)
        if not math.isfinite(metrics[MONITOR]):
            raise InputError(
                f"training diverged: {MONITOR} is {metrics[MONITOR]} after step "
                f"{trainer.global_step}, expected a number. Lower `training.learning_rate` (or let "
                "`training.retry_diverged` do so), or look for broken energies and forces in the "
                "data."
            )


class WholeCheckpoints(TorchCheckpointIO):
    """Writes a checkpoint beside its place, so that it is there as a whole or not at all.

    Lightning writes it among the temporary files of the machine. Where these are on another disk,
    as on the nodes of most clusters, moving it copies it over the earlier one, and a job that is
    killed meanwhile has lost both.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        """Write ``checkpoint`` to ``path`` atomically."""
        content = io.BytesIO()  # by a path, torch would write the file's name into the archive
        torch.save(checkpoint, content)
        with provenance.atomic(Path(path)) as temporary:
            temporary.write_bytes(content.getbuffer())


class LogLastStep(Callback):
    """Log the loss of an epoch's last step alone, the one that anything reads.

    nequip logs it at every step, which costs Lightning 1 ms each, as much as the optimiser. The
    loss of the whole epoch is accumulated elsewhere and stays.
    """

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Put a silent ``log_dict`` over the module's own until the last step."""
        if batch_idx + 1 < trainer.num_training_batches:
            vars(pl_module)["log_dict"] = _ignore
        else:
            vars(pl_module).pop("log_dict", None)


def _ignore(*_: Any, **__: Any) -> None:
    """Log nothing."""


class TF32(TF32Scheduler):  # type: ignore[misc]  # nequip has no types
    """Let a GPU round to TF32 in every epoch, also of a run that began without and is resumed."""

    def __init__(self) -> None:
        super().__init__({0: True})

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Switch it on whatever the epoch; nequip's own does so in the first one only."""
        self.load_state_dict(self.state_dict())


class EndOnSigterm(Callback):
    """Let SIGTERM end a rank where it stands.

    Lightning's handler sends a message to the other ranks first, and waits for those that are gone.
    """

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the system's own handler over Lightning's."""
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
