"""The entropy tables of a run, and what must hold before tables of several runs stand side by side."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from e3d import tables
from e3d.decomposition.decomposed import Decomposed, load
from e3d.errors import InputError
from e3d.fields import BONDS_FILE, PAIRS_FILE
from e3d.fields import Column as C
from e3d.options import own_run
from study.entropy.bins import Bins, binned
from study.entropy.mutual_information import decomposability_table
from study.entropy.nonbonded import NON_BONDED, non_bonded_table
from study.entropy.sensitivity import sensitivity_table
from study.entropy.tables import QUANTITY, entropy_table

log = logging.getLogger(__name__)


def run_tables(folders: Sequence[Path], output: Path, bins: Bins, run: Mapping[str, Any]) -> None:
    """Write ``<run>.csv``, ``<run>.decomposability.csv``, ``<run>.histogram.csv`` and ``<run>.sensitivity.csv``.

    Structures none of which has a known bond are left out.

    Raises
    ------
    InputError
        If there are no others.
    """
    parts = {
        folder: part for folder, part in zip(folders, load(folders), strict=True) if len(part.bonds)
    }
    if not parts:
        raise InputError(
            f"{', '.join(map(str, folders))}: no intact frame with a known bond - at least one is needed for an "
            "entropy. Decompose structures whose SMILES are known."
        )
    for folder in folders:
        if folder not in parts:
            log.warning("%s left out: no intact frame has a known bond", folder)
    bonds, pairs = ([folder / name for folder in folders] for name in (BONDS_FILE, PAIRS_FILE))

    def entropies(folder: Path, part: Decomposed) -> pd.DataFrame:
        others = tables.read(
            folder / PAIRS_FILE, columns=(C.ELEMENTS, "bond_energy_bin_eV", C.COUNT)
        )
        both = [entropy_table(part, bins), non_bonded_table(part.structures, others, bins)]
        return pd.concat([table for table in both if len(table)], ignore_index=True)

    makers: dict[str, tuple[Callable[[Path, Decomposed], pd.DataFrame], list[Path]]] = {
        "": (entropies, bonds + pairs),
        ".decomposability": (lambda _, part: decomposability_table(part, bins), bonds),
        ".histogram": (lambda _, part: histogram_table(part, bins), bonds),
        ".sensitivity": (lambda _, part: sensitivity_table(part, bins.neighbours), bonds),
    }
    for suffix, (make, inputs) in makers.items():
        table = pd.concat([make(folder, part) for folder, part in parts.items()], ignore_index=True)
        path = output.with_name(output.stem + suffix + ".csv")
        tables.write(tables.with_run(table, run), path, inputs=inputs, settings=vars(bins))


def histogram_table(part: Decomposed, bins: Bins) -> pd.DataFrame:
    """Return the counts of D per bond type and bin (lower edge), what the distributions draw."""
    labels = binned(part.bonds[C.BOND_ENERGY].to_numpy(dtype=float), bins.bond_energy_eV)
    frame = pd.DataFrame({C.BOND_TYPE: part.bonds[C.BOND_TYPE].to_numpy(), "bin": labels})
    table = frame.groupby([C.BOND_TYPE, "bin"]).size().rename(C.COUNT).reset_index()
    table.insert(0, C.STRUCTURES, part.structures)
    table["bond_energy_bin_eV"] = (table.pop("bin") * bins.bond_energy_eV).round(10)
    return table


def require_one_sample_size(table: pd.DataFrame) -> None:
    """Refuse to put entropies side by side that were taken at different sample sizes.

    How many pairs are not bonded follows from the cutoff, so these are compared within a model only.

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
                f"entropy: runs of {mixed.index[0]} have different sample sizes, and plug-in entropy depends on it. "
                "Decompose all runs on the same structures again."
            )


def run(
    folders: Sequence[Path],
    output: Path,
    bin_bond_energy: float,
    bin_scaled: float,
    bin_r: float,
    run: Mapping[str, Any] | None,
) -> None:
    """Write the entropy tables of the decompositions in ``folders``."""
    bins = Bins(bin_bond_energy, bin_scaled, bin_r)
    run_tables(folders, output, bins, run or own_run(folders[0]))
