"""D against the reference energies: bond types, named bonds, errors and rank correlations."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from e3d import tables
from e3d.chemistry import flat
from e3d.decomposition.decomposed import Decomposed, load, run_of
from e3d.fields import BONDS_FILE, MEANS_FILE
from e3d.fields import Column as C
from e3d.named_bonds.references import REFERENCES, Reference
from e3d.named_bonds.scores import summary
from e3d.named_bonds.table import geometry, named_bonds, read_references
from e3d.options import own_run
from e3d.statistics import group_mean, interval_columns, t_quantile
from e3d.store.splits import made_from
from e3d.units import EV_KCAL_MOL
from study.bde.order import order

MODE_BIN_EV: Final = 0.05
_SPREAD: Final = tuple(f"bond_energy_{name}_eV" for name in ("median", "mode", "sd", "se"))
_TYPE_COLUMNS: Final = (
    *(C.STRUCTURES, C.GEOMETRY, C.BOND_TYPE, C.N, C.N_MOLECULES),
    *(*interval_columns(C.BOND_ENERGY), *_SPREAD),
)


def bond_types(parts: Sequence[Decomposed], named: pd.DataFrame) -> pd.DataFrame:
    """Return one row per bond type and set of structures.

    Statistics of D over all its bonds, then, for each reference energy, the mean over the named
    bonds that have it, D over the same named bonds, and their difference.
    """
    rows = []
    for part in parts:
        here = named[named[C.STRUCTURES] == part.structures]
        for kind, bonds in part.bonds.groupby(C.BOND_TYPE):
            row: dict[str, Any] = {
                C.STRUCTURES: part.structures,
                C.GEOMETRY: geometry(part.structures),
                C.BOND_TYPE: kind,
                **_distribution(bonds),
            }
            for one in REFERENCES.values():
                row |= _against(here[here[C.BOND_TYPE] == kind], one)
            rows.append(row)
    of_references = [name for one in REFERENCES.values() for name in _against(named[:0], one)]
    return pd.DataFrame(rows, columns=[*map(str, _TYPE_COLUMNS), *of_references])


def _distribution(bonds: pd.DataFrame) -> dict[str, Any]:
    d = bonds[C.BOND_ENERGY].to_numpy(dtype=float)
    molecules = np.unique(bonds[C.MOLECULE], return_inverse=True)[1]
    mean, n_molecules = group_mean(d, molecules), int(molecules.max()) + 1
    bins, counts = np.unique(np.floor(d / MODE_BIN_EV), return_counts=True)
    spread = (
        float(np.median(d)),
        float((bins[counts.argmax()] + 0.5) * MODE_BIN_EV),
        float(np.std(d, ddof=1)) if len(d) > 1 else np.nan,
        mean.half_width / t_quantile(max(n_molecules - 1, 1)),
    )
    return {
        **{C.N: len(d), C.N_MOLECULES: n_molecules},
        **mean.columns(C.BOND_ENERGY),
        **dict(zip(_SPREAD, spread, strict=True)),
    }


def _against(named: pd.DataFrame, reference: Reference) -> dict[str, Any]:
    known = named[named[reference.column].notna()]
    return {
        f"n_{reference.name}": len(known),
        reference.kcal_mol: known[reference.column].mean() * EV_KCAL_MOL,
        f"{reference.name}_{C.BOND_ENERGY}": known[C.BOND_ENERGY].mean(),
        reference.error: known[reference.error].mean(),
    }


def _molecules(smiles: Iterable[str]) -> set[str]:
    """Return the SMILES without stereochemistry, and those of the components of clusters."""
    return {name for text in map(flat, set(smiles)) for name in (text, *text.split("."))}


def write_tables(
    folders: Sequence[Path],
    bde: Path,
    bond_energies: Path,
    subset: Path | None,
    output: Path,
    run: Mapping[str, Any] | None,
    smallest_molecule: int = 1,
) -> None:
    """Write the four tables of one run.

    Parameters
    ----------
    folders
        Its decompositions.
    bde, bond_energies
        Tables of reference energies.
    subset
        Table of its training frames, if known.
    output
        ``<run>.csv``, the bond types; the others lie beside it.
    run
        Values of the run's columns; by default those of the decompositions.
    smallest_molecule
        Of training frames that are not known otherwise: the fewest atoms.

    Raises
    ------
    InputError
        If the decompositions are not of the run, or the subset is not what it was trained on.
    """
    parts = load(folders, run)
    run = run or run_of(parts) or own_run(folders[0])
    chosen = None if subset is None else tables.read(subset, columns=(C.SMILES,))
    trained_on = None if chosen is None else _molecules(chosen[C.SMILES])
    references = read_references(bde, bond_energies)
    named = named_bonds(parts, references, trained_on, smallest_molecule)
    outputs = {
        "": bond_types(parts, named),
        ".named": named,
        ".summary": summary(named),
        ".order": order(parts),
    }
    inputs = [bde, bond_energies, *([] if subset is None else [subset])]
    inputs += [folder / file for folder in folders for file in (BONDS_FILE, MEANS_FILE)]
    hashes = {} if chosen is None else made_from(chosen)
    tables.write_of_run(outputs, output, run, inputs=inputs, made_from=hashes)
