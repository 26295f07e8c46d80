"""The species a named bond's energies are made of: molecule, fragments, atoms and hydrides."""

from typing import Any

from rdkit import Chem

from e3d.chemistry import SmilesError, canonical_smiles, equivalent_bonds, molecule, parse

Species = tuple[str, int]
"""A SMILES and a multiplicity."""

HYDRIDES = {"C-H": ("C", 4), "H-O": ("O", 2), "H-N": ("N", 3), "H-S": ("S", 2)}
"""Centre and number of bonds of the hydride that a bond to hydrogen has its mean energy from."""
_ATOM_MULTIPLICITY = {"H": 2, "C": 3, "N": 4, "O": 3, "F": 2, "S": 3, "Cl": 2, "Br": 2}


def species_name(smiles: str, multiplicity: int) -> str:
    """Return the name of a species' group.

    >>> species_name("[CH2]", 3)
    '[CH2] (3)'
    """
    return f"{smiles} ({multiplicity})"


def cleavage(row: Any) -> tuple[Species, Species, Species]:
    """Return molecule, fragment 1 and fragment 2 of a row of a table of named bonds."""
    return (
        (_plain(str(row.smiles)), int(row.multiplicity)),
        (_plain(str(row.fragment_1)), int(row.multiplicity_1)),
        (_plain(str(row.fragment_2)), int(row.multiplicity_2)),
    )


def free_atoms(named: str) -> list[Species]:
    """Return the atoms of a molecule, one by one, in their ground states."""
    return [_atom(atom.GetSymbol()) for atom in with_hydrogens(named).GetAtoms()]


def hydride(bond_type: str) -> tuple[Species, Species, Species]:
    """Return the hydride of a bond to hydrogen, its centre and hydrogen."""
    element, _ = HYDRIDES[bond_type]
    return (_plain(element), 1), _atom(element), _atom("H")


def sharing(named: str) -> tuple[int, list[str]] | None:
    """Return how many bonds are the named one, and the types of all others.

    None where the molecule does not determine a mean bond energy. It does if all other bonds are
    bonds to hydrogen, whose means come from the hydrides, and the named one, if there are others,
    is none of these.

    >>> sharing("[CH3:1][CH3:2]")
    (1, ['C-H', 'C-H', 'C-H', 'C-H', 'C-H', 'C-H'])
    """
    mol = with_hydrogens(named)
    for atom in mol.GetAtoms():
        atom.SetAtomMapNum(atom.GetIdx() + 1)
    mapped = str(Chem.MolToSmiles(mol))
    same = equivalent_bonds(named, mapped)
    kinds = {(bond.i, bond.j): bond.bond_type for bond in molecule(mapped).bonds}
    others = [kind for pair, kind in kinds.items() if pair not in same]
    if any(kind not in HYDRIDES for kind in others):
        return None
    return None if others and kinds[next(iter(same))] in HYDRIDES else (len(same), others)


def of_mean_bond_energy(named: str, whole: Species) -> set[Species]:
    """Return the species a mean bond energy is made of; none where there is no such mean."""
    shares = sharing(named)
    if shares is None:
        return set()
    hydrides = {species for kind in shares[1] for species in hydride(kind)}
    return {whole, *free_atoms(named), *hydrides}


def with_hydrogens(smiles: str) -> Chem.Mol:
    """Return the molecule with its hydrogens, whatever its valences."""
    try:
        return Chem.AddHs(parse(smiles))
    except SmilesError:
        return Chem.MolFromSmiles(smiles, sanitize=False)


def _plain(smiles: str) -> str:
    """Return the canonical SMILES, or the text itself if RDKit knows no such valence (NO2)."""
    try:
        return canonical_smiles(parse(smiles))
    except SmilesError:
        return smiles


def _atom(element: str) -> Species:
    return f"[{element}]", _ATOM_MULTIPLICITY[element]
