"""Reference energies at the labels' own level: De, mean bond energies and barrier heights.

They come from labels of the geometries of :mod:`e3d_labels.reference_geometries`, so that "far from
the literature" splits into the labels' error and the model's.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import ase.data.dbh24
import numpy as np
import pandas as pd

from e3d import tables
from e3d.errors import InputError
from e3d.store.files.hdf5 import array, open_hdf5
from e3d.units import EV_KCAL_MOL, HARTREE_EV
from e3d_labels.reference_geometries import BONDS_NEED
from e3d_labels.reference_species import (
    HYDRIDES,
    cleavage,
    free_atoms,
    hydride,
    sharing,
    species_name,
)

GEOMETRY: Final = "MP2(full)/6-31G* (G2/97)"
DE, MEAN = "de_kcal_mol", "mean_bond_energy_kcal_mol"
FORWARD, BACKWARD = "forward_kcal_mol", "backward_kcal_mol"
REFERENCE: Final = "reference_"
_KCAL = HARTREE_EV * EV_KCAL_MOL


def write_reference_energies(labels: Path, table: Path, output: Path, *, barriers: Path) -> None:
    """Write bond energies of the named bonds to ``output``, barrier heights to ``barriers``.

    Parameters
    ----------
    labels
        What ``e3d data label`` made of the reference geometries.
    table
        Table of named bonds.

    Raises
    ------
    InputError
        If the labels are of none of the species, or do not name their level of theory.
    """
    energy, theory = read_energies(labels)
    bonds = tables.read(table, columns=BONDS_NEED)
    found = {
        output: (bond_energies(energy, bonds, theory), [labels, table]),
        barriers: (barrier_heights(energy, theory), [labels]),
    }
    for path, (rows, _) in found.items():
        if rows.empty:
            raise InputError(
                f"{labels}: has none of the species {path} is made of. "
                "Label the geometries of e3d data references."
            )
    for path, (rows, inputs) in found.items():
        tables.write(rows, path, inputs=inputs)


def read_energies(labels: Path) -> tuple[dict[str, float], str]:
    """Return the energy (hartree) of every group, and the level of theory of the file.

    Raises
    ------
    InputError
        If the file does not name its level of theory.
    """
    with open_hdf5(labels) as file:
        theory = str(file.attrs.get("level_of_theory", ""))
        if not theory:
            raise InputError(
                f"{labels}: does not say its level_of_theory. Make it with e3d data label."
            )
        where = f"{labels}, group "
        found = {
            name: float(array(file[name], "dft_total_energy", "(M,)", where + name)[0])
            for name in file
        }
    return found, theory


def bond_energies(energy: Mapping[str, float], bonds: pd.DataFrame, theory: str) -> pd.DataFrame:
    """Return De and mean bond energy (kcal/mol) of the named bonds, a row each.

    De = E(fragment 1) + E(fragment 2) - E(molecule). The mean bond energy is the atomisation energy
    without what the bonds to hydrogen take (the means of CH4, H2O, NH3 and H2S, so additivity is
    assumed), shared among the other bonds; it is given where those are all equivalent to the named
    one, or where all bonds are. Both without zero-point energy.

    Parameters
    ----------
    energy
        Energy (hartree) of each species by :func:`species_name`.
    """
    rows = []
    for row in bonds.itertuples():
        whole, first, second = (_of(energy, species) for species in cleavage(row))
        values = {
            DE: (first + second - whole) * _KCAL,
            MEAN: _mean_bond_energy(str(row.smiles), whole, energy),
        }
        if np.isfinite(list(values.values())).any():
            facts = {"bond": row.bond, "smiles": row.smiles, "theory": theory, "geometry": GEOMETRY}
            rows.append(facts | {name: round(value, 3) for name, value in values.items()})
    return pd.DataFrame(rows)


def _of(energy: Mapping[str, float], species: tuple[str, int]) -> float:
    return energy.get(species_name(*species), np.nan)


def _mean_bond_energy(named: str, total: float, energy: Mapping[str, float]) -> float:
    """Return the mean bond energy in kcal/mol, NaN where it is not determined."""
    shares = sharing(named)
    if shares is None:
        return float("nan")
    n_same, hydride_bonds = shares
    rest = sum(_of(energy, atom) for atom in free_atoms(named)) - total
    rest -= sum(_hydride_mean(kind, energy) for kind in hydride_bonds)
    return float(rest / n_same * _KCAL)


def _hydride_mean(bond_type: str, energy: Mapping[str, float]) -> float:
    """Return the mean energy (hartree) of a bond to hydrogen in CH4, H2O, NH3 or H2S."""
    whole, centre, hydrogen = (_of(energy, species) for species in hydride(bond_type))
    n = HYDRIDES[bond_type][1]
    return (centre + n * hydrogen - whole) / n


def barrier_heights(energy: Mapping[str, float], theory: str) -> pd.DataFrame:
    """Return forward and backward barrier heights (kcal/mol) of DBH24's neutral reactions.

    The reference columns are those of Zheng, Zhao, Truhlar, J. Chem. Theory Comput. 5, 808 (2009),
    as ASE has them.

    Parameters
    ----------
    energy
        Energy (hartree) of each species by its name in DBH24.
    """
    rows: list[dict[str, Any]] = []
    for name, reaction in ase.data.dbh24.dbh24_reaction_list.items():
        top, sides = reaction["tst"], (reaction["initial"], reaction["final"])
        if not all(part in energy for part in (*sides[0], *sides[1], top)):
            continue
        forward, backward = (energy[top] - sum(energy[part] for part in side) for side in sides)
        rows.append(
            {
                "reaction": " -> ".join(map(_sum_of, sides)),
                "name": name,
                "theory": theory,
                FORWARD: round(forward * _KCAL, 3),
                BACKWARD: round(backward * _KCAL, 3),
                REFERENCE + FORWARD: ase.data.dbh24.get_dbh24_Vf(top),
                REFERENCE + BACKWARD: ase.data.dbh24.get_dbh24_Vb(top),
            }
        )
    return pd.DataFrame(rows)


def _sum_of(names: Sequence[str]) -> str:
    return " + ".join(name.removeprefix("dbh24_") for name in names)
