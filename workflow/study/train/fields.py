"""Names of what a training writes while it runs, for all who read it."""

from typing import Final

CHECKPOINTS: Final = "checkpoints"
"""Folder of a run that is there until its training is done."""
HISTORY_FILE: Final = "history.csv"
"""Validation metrics of every epoch so far, somewhere below ``CHECKPOINTS``."""
FORCE_MAE: Final = "val0_epoch/forces_mae"
"""nequip's name of the force MAE on the validation frames, eV/Å."""
