"""The entropy tables of a run, and what must hold before those of several runs are compared."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from e3d import tables
from e3d.decomposition.decomposed import Decomposed, load, run_of
from e3d.errors import InputError
from e3d.fields import BONDS_FILE, PAIRS_FILE
from e3d.fields import Column as C
from e3d.options import own_run
from study.entropy.bins import Bins, binned
from study.entropy.entropies import entropy_table
from study.entropy.fields import NON_BONDED, QUANTITY
from study.entropy.mutual_information import decomposability_table
from study.entropy.non_bonded import non_bonded_table
from study.entropy.sensitivity import sensitivity_table

log = logging.getLogger(__name__)


def histogram_table(part: Decomposed, bins: Bins) -> pd.DataFrame:
    """Return the counts of D per bond type and bin (lower edge, eV)."""
    labels = binned(part.bonds[C.BOND_ENERGY].to_numpy(dtype=float), bins.bond_energy_eV)
    frame = pd.DataFrame({C.BOND_TYPE: part.bonds[C.BOND_TYPE].to_numpy(), "bin": labels})
    table = frame.groupby([C.BOND_TYPE, "bin"]).size().rename(C.COUNT).reset_index()
    table.insert(0, C.STRUCTURES, part.structures)
    table[C.BOND_ENERGY_BIN] = (table.pop("bin") * bins.bond_energy_eV).round(10)
    return table


def require_one_sample_size(table: pd.DataFrame) -> None:
    """Refuse to put entropies side by side that were taken at different sample sizes.

    How many pairs are not bonded follows from the cutoff, so these are compared within a model
    only.

    Raises
    ------
    InputError
        If runs of one dataset differ in the number of bonds of a type.
    """
    keys = [C.DATASET, C.STRUCTURES, C.BOND_TYPE, QUANTITY]
    others = table[QUANTITY] == NON_BONDED
    for part, by in ((table[~others], keys), (table[others], [*keys, C.MODEL])):
        sizes = part.groupby(by)[C.N].nunique()
        mixed = sizes[sizes > 1]
        if len(mixed):
            raise InputError(
                f"entropy: runs of {mixed.index[0]} have different sample sizes, and plug-in "
                "entropy depends on it. Decompose all runs on the same structures again."
            )


def write_tables(
    folders: Sequence[Path],
    output: Path,
    bin_bond_energy: float,
    bin_scaled: float,
    bin_r: float,
    run: Mapping[str, Any] | None,
) -> None:
    """Write ``<run>.csv``, ``.decomposability.csv``, ``.histogram.csv`` and ``.sensitivity.csv``.

    Structures none of which has a known bond are left out.

    Parameters
    ----------
    folders
        Decompositions of the run.
    bin_bond_energy, bin_scaled, bin_r
        Widths of bins: see :class:`~study.entropy.bins.Bins`.
    run
        Values of the run's columns; by default those of the decompositions.

    Raises
    ------
    InputError
        If no structures are left, or the decompositions are not of the run.
    """
    bins = Bins(bin_bond_energy, bin_scaled, bin_r)
    parts, loaded = [], load(folders, run)
    run = run or run_of(loaded) or own_run(folders[0])
    for folder, part in zip(folders, loaded, strict=True):
        if len(part.bonds):
            columns = (C.ELEMENTS, C.BOND_ENERGY_BIN, C.COUNT)
            parts.append((part, tables.read(folder / PAIRS_FILE, columns=columns)))
        else:
            log.warning("%s left out: no intact frame has a known bond", folder)
    if not parts:
        raise InputError(
            f"{', '.join(map(str, folders))}: no intact frame with a known bond - at least one is "
            "needed for an entropy. Decompose structures whose SMILES are known."
        )
    found: dict[str, list[pd.DataFrame]] = {
        "": [
            table
            for part, pairs in parts
            for table in (
                entropy_table(part, bins),
                non_bonded_table(part.structures, pairs, bins),
            )
        ],
        ".decomposability": [decomposability_table(part, bins) for part, _ in parts],
        ".histogram": [histogram_table(part, bins) for part, _ in parts],
        ".sensitivity": [sensitivity_table(part, bins.neighbours) for part, _ in parts],
    }
    outputs = {
        suffix: pd.concat([table for table in made if len(table)], ignore_index=True)
        for suffix, made in found.items()
    }
    inputs = [folder / name for name in (BONDS_FILE, PAIRS_FILE) for folder in folders]
    tables.write_of_run(outputs, output, run, inputs=inputs, settings=vars(bins))
