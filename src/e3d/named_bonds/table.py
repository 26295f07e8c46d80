"""Named bonds: their reference energies, and D of the bonds that are equivalent to them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from rdkit import Chem

from e3d import tables
from e3d.arrays import Ints
from e3d.chemistry import equivalent_bonds, flat, flat_smiles, parse
from e3d.decomposition.decomposed import Decomposed
from e3d.fields import NAMED_BONDS, RELAXED, THERMAL
from e3d.fields import Column as C
from e3d.named_bonds import BDE_FILE, ENERGIES_FILE
from e3d.named_bonds.references import BDE_TABLE, ENERGIES_TABLE, REFERENCES
from e3d.units import EV_KCAL_MOL

_COLUMNS: Final = (
    *(C.STRUCTURES, C.GEOMETRY, "bond", C.BOND_TYPE, C.MOLECULE, C.IN_TRAINING),
    *(C.N, C.R, C.BOND_ENERGY),
)


def geometry(structures: str) -> str:
    """Say at which geometry D of a set of structures was taken."""
    return RELAXED if structures == NAMED_BONDS else THERMAL


def read_references(bde: Path = BDE_FILE, bond_energies: Path = ENERGIES_FILE) -> pd.DataFrame:
    """Join the tables of reference energies.

    Parameters
    ----------
    bde
        Named bonds with mapped SMILES, multiplicity and BDE298.
    bond_energies
        Other references of some of them.

    Returns
    -------
    A row per named bond of a closed-shell molecule: ``bond``, ``named_smiles``, ``canonical`` and
    the references in eV, NaN where a bond has none.
    """
    kcal_mol = {
        table: [one.kcal_mol for one in REFERENCES.values() if one.table == table]
        for table in (BDE_TABLE, ENERGIES_TABLE)
    }
    named = tables.read(bde, columns=("bond", "smiles", "multiplicity", *kcal_mol[BDE_TABLE]))
    other = tables.read(bond_energies, columns=("bond", *kcal_mol[ENERGIES_TABLE]))
    joined = named[named["multiplicity"] == 1].merge(
        other[["bond", *kcal_mol[ENERGIES_TABLE]]], on="bond", how="left"
    )
    columns = {"bond": joined["bond"], "named_smiles": joined["smiles"]}
    columns |= {one.column: joined[one.kcal_mol] / EV_KCAL_MOL for one in REFERENCES.values()}
    table = pd.DataFrame(columns)
    table["canonical"] = [flat_smiles(Chem.AddHs(parse(s))) for s in table["named_smiles"]]
    return table


def named_bonds(
    parts: Sequence[Decomposed],
    reference: pd.DataFrame,
    trained_on: set[str] | None,
    smallest_molecule: int = 1,
) -> pd.DataFrame:
    """Return one row per named bond and set of structures that holds its molecule.

    D (eV) is the mean over the bonds equivalent to the named one and over the frames of the
    molecule.

    Parameters
    ----------
    parts
        Decompositions of a run.
    reference
        What :func:`read_references` returns.
    trained_on
        SMILES, without stereochemistry, of the run's training molecules; None, where they are not
        known, leaves ``in_training`` blank.
    smallest_molecule
        Where they are not known: the fewest atoms of a training frame. Smaller molecules are not in
        training.
    """
    rows = []
    for part in parts:
        for entry, index in find_named(part.means, reference):
            chosen = part.means.iloc[index]
            weights = chosen[C.N].to_numpy(dtype=float)
            d = float(np.average(chosen[C.BOND_ENERGY], weights=weights))
            row = {
                C.STRUCTURES: part.structures,
                C.GEOMETRY: geometry(part.structures),
                "bond": entry["bond"],
                C.BOND_TYPE: chosen[C.BOND_TYPE].iloc[0],
                C.MOLECULE: entry["canonical"],
                C.IN_TRAINING: _in_training(entry["canonical"], trained_on, smallest_molecule),
                C.N: int(weights.sum()),
                C.R: float(np.average(chosen[C.R], weights=weights)),
                C.BOND_ENERGY: d,
            }
            for one in REFERENCES.values():
                row |= {one.column: entry[one.column], one.error: d - entry[one.column]}
            rows.append(row)
    energies = [name for one in REFERENCES.values() for name in (one.column, one.error)]
    return pd.DataFrame(rows, columns=[*map(str, _COLUMNS), *energies])


def _in_training(
    canonical: str, trained_on: set[str] | None, smallest_molecule: int
) -> bool | None:
    """Say whether a molecule was trained on, None where that is not known."""
    if trained_on is not None:
        return canonical in trained_on
    return False if Chem.AddHs(parse(canonical)).GetNumAtoms() < smallest_molecule else None


def find_named(
    means: pd.DataFrame, reference: pd.DataFrame
) -> Iterator[tuple[dict[str, Any], Ints]]:
    """Yield each named bond whose molecule is in ``means``, and the rows of its equivalent bonds.

    ``means`` has a row per bond of each molecule. A bond longer than the model's cutoff has none.
    """
    rows: dict[Any, Any] = dict(means.groupby(means[C.MOLECULE].map(flat)).indices)
    for entry in reference.to_dict("records"):
        place = rows.get(entry["canonical"])
        if place is None:
            continue
        ends = zip(*(means[name].iloc[place] for name in (C.SMILES, C.I, C.J)), strict=True)
        named = [(i, j) in equivalent_bonds(entry["named_smiles"], smiles) for smiles, i, j in ends]
        if any(named):
            yield {str(key): value for key, value in entry.items()}, place[named]
