"""A structure inside a checkpoint, for programs that want one with a model.

``nequip-package`` and ``nequip-compile`` trace a model on a structure that they take from the data
of its training. A checkpoint that went to somebody else names data that are not there, in a format
that only this study reads. It gets a small structure of its own instead, as numbers in its
settings, which nequip alone turns into what it needs.
"""

import itertools
from collections.abc import Mapping
from typing import Any, Final

DATA_OF_TRAINING: Final = "data_of_training"
"""Where a checkpoint keeps the data settings whose place the example takes."""
_DATA: Final = "data"
_SPACING: Final = 0.4
"""Distance of neighbours in the example by cutoff: 2 Å where that is 5 Å."""


def put_example(info: dict[str, Any], model: Mapping[str, Any]) -> None:
    """Replace the data of a training by an example structure, in place; twice is once.

    Parameters
    ----------
    info
        What nequip notes of a training in its checkpoint, ``info_dict``.
    model
        The checkpoint's settings of its model, or of modifiers around it.
    """
    while "type_names" not in model and "model" in model:
        model = model["model"]
    if "type_names" not in model or DATA_OF_TRAINING in info:
        return
    info[DATA_OF_TRAINING] = info.get(_DATA, {})
    dataset = _dataset(len(model["type_names"]), float(model["r_max"]))
    info[_DATA] = {
        "_target_": "nequip.data.datamodule.NequIPDataModule",
        "seed": 0,
        "train_dataset": dataset,
        "val_dataset": dataset,
    }


def _dataset(n_types: int, r_max: float) -> dict[str, Any]:
    """Return the settings of a dataset of one cluster: a cube of atoms, each type at least once.

    The cube has no fewer than eight atoms; it is there to be traced, and has no labels.
    """
    side = max(2, next(n for n in itertools.count(1) if n**3 >= n_types))
    cube = list(itertools.product(range(side), repeat=3))
    frame = {
        "pos": [[_SPACING * r_max * x for x in corner] for corner in cube],
        "atom_types": [k % n_types for k in range(len(cube))],
    }
    structure = {
        "_target_": "nequip.data.compute_neighborlist_",
        "data": {"_target_": "nequip.data.from_dict", "data": frame},
        "r_max": r_max,
    }
    # plain lists: hydra's own would turn the structure's tensors away
    return {
        "_target_": "torch.utils.data.Subset",
        "_convert_": "all",
        "dataset": [structure],
        "indices": [0],
    }
