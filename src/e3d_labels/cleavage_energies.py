"""De of every single bond of molecules whose radicals were relaxed and labelled."""

from pathlib import Path

import pandas as pd

from e3d import tables
from e3d.chemistry import molecule
from e3d.errors import InputError
from e3d.fields import Column as C
from e3d.store.files.hdf5 import open_hdf5, text
from e3d.units import HARTREE_EV
from e3d_labels.cleavages import MOLECULES, RADICAL, cleavages
from e3d_labels.molecule_list import hdf5_name
from e3d_labels.reference_energies import read_energies
from e3d_labels.reference_species import species_name

DE = "de_eV"


def write_cleavage_energies(labels: Path, output: Path) -> pd.DataFrame:
    """Write De of each cleavage of each molecule, a row each.

    De = E(radical 1) + E(radical 2) - E(molecule), all at their minima, without zero-point energy.

    Parameters
    ----------
    labels
        What ``e3d data label`` made of the geometries of ``e3d data cleavages``.

    Raises
    ------
    InputError
        If the file has no molecules of ``e3d data cleavages``, or names no level of theory.
    """
    energy, theory = read_energies(labels)
    rows = []
    for smiles in _molecules(labels):
        known = molecule(smiles)
        kinds = {(bond.i, bond.j): bond.bond_type for bond in known.bonds}
        whole = energy[hdf5_name(known.smiles)]
        for one in cleavages(smiles):
            parts = [energy.get(hdf5_name(species_name(name, RADICAL))) for name in one.names]
            if None in parts:  # a radical that rearranged
                continue
            de = (sum(part for part in parts if part is not None) - whole) * HARTREE_EV
            rows.append(
                {
                    C.MOLECULE: known.smiles,
                    C.SMILES: smiles,
                    C.I: one.i,
                    C.J: one.j,
                    C.BOND_TYPE: kinds[one.i, one.j],
                    "fragment_1": one.names[0],
                    "fragment_2": one.names[1],
                    "theory": theory,
                    DE: round(de, 6),
                }
            )
    if not rows:
        raise InputError(
            f"{labels}: has no molecules with radicals. Label the geometries of e3d data cleavages."
        )
    table = pd.DataFrame(rows)
    tables.write(table, output, inputs=[labels])
    return table


def _molecules(labels: Path) -> list[str]:
    """Return the mapped SMILES of the molecules that were cleaved."""
    with open_hdf5(labels) as file:
        return [
            text(group["smiles"], f"{labels}, group {name!r}")
            for name, group in file.items()
            if text(group["subset"], f"{labels}, group {name!r}") == MOLECULES
        ]
