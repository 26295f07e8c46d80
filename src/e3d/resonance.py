"""Bonds whose order is an accident of the drawing: nitro, carboxylate, amidinium."""

from collections.abc import Sequence

from rdkit import Chem


def resonance_bonds(mol: Chem.Mol) -> set[int]:
    """Return the indices of the bonds that resonance makes equivalent.

    A bond is one of them if (1) its order differs between RDKit's resonance structures of lowest
    charge separation, and (2) some bond that is equivalent to it by symmetry, once bond orders and
    formal charges are forgotten, has another order. Amides fail (1) and keep their Kekulé orders.

    >>> sorted(resonance_bonds(Chem.MolFromSmiles("CC(=O)[O-]")))
    [1, 2]
    """
    if not any(atom.GetFormalCharge() for atom in mol.GetAtoms()):
        return set()  # without a formal charge no such group is there, and the search is slow
    structures = [one for one in Chem.ResonanceMolSupplier(mol, maxStructs=64) if one is not None]
    ranks = _order_free_ranks(mol)
    orders: dict[tuple[int, ...], set[Chem.BondType]] = {}
    for bond in mol.GetBonds():
        orders.setdefault(_bond_class(bond, ranks), set()).add(bond.GetBondType())
    merged = set()
    for bond in mol.GetBonds():
        drawn = {one.GetBondWithIdx(bond.GetIdx()).GetBondType() for one in structures}
        if len(drawn) > 1 and len(orders[_bond_class(bond, ranks)]) > 1:
            merged.add(bond.GetIdx())
    return merged


def _bond_class(bond: Chem.Bond, ranks: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted((ranks[bond.GetBeginAtomIdx()], ranks[bond.GetEndAtomIdx()])))


def _order_free_ranks(mol: Chem.Mol) -> list[int]:
    """Return the symmetry classes of atoms, bond orders and formal charges forgotten."""
    skeleton = Chem.RWMol(mol)
    for bond in skeleton.GetBonds():
        bond.SetBondType(Chem.BondType.SINGLE)
        bond.SetIsAromatic(False)
    for atom in skeleton.GetAtoms():
        atom.SetFormalCharge(0)
        atom.SetIsAromatic(False)
        atom.SetAtomMapNum(0)
        atom.SetNoImplicit(True)
        atom.SetNumRadicalElectrons(0)
    skeleton.UpdatePropertyCache(strict=False)
    return list(Chem.CanonicalRankAtoms(skeleton, breakTies=False, includeChirality=False))
