"""Datasets that the workflow makes itself: an entry of ``config/datasets.yaml`` with ``molecules``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from e3d.errors import InputError
from e3d_labels.programs import program_of

_SUFFIX = ".hdf5"
_KEYS = ("conformations", "seed")


def geometries_file(path: str) -> str:
    """Return where the conformations of the dataset at ``path`` lie before they are labelled."""
    return f"{path.removesuffix(_SUFFIX)}.geometries{_SUFFIX}"


def check_made(name: str, entry: Mapping[str, Any]) -> None:
    """Refuse an entry that asks for a dataset that cannot be made; one without ``molecules`` is not to be made.

    Raises
    ------
    InputError
        Naming the key.
    """
    if "molecules" not in entry:
        lost = [key for key in _KEYS if key in entry]
        if lost:
            raise InputError(
                f"dataset {name!r}: {lost[0]} is for datasets that are made, and it has no `molecules` to make it "
                "from. Name a list of SMILES, or remove the key."
            )
        return
    if "url" in entry:
        raise InputError(
            f"dataset {name!r}: has `molecules` and `url` - it is made or fetched. Remove one of them."
        )
    if entry["layout"] != "spice" or not entry["path"].endswith(_SUFFIX):
        raise InputError(
            f"dataset {name!r}: {entry['path']} in layout {entry['layout']} - a dataset that is made is written as "
            f"`*{_SUFFIX}` in layout spice. Fix its `path` and `layout`."
        )
    if entry.get("conformations", 2) % 2:
        raise InputError(
            f"dataset {name!r}: conformations = {entry['conformations']} - must be even, since they come in pairs. "
            "Fix the value."
        )
    if not Path(entry["molecules"]).is_file():
        raise InputError(
            f"dataset {name!r}: {entry['molecules']} is not there. Fix its `molecules` (a list of SMILES, relative to "
            "the folder Snakemake runs in)."
        )
    try:
        theory = program_of(entry["theory"]).theory
    except InputError as error:
        raise InputError(f"dataset {name!r}: {error}") from None
    if theory != entry["theory"]:
        raise InputError(
            f"dataset {name!r}: theory {entry['theory']!r} - the full name is needed. Write {theory}."
        )
