"""One drawing of a molecule, however its SMILES draws it.

``C[S+](C)[O-]`` and ``CS(C)=O`` are one molecule, and so are the azides ``[N-]=[N+]=NC`` and
``N#[N+][N-]C``. What has formal charges or expanded octets is drawn anew as the Lewis structure of
its graph (:mod:`e3d.chemistry.lewis`); everything else, radicals and metals stay as they are
written.
"""

from collections.abc import Sequence
from typing import Final

from rdkit import Chem

from e3d.chemistry.lewis import Graph, Lewis, lewis

BOND_ORDERS: Final = {
    1: Chem.BondType.SINGLE,
    2: Chem.BondType.DOUBLE,
    3: Chem.BondType.TRIPLE,
}
_DRAWN: Final = frozenset({*BOND_ORDERS.values(), Chem.BondType.AROMATIC})
_SANITIZE: Final = (
    Chem.SanitizeFlags.SANITIZE_ALL
    ^ Chem.SanitizeFlags.SANITIZE_CLEANUP
    ^ Chem.SanitizeFlags.SANITIZE_CLEANUP_ORGANOMETALLICS
)


def expands_octet(atom: Chem.Atom) -> bool:
    """Say whether an atom has more than its lowest valence, as the sulfur of a sulfone.

    >>> [expands_octet(atom) for atom in Chem.MolFromSmiles("O=S=O").GetAtoms()]
    [False, True, False]
    """
    isoelectronic = atom.GetAtomicNum() - atom.GetFormalCharge()
    if not 0 < isoelectronic <= 103:
        return False
    lowest = Chem.GetPeriodicTable().GetValenceList(isoelectronic)[0]
    return 0 <= lowest < atom.GetTotalValence()


def one_drawing(mol: Chem.Mol) -> Chem.Mol:
    """Return a sanitized molecule in the drawing of its Lewis structures, atoms in their order.

    >>> Chem.MolToSmiles(one_drawing(Chem.MolFromSmiles("C[S+](C)[O-]")))
    'CS(C)=O'
    """
    marked = [atom.GetFormalCharge() != 0 or expands_octet(atom) for atom in mol.GetAtoms()]
    if not any(marked):
        return mol
    drawn = Chem.RWMol(mol)
    Chem.Kekulize(drawn, clearAromaticFlags=True)
    changed = False
    for rows in Chem.GetMolFrags(mol):
        if any(marked[row] for row in rows):
            changed |= _redraw(drawn, rows)
    if not changed:
        return mol
    Chem.SanitizeMol(drawn, _SANITIZE)
    Chem.AssignStereochemistry(drawn, cleanIt=True, force=True)
    return mol if _flat(drawn) == _flat(mol) else drawn.GetMol()


def _redraw(mol: Chem.RWMol, rows: Sequence[int]) -> bool:
    """Give a fragment of a kekulised molecule its Lewis structure; say whether that is another."""
    atoms = [mol.GetAtomWithIdx(row) for row in rows]
    place = {row: k for k, row in enumerate(rows)}
    bonds = [bond for bond in mol.GetBonds() if bond.GetBeginAtomIdx() in place]
    if any(atom.GetNumRadicalElectrons() or not atom.GetAtomicNum() for atom in atoms):
        return False
    if any(bond.GetBondType() not in _DRAWN for bond in bonds):
        return False
    graph = Graph(
        tuple(atom.GetAtomicNum() for atom in atoms),
        tuple(atom.GetTotalNumHs() for atom in atoms),
        tuple((place[bond.GetBeginAtomIdx()], place[bond.GetEndAtomIdx()]) for bond in bonds),
    )
    found = lewis(graph, sum(atom.GetFormalCharge() for atom in atoms))
    if found is None or _agrees(found, graph, atoms):
        return False
    apply_lewis(atoms, bonds, found)
    return True


def _agrees(found: Lewis, graph: Graph, atoms: Sequence[Chem.Atom]) -> bool:
    """Say whether each atom has the charge and the valence that it is drawn with."""
    valence = list(graph.hydrogens)
    for (i, j), order in zip(graph.bonds, found.orders, strict=True):
        valence[i] += order
        valence[j] += order
    drawn = [(atom.GetFormalCharge(), atom.GetTotalValence()) for atom in atoms]
    return drawn == list(zip(found.charges, valence, strict=True))


def apply_lewis(atoms: Sequence[Chem.Atom], bonds: Sequence[Chem.Bond], found: Lewis) -> None:
    """Set charges and orders; the hydrogens of every atom stay as many as they are."""
    for atom, charge in zip(atoms, found.charges, strict=True):
        atom.SetNumExplicitHs(atom.GetTotalNumHs())
        atom.SetNoImplicit(True)
        atom.SetFormalCharge(charge)
    for bond, order in zip(bonds, found.orders, strict=True):
        if bond.GetBondType() != BOND_ORDERS[order]:
            bond.SetStereo(Chem.BondStereo.STEREONONE)
        bond.SetBondType(BOND_ORDERS[order])


def _flat(mol: Chem.Mol) -> str:
    bare = Chem.Mol(mol)
    for atom in bare.GetAtoms():
        atom.SetAtomMapNum(0)
    return str(Chem.MolToSmiles(bare, isomericSmiles=False))
