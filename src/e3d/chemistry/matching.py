"""A plain SMILES of a frame, matched to its geometry: which atom of it is in which row."""

from rdkit import Chem

from e3d.arrays import Floats, Ints
from e3d.chemistry.molecules import parse
from e3d.chemistry.perception import connected
from e3d.errors import InputError


def mapped_to(smiles: str, numbers: Ints, positions: Floats, where: str) -> str:
    """Return ``smiles`` with map number k on the atom of row k-1; one with map numbers as it is.

    Its bonds must be bonds of the geometry, by distance. Atoms that are alike are taken in any
    order, since the types of their bonds are the same.

    Parameters
    ----------
    smiles
        Of the frame, hydrogens spelt out or not.
    numbers, positions
        (N,) and (N, 3), Å.
    where
        What messages call the frame.

    Raises
    ------
    InputError
        If it cannot be read, or the geometry has other atoms or bonds.

    Examples
    --------
    >>> import numpy as np
    >>> mapped_to("[HH]", np.array([1, 1]), np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.74]]), "H2")
    '[H:1][H:2]'
    """
    try:
        mol = Chem.AddHs(parse(smiles))
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    if any(atom.GetAtomMapNum() for atom in mol.GetAtoms()):
        return smiles
    given = sorted(atom.GetAtomicNum() for atom in mol.GetAtoms())
    if given != sorted(numbers.tolist()):
        raise InputError(
            f"{where}: its smiles {smiles!r} has {len(given)} atoms, hydrogens among them, and "
            f"other ones than the frame's {len(numbers)}. Fix it, or remove it to have the bonds "
            "perceived."
        )
    rows = connected(numbers, positions).GetSubstructMatch(_bare(mol))
    if not rows:
        raise InputError(
            f"{where}: the geometry does not have the bonds of its smiles {smiles!r}. Write the "
            "SMILES with a map number on every atom, number k for row k-1, hydrogens explicit; or "
            "remove it to have the bonds perceived."
        )
    for atom, row in zip(mol.GetAtoms(), rows, strict=True):
        atom.SetAtomMapNum(int(row) + 1)
    return str(Chem.MolToSmiles(mol))


def _bare(mol: Chem.Mol) -> Chem.Mol:
    """Return the graph of a molecule: its atoms, with bonds of order 1 and without charges."""
    bare = Chem.RWMol()
    for atom in mol.GetAtoms():
        one = Chem.Atom(atom.GetAtomicNum())
        one.SetNoImplicit(True)
        bare.AddAtom(one)
    for bond in mol.GetBonds():
        bare.AddBond(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), Chem.BondType.SINGLE)
    return bare.GetMol()
