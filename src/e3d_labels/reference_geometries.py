"""Geometries of reference molecules, radicals and reactions, from ASE.

They are those of the G2/97 test set (``ase.collections.g2``, MP2(full)/6-31G*) and of DBH24/08
(``ase.data.dbh24``, QCISD/MG3), labelled like any dataset (``e3d data label``) and never trained
on. :mod:`e3d_labels.reference_energies` makes tables of the labels.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import ase.data.dbh24
import numpy as np
import pandas as pd
from ase import Atoms
from ase.collections import g2
from ase.data import covalent_radii
from rdkit import Chem

from e3d import provenance, tables
from e3d.chemistry import SmilesError, parse
from e3d.units import BOHR_ANG
from e3d_labels.geometries import electrons, new_file, write_group
from e3d_labels.reference_species import (
    Species,
    cleavage,
    of_mean_bond_energy,
    species_name,
    with_hydrogens,
)

_BOND_FACTOR = 1.3
BONDS_NEED = ("bond", "smiles", "multiplicity", "fragment_1", "fragment_2")
"""Columns of a table of named bonds."""


def write_reference_geometries(table: Path, output: Path) -> list[str]:
    """Write the geometries that the named bonds of a table and the neutral reactions of DBH24 need.

    A bond energy for which G2/97 lacks a species (a SMILES with a multiplicity) is left out.

    Returns
    -------
    The names of the groups written.
    """
    bonds = tables.read(table, columns=BONDS_NEED)
    known = {
        (_skeleton(atoms), _multiplicity(atoms)): atoms for atoms in map(g2.__getitem__, g2.names)
    }
    found = [
        (species_name(smiles, multiplicity), _mapped(smiles, atoms), "G2/97", atoms)
        for smiles, multiplicity in sorted(_species(bonds, known))
        for atoms in [known[_skeleton_of(smiles), multiplicity]]
    ]
    found += [(name, "", "DBH24/08", atoms) for name, atoms in _neutral_reactions()]
    with new_file(output) as file:
        for name, smiles, subset, atoms in found:
            write_group(
                file,
                name,
                smiles=smiles,
                subset=subset,
                numbers=atoms.numbers,
                positions=atoms.positions[None] / BOHR_ANG,
                more=electrons(charge=0, multiplicity=_multiplicity(atoms)),
            )
    provenance.record(output, inputs=[table])
    return [name for name, *_ in found]


def _species(table: pd.DataFrame, known: Mapping[Species, Atoms]) -> set[Species]:
    """Return the species of G2/97 that a De or a mean bond energy of the table is made of."""
    found: set[Species] = set()
    for row in table.itertuples():
        parts = cleavage(row)
        for species in set(parts), of_mean_bond_energy(str(row.smiles), parts[0]):
            if all((_skeleton_of(smiles), spin) in known for smiles, spin in species):
                found |= species
    return found


def _skeleton_of(smiles: str) -> str:
    return str(Chem.MolToSmiles(_bare_molecule(with_hydrogens(smiles))))


def _skeleton(atoms: Atoms) -> str:
    return str(Chem.MolToSmiles(_bare_atoms(atoms)))


def _bare_molecule(mol: Chem.Mol) -> Chem.Mol:
    rows = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in mol.GetBonds()]
    return _bare([atom.GetSymbol() for atom in mol.GetAtoms()], rows)


def _bare_atoms(atoms: Atoms) -> Chem.Mol:
    """Bond all pairs closer than 1.3 times the sum of their covalent radii."""
    radii = covalent_radii[atoms.numbers]
    reach = _BOND_FACTOR * (radii[:, None] + radii[None])
    near = np.triu(atoms.get_all_distances() < reach, k=1)
    return _bare(atoms.get_chemical_symbols(), [(int(i), int(j)) for i, j in np.argwhere(near)])


def _bare(symbols: list[str], bonds: list[tuple[int, int]]) -> Chem.Mol:
    """Return who is bonded to whom, without orders, charges and spins."""
    mol = Chem.RWMol()
    for name in symbols:
        atom = Chem.Atom(name)
        atom.SetNoImplicit(True)
        mol.AddAtom(atom)
    for i, j in bonds:
        mol.AddBond(i, j, Chem.BondType.SINGLE)
    return mol.GetMol()


def _multiplicity(atoms: Atoms) -> int:
    return 1 + round(abs(float(atoms.get_initial_magnetic_moments().sum())))


def _mapped(smiles: str, atoms: Atoms) -> str:
    """Return the SMILES mapped in the order of ``atoms``; "" if RDKit cannot read it."""
    try:
        mol = Chem.AddHs(parse(smiles))
    except SmilesError:
        return ""
    match = _bare_atoms(atoms).GetSubstructMatch(_bare_molecule(mol))
    for atom, row in zip(mol.GetAtoms(), match, strict=True):
        atom.SetAtomMapNum(row + 1)
    return str(Chem.MolToSmiles(mol))


def _neutral_reactions() -> Iterator[tuple[str, Atoms]]:
    """Yield each reactant, product and transition state of DBH24's neutral reactions once."""
    names: dict[str, None] = {}
    for reaction in ase.data.dbh24.dbh24_reaction_list.values():
        own = [*reaction["initial"], *reaction["final"], reaction["tst"]]
        if not any(ase.data.dbh24.get_dbh24_charge(name) for name in own):
            names |= dict.fromkeys(own)
    for name in names:
        yield name, ase.data.dbh24.create_dbh24_system(name)
