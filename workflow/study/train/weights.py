"""The weights of a finished training, without what only a resumed one needs."""

from pathlib import Path
from typing import Final

import torch

from e3d import provenance
from e3d.models import inert
from study.train.example import put_example

_OF_TRAINING: Final = ("optimizer_states", "lr_schedulers", "loops", "callbacks")


def write_weights(checkpoint: Path, output: Path) -> None:
    """Write a checkpoint without the state of its optimiser: half as large, and decomposed alike.

    It holds an example, by which ``nequip-package`` takes it where neither data nor study are.

    Raises
    ------
    InputError
        If the file is no checkpoint.
    """
    saved = inert.read(checkpoint)
    kept = {name: value for name, value in saved.items() if name not in _OF_TRAINING}
    settings = kept["hyper_parameters"]
    put_example(settings["info_dict"], settings["model"])
    output.parent.mkdir(parents=True, exist_ok=True)
    # by a path, torch would write the name of the temporary file into the archive
    with provenance.atomic(output) as fresh, fresh.open("wb") as file:
        torch.save(kept, file)
