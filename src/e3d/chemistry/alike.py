"""Bonds of a molecule that are the same bond, and what cutting one leaves."""

from rdkit import Chem

from e3d.chemistry.molecules import bonds_of, flat_smiles, in_map_order, molecule, parse
from e3d.chemistry.resonance import order_free
from e3d.errors import InputError


def equivalent_bonds(named: str, frame: str) -> frozenset[tuple[int, int]]:
    """Find the bonds of ``frame`` that are the named one.

    Parameters
    ----------
    named
        SMILES with map numbers 1 and 2 on the two atoms of the bond (``[CH3:1][H:2]``).
    frame
        Mapped SMILES of the frame's molecule.

    Returns
    -------
    Pairs of rows (i < j): every bond that some automorphism maps onto the named one, and those that
    resonance makes equivalent to it; empty if the molecules differ.

    Raises
    ------
    InputError
        If the named bond has not exactly these two map numbers, on bonded atoms.

    Examples
    --------
    >>> sorted(equivalent_bonds("[H:1][OH:2]", "[O:1]([H:2])[H:3]"))
    [(0, 1), (0, 2)]
    """
    query = Chem.AddHs(parse(named))
    ends = {
        atom.GetAtomMapNum(): atom.GetIdx() for atom in query.GetAtoms() if atom.GetAtomMapNum()
    }
    if set(ends) != {1, 2} or query.GetBondBetweenAtoms(ends[1], ends[2]) is None:
        raise InputError(
            f"named bond {named!r}: needs map numbers 1 and 2, on two bonded atoms, and no others. "
            "Fix the SMILES in the reference table."
        )
    target = in_map_order(parse(frame), frame)
    if flat_smiles(query) != flat_smiles(target):
        return frozenset()
    i, j = sorted((ends[1], ends[2]))
    (kind,) = (bond.bond_type for bond in bonds_of(query) if (bond.i, bond.j) == (i, j))
    alike = [bond for bond in bonds_of(target) if bond.bond_type == kind]
    wanted = _marked(query, i, j)
    return frozenset((b.i, b.j) for b in alike if _marked(target, b.i, b.j) == wanted)


def _marked(mol: Chem.Mol, i: int, j: int) -> str:
    """Return a canonical SMILES of the skeleton with two atoms marked."""
    marked = order_free(mol)
    for row in (i, j):
        marked.GetAtomWithIdx(row).SetIsotope(1)
    return str(Chem.MolToSmiles(marked))


def fragment_rows(smiles: str, bond: tuple[int, int]) -> list[int]:
    """Return the rows of the fragment of ``bond[1]`` once the bond is cut, ascending.

    >>> fragment_rows("[C:1]([H:3])([H:4])([H:5])[O:2][H:6]", (0, 1))
    [1, 5]

    Raises
    ------
    InputError
        If cutting the bond leaves one piece: it is part of a ring.
    """
    known = molecule(smiles)
    pairs = {(one.i, one.j) for one in known.bonds} - {(min(bond), max(bond))}
    rows, reached = {bond[1]}, {bond[1]}
    while reached:
        reached = {k for pair in pairs for k in pair if rows & set(pair)} - rows
        rows |= reached
    if bond[0] in rows:
        raise InputError(
            f"{smiles}: the bond of rows {bond} is part of a ring, a stretch needs two fragments."
        )
    return sorted(rows)
