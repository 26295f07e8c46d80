"""Reference molecules, radicals and reactions: their geometries from ASE, their energies at the labels' own level.

Geometries are those of the G2/97 test set (``ase.collections.g2``, MP2(full)/6-31G*) and of DBH24/08
(``ase.data.dbh24``, QCISD/MG3). They are labelled like any dataset (``e3d data label``) and never trained
on. From the labels follow, for named bonds, De and the mean bond energy, and for reactions the
barrier heights, so that "far from the literature" splits into the labels' error and the model's.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import ase.data.dbh24
import h5py
import numpy as np
import pandas as pd
from ase import Atoms
from ase.collections import g2
from ase.data import covalent_radii
from rdkit import Chem

from e3d import provenance, tables
from e3d.chemistry import SmilesError, canonical_smiles, equivalent_bonds, molecule, parse
from e3d.errors import InputError
from e3d.store.files.hdf5 import array, open_hdf5
from e3d.store.layouts.spice import SAMPLE_INDEX
from e3d.units import BOHR_ANG, EV_KCAL_MOL, HARTREE_EV

Species = tuple[str, int]
"""A SMILES and a multiplicity."""

SPECIES = "G2/97"
GEOMETRY = "MP2(full)/6-31G* (G2/97)"
REACTIONS = "DBH24/08"
_BOND_FACTOR = 1.3
_HYDRIDES = {"C-H": ("C", 4), "H-O": ("O", 2), "H-N": ("N", 3), "H-S": ("S", 2)}
_KCAL = HARTREE_EV * EV_KCAL_MOL
_DBH24 = "dbh24_"


def reference_geometries(table: Path, output: Path) -> list[str]:
    """Write the geometries that the named bonds of a table and the neutral reactions of DBH24 need.

    A bond energy for which G2/97 lacks a species (a SMILES with a multiplicity) is left out.

    Returns
    -------
    The names of the groups written.
    """
    bonds = tables.read(table, columns=("smiles", "multiplicity", "fragment_1", "fragment_2"))
    known = {
        (_skeleton(atoms), _multiplicity(atoms)): atoms for atoms in map(g2.__getitem__, g2.names)
    }
    names: list[str] = []
    with (
        provenance.atomic(output) as temporary,
        h5py.File(temporary, "w", track_order=True) as file,
    ):
        for smiles, multiplicity in sorted(_species(bonds, known)):
            atoms = known[_skeleton_of(smiles), multiplicity]
            names.append(species_name(smiles, multiplicity))
            _write(file, names[-1], _mapped(smiles, atoms), SPECIES, atoms, multiplicity)
        for name, atoms in _neutral_reactions():
            names.append(name)
            _write(file, name, "", REACTIONS, atoms, _multiplicity(atoms))
    provenance.record(output, inputs=[table])
    return names


def species_name(smiles: str, multiplicity: int) -> str:
    """Return the name of a species' group."""
    return f"{smiles} ({multiplicity})"


def _species(table: pd.DataFrame, known: Mapping[Species, Atoms]) -> set[Species]:
    """Return the species of G2/97 that a De or a mean bond energy of the table is made of."""
    found: set[Species] = set()
    for row in table.itertuples():
        whole, *fragments = _parts(row)
        for species in {whole, *fragments}, _needed_for_mean(str(row.smiles), whole):
            if all(_found(known, one) is not None for one in species):
                found |= species
    return found


def _parts(row: Any) -> list[Species]:
    """Return molecule, fragment 1 and fragment 2 of a named bond."""
    pairs = [(row.smiles, row.multiplicity)]
    pairs += [(getattr(row, f"fragment_{k}"), getattr(row, f"multiplicity_{k}")) for k in (1, 2)]
    return [(_plain(str(smiles)), int(multiplicity)) for smiles, multiplicity in pairs]


def _needed_for_mean(named: str, whole: Species) -> set[Species]:
    """Return the species of a mean bond energy; none where the molecule does not determine it."""
    sharing = _sharing(named)
    if sharing is None:
        return set()
    hydrides = [_HYDRIDES[kind] for kind in sharing[1]]
    atoms = {f"[{atom.GetSymbol()}]" for atom in _explicit(named).GetAtoms()} | {
        f"[{centre}]" for centre, _ in hydrides
    }
    return {whole, *((_plain(centre), 1) for centre, _ in hydrides), *map(_atom, sorted(atoms))}


def _atom(smiles: str) -> Species:
    return smiles, _ATOM_MULTIPLICITY[smiles.strip("[]")]


def _found(known: Mapping[Species, Atoms], species: Species) -> Atoms | None:
    return known.get((_skeleton_of(species[0]), species[1]))


_ATOM_MULTIPLICITY = {"H": 2, "C": 3, "N": 4, "O": 3, "F": 2, "S": 3, "Cl": 2, "Br": 2}


def _plain(smiles: str) -> str:
    """Return the canonical SMILES, or the text itself where the valence is none RDKit knows (NO2)."""
    try:
        return canonical_smiles(parse(smiles))
    except SmilesError:
        return smiles


def _explicit(smiles: str) -> Chem.Mol:
    """Return the molecule with its hydrogens, whatever its valences."""
    try:
        return Chem.AddHs(parse(smiles))
    except SmilesError:
        return Chem.MolFromSmiles(smiles, sanitize=False)


def _skeleton_of(smiles: str) -> str:
    mol = _explicit(smiles)
    rows = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in mol.GetBonds()]
    return str(Chem.MolToSmiles(_bare([atom.GetSymbol() for atom in mol.GetAtoms()], rows)))


def _skeleton(atoms: Atoms) -> str:
    return str(Chem.MolToSmiles(_bare(atoms.get_chemical_symbols(), _contacts(atoms))))


def _contacts(atoms: Atoms) -> list[tuple[int, int]]:
    """Return the pairs of rows that are closer than 1.3 times the sum of their covalent radii."""
    reach = _BOND_FACTOR * (
        covalent_radii[atoms.numbers][:, None] + covalent_radii[atoms.numbers][None]
    )
    near = np.triu(atoms.get_all_distances() < reach, k=1)
    return [(int(i), int(j)) for i, j in np.argwhere(near)]


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
    """Return the SMILES with map numbers in the order of ``atoms``; "" if RDKit cannot read it back."""
    try:
        mol = Chem.AddHs(parse(smiles))
    except SmilesError:
        return ""
    rows = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in mol.GetBonds()]
    query = _bare([atom.GetSymbol() for atom in mol.GetAtoms()], rows)
    match = _bare(atoms.get_chemical_symbols(), _contacts(atoms)).GetSubstructMatch(query)
    for atom, row in zip(mol.GetAtoms(), match, strict=True):
        atom.SetAtomMapNum(row + 1)
    return str(Chem.MolToSmiles(mol))


def _neutral_reactions() -> Iterator[tuple[str, Atoms]]:
    """Yield every reactant, product and transition state of the neutral reactions of DBH24, once."""
    seen = set()
    for reaction in ase.data.dbh24.dbh24_reaction_list.values():
        names = [*reaction["initial"], *reaction["final"], reaction["tst"]]
        if any(ase.data.dbh24.get_dbh24_charge(name) for name in names):
            continue
        for name in names:
            if name not in seen:
                seen.add(name)
                yield name, ase.data.dbh24.create_dbh24_system(name)


def _write(
    file: h5py.File, name: str, smiles: str, subset: str, atoms: Atoms, multiplicity: int
) -> None:
    group = file.create_group(name)
    text = h5py.string_dtype()
    group.create_dataset("smiles", data=[smiles], dtype=text)
    group.create_dataset("subset", data=[subset], dtype=text)
    group["atomic_numbers"] = atoms.numbers.astype(np.int16)
    group["conformations"] = (atoms.positions / BOHR_ANG)[None].astype(np.float32)
    group[SAMPLE_INDEX] = np.zeros(1, dtype=np.int16)
    group["charge"] = np.zeros(1, dtype=np.int8)
    group["multiplicity"] = np.array([multiplicity], dtype=np.int8)


def bond_energies(labels: Path, bonds: Path, output: Path) -> pd.DataFrame:
    """Write De and mean bond energy of the named bonds at the level of the labels.

    De = E(fragment 1) + E(fragment 2) - E(molecule). The mean bond energy is the atomisation energy
    without what the bonds to hydrogen take (the means of CH4, H2O, NH3 and H2S, so additivity is
    assumed), shared among the other bonds; it is given where those are all equivalent to the named
    one, or where all bonds are. Both without zero-point energy, in kcal/mol.
    """
    table = tables.read(
        bonds, columns=("bond", "smiles", "multiplicity", "fragment_1", "fragment_2")
    )
    energy, theory = _energies(labels)
    rows = []
    for row in table.itertuples():
        whole, first, second = (
            energy.get(species_name(*species), np.nan) for species in _parts(row)
        )
        values = {
            "de_kcal_mol": (first + second - whole) * _KCAL,
            "mean_bond_energy_kcal_mol": _mean_bond_energy(str(row.smiles), whole, energy),
        }
        if np.isfinite(list(values.values())).any():
            facts = {"bond": row.bond, "smiles": row.smiles, "theory": theory, "geometry": GEOMETRY}
            rows.append(facts | {name: round(value, 3) for name, value in values.items()})
    return _write_table(rows, output, [labels, bonds])


def barrier_heights(labels: Path, output: Path) -> pd.DataFrame:
    """Write forward and backward barrier heights of the neutral DBH24 reactions at the level of the labels.

    The reference columns are those of Zheng, Zhao, Truhlar, J. Chem. Theory Comput. 5, 808 (2009), as ASE has them.
    """
    energy, theory = _energies(labels)
    rows = []
    for name, reaction in ase.data.dbh24.dbh24_reaction_list.items():
        top = reaction["tst"]
        if not all(part in energy for part in (*reaction["initial"], *reaction["final"], top)):
            continue
        start, end = (sum(energy[part] for part in reaction[side]) for side in ("initial", "final"))
        rows.append(
            {
                "reaction": f"{' + '.join(_short(reaction['initial']))} -> {' + '.join(_short(reaction['final']))}",
                "name": name,
                "theory": theory,
                "forward_kcal_mol": round((energy[top] - start) * _KCAL, 3),
                "backward_kcal_mol": round((energy[top] - end) * _KCAL, 3),
                "reference_forward_kcal_mol": ase.data.dbh24.get_dbh24_Vf(top),
                "reference_backward_kcal_mol": ase.data.dbh24.get_dbh24_Vb(top),
            }
        )
    return _write_table(rows, output, [labels])


def _write_table(rows: list[dict[str, Any]], output: Path, inputs: list[Path]) -> pd.DataFrame:
    if not rows:
        raise InputError(
            f"{inputs[0]}: has none of the species {output} is made of. Label the geometries of e3d data references."
        )
    table = pd.DataFrame(rows)
    tables.write(table, output, inputs=inputs)
    return table


def _short(names: list[str]) -> list[str]:
    return [name.removeprefix(_DBH24) for name in names]


def _energies(labels: Path) -> tuple[dict[str, float], str]:
    """Return the energy (hartree) of every group, and the level of theory of the file."""
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


def _mean_bond_energy(named: str, total: float, energy: Mapping[str, float]) -> float:
    """Return the mean bond energy in kcal/mol, NaN where the molecule or the labels do not determine it."""
    sharing = _sharing(named)
    if sharing is None:
        return float("nan")
    n_same, hydride_bonds = sharing
    atoms = [_atom(f"[{atom.GetSymbol()}]") for atom in _explicit(named).GetAtoms()]
    rest = sum(energy.get(species_name(*atom), np.nan) for atom in atoms) - total
    rest -= sum(_hydride_mean(kind, energy) for kind in hydride_bonds)
    return float(rest / n_same * _KCAL)


def _sharing(named: str) -> tuple[int, list[str]] | None:
    """Return how many bonds are the named one, and the types of all others; None if that is no mean.

    All others must be bonds to hydrogen, whose means come from the hydrides; and where there are others,
    the named bond must be none of these.
    """
    mol = _explicit(named)
    for atom in mol.GetAtoms():
        atom.SetAtomMapNum(atom.GetIdx() + 1)
    mapped = str(Chem.MolToSmiles(mol))
    same = equivalent_bonds(named, mapped)
    kinds = {(bond.i, bond.j): bond.bond_type for bond in molecule(mapped).bonds}
    others = [kind for pair, kind in kinds.items() if pair not in same]
    if any(kind not in _HYDRIDES for kind in others) or (
        others and kinds[next(iter(same))] in _HYDRIDES
    ):
        return None
    return len(same), others


def _hydride_mean(bond_type: str, energy: Mapping[str, float]) -> float:
    """Return the mean energy (hartree) of a bond to hydrogen in CH4, H2O, NH3 or H2S."""
    element, n = _HYDRIDES[bond_type]
    parts = [(_plain(element), 1), _atom(f"[{element}]"), _atom("[H]")]
    hydride, centre, hydrogen = (energy.get(species_name(*species), np.nan) for species in parts)
    return (centre + n * hydrogen - hydride) / n


def reference_energies(labels: Path, table: Path, output: Path, barriers: Path) -> None:
    """Write bond energies of the named bonds to ``output``, barrier heights to ``barriers``."""
    bond_energies(labels, table, output)
    barrier_heights(labels, barriers)
