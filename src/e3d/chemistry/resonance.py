"""Bonds whose order is an accident of the drawing: nitro, carboxylate, amidinium, phosphate."""

from rdkit import Chem

from e3d.chemistry.drawings import expands_octet


def resonance_bonds(mol: Chem.Mol) -> set[int]:
    """Return the indices of the bonds that resonance makes equivalent.

    A symmetry of the molecule, bond orders and formal charges forgotten, turns one Lewis structure
    into another of the same energy. A bond that it maps onto one of another order is therefore
    drawn by accident. Joined bonds of this kind are merged if they meet a formal charge or an
    expanded octet; without either they are valence isomers that a geometry tells apart, as in
    cyclooctatetraene. Amides have no such symmetry and keep their orders.

    >>> sorted(resonance_bonds(Chem.MolFromSmiles("CC(=O)[O-]")))
    [1, 2]
    """
    marked = {
        atom.GetIdx() for atom in mol.GetAtoms() if atom.GetFormalCharge() or expands_octet(atom)
    }
    if not marked:
        return set()
    ranks = order_free_ranks(mol)
    classes: dict[tuple[int, ...], list[Chem.Bond]] = {}
    for bond in mol.GetBonds():
        key = tuple(sorted(ranks[row] for row in _ends(bond)))
        classes.setdefault(key, []).append(bond)
    mixed = [bonds for bonds in classes.values() if len({b.GetBondType() for b in bonds}) > 1]
    reached, merged, n_merged = marked, set[int](), -1
    while len(merged) > n_merged:
        n_merged = len(merged)
        for bonds in mixed:
            if any(reached & set(_ends(bond)) for bond in bonds):
                merged |= {bond.GetIdx() for bond in bonds}
                reached = reached.union(*map(_ends, bonds))
    return merged


def _ends(bond: Chem.Bond) -> tuple[int, int]:
    return bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()


def order_free(mol: Chem.Mol) -> Chem.Mol:
    """Return the skeleton: without bond orders, charges, isotopes, stereochemistry, map numbers.

    >>> Chem.MolToSmiles(order_free(Chem.MolFromSmiles("C=[NH2+]")))
    '[CH2]N'
    """
    skeleton = Chem.RWMol(mol)
    for bond in skeleton.GetBonds():
        bond.SetBondType(Chem.BondType.SINGLE)
        bond.SetIsAromatic(False)
    for atom in skeleton.GetAtoms():
        atom.SetNumExplicitHs(atom.GetTotalNumHs())
        atom.SetNoImplicit(True)
        atom.SetFormalCharge(0)
        atom.SetIsAromatic(False)
        atom.SetAtomMapNum(0)
        atom.SetIsotope(0)
        atom.SetNumRadicalElectrons(0)
    Chem.RemoveStereochemistry(skeleton)
    skeleton.UpdatePropertyCache(strict=False)
    return skeleton


def order_free_ranks(mol: Chem.Mol) -> list[int]:
    """Return the symmetry classes of the atoms of the skeleton."""
    return list(Chem.CanonicalRankAtoms(order_free(mol), breakTies=False, includeChirality=False))
