"""Where structures come from: what a text names, and what its structures are called."""

import os
import re
from pathlib import Path
from typing import Final

from e3d.conformer import is_smiles
from e3d.errors import InputError, absent
from e3d.provenance import digest

STORE_SUFFIX: Final = ".h5"
STORE_FILE: Final = "store.h5"
"""What the study calls the store of a dataset, in the dataset's folder."""
_LONGEST_NAME = 40


def file_or_smiles(source: str | Path) -> Path | str:
    """Return the path that a text is, or the text itself: a SMILES, and the name of no file.

    Raises
    ------
    InputError
        If a text is neither.

    Examples
    --------
    >>> file_or_smiles("CCO")
    'CCO'
    """
    if isinstance(source, Path) or os.path.isfile(source):  # Path.is_file raises for a long SMILES
        return Path(source)
    if not is_smiles(source):
        raise InputError(
            f"{source!r}: {absent(source)}, and no SMILES that RDKit can read. Fix the path of the "
            "structures, or the SMILES."
        )
    return source


def name_of(source: Path | str) -> str:
    """Return what the structures of a file or a SMILES are called, also as a folder's name.

    A file gives its name, a ``store.h5`` that of its folder. A SMILES gives its letters and digits,
    with a hash where others may share these: small letters, signs, many characters.

    >>> name_of(Path("named_bonds.xyz")), name_of(Path("data/minispice/store.h5"))
    ('named-bonds', 'minispice')
    >>> name_of("CCO"), name_of("C=CCl")
    ('CCO', 'C-CCl-c9a0fd64')
    """
    if isinstance(source, Path):
        parent = source.parent.name
        if parent == "..":  # not a name for a folder of tables: they would land outside of it
            parent = Path(os.path.abspath(source)).parent.name
        stem = parent if source.name == STORE_FILE and parent else source.stem
        return stem.replace("_", "-")
    if re.fullmatch("[A-Z0-9]+", source) and len(source) <= _LONGEST_NAME:
        return source
    readable = re.sub("[^A-Za-z0-9]+", "-", source).strip("-")[:_LONGEST_NAME]
    return f"{readable}-{digest(source)[:8]}"
