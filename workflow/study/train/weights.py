"""The weights of a finished training, without what only a resumed one needs."""

from pathlib import Path
from typing import Final

import torch

from e3d import provenance
from e3d.models import inert

_OF_TRAINING: Final = ("optimizer_states", "lr_schedulers", "loops", "callbacks")


def write_weights(checkpoint: Path, output: Path) -> None:
    """Write a checkpoint without the state of its optimiser: half as large, and decomposed alike.

    Raises
    ------
    InputError
        If the file is no checkpoint.
    """
    saved = inert.read(checkpoint)
    kept = {name: value for name, value in saved.items() if name not in _OF_TRAINING}
    output.parent.mkdir(parents=True, exist_ok=True)
    with provenance.atomic(output) as fresh:
        torch.save(kept, fresh)
