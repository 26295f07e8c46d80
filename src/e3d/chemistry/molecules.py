"""Molecules, bonds and bond types from SMILES, through RDKit.

A bond type is the element pair in alphabetical order with the order's sign (``C-H``, ``C=C``,
``C:C``); the finer type adds the hybridisation of both atoms (``Csp3-H``). Bonds that resonance
makes equivalent have the sign of aromatic ones (:mod:`e3d.chemistry.resonance`).
"""

from collections import Counter
from collections.abc import Set
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from ase.data import chemical_symbols
from ase.formula import Formula
from rdkit import Chem, RDLogger

from e3d.arrays import Ints
from e3d.chemistry.drawings import one_drawing
from e3d.chemistry.resonance import order_free_ranks, resonance_bonds
from e3d.errors import InputError

_ORDER_SIGN = {
    Chem.BondType.SINGLE: "-",
    Chem.BondType.DOUBLE: "=",
    Chem.BondType.TRIPLE: "#",
    Chem.BondType.AROMATIC: ":",
}
_REMEMBERED = 5_000  # parsed molecules: some 10 kB each, and a dataset may have 10^5

FORMULA = "formula:"
"""Starts the name of a molecule or material that has no SMILES."""


class SmilesError(InputError):
    """A SMILES that RDKit cannot read."""


@dataclass(frozen=True)
class Bond:
    """A covalent bond between rows ``i < j`` of a molecule: ``C=C``, finer ``Csp2=Csp2``."""

    i: int
    j: int
    bond_type: str
    fine_type: str


@dataclass(frozen=True)
class Molecule:
    """What a mapped SMILES says of a molecule.

    Parameters
    ----------
    smiles
        Canonical, without map numbers and explicit hydrogens; of :func:`unnamed` ones a formula.
    components
        That of each fragment of a cluster, without stereochemistry.
    atomic_numbers, bonds
        In the order of rows.
    charge, multiplicity
        In elementary charges, and 2S+1.
    """

    smiles: str
    components: tuple[str, ...]
    atomic_numbers: tuple[int, ...]
    bonds: tuple[Bond, ...]
    charge: int
    multiplicity: int

    @property
    def bond_index(self) -> Ints:
        """Rows (B, 2) of the bonded atoms, i < j."""
        return np.array([(bond.i, bond.j) for bond in self.bonds], dtype=np.int64).reshape(-1, 2)


def parse(smiles: str) -> Chem.Mol:
    """Parse a SMILES and keep its hydrogens; see :func:`e3d.chemistry.drawings.one_drawing`.

    Raises
    ------
    SmilesError
        If RDKit cannot read it.

    Examples
    --------
    >>> parse("[H]O").GetNumAtoms()
    2
    """
    RDLogger.DisableLog("rdApp.*")  # type: ignore[attr-defined]
    parameters = Chem.SmilesParserParams()
    parameters.removeHs = False  # type: ignore[assignment]
    mol = Chem.MolFromSmiles(smiles, parameters)
    if mol is None:
        raise SmilesError(
            f"SMILES {smiles!r} cannot be read - a valid SMILES is needed to know the bonds. "
            "Fix it at its source or leave the molecule out."
        )
    return one_drawing(mol)


def canonical_smiles(mol: Chem.Mol) -> str:
    """Return the canonical SMILES of ``mol`` without map numbers, isotopes, explicit hydrogens.

    Isotopes have the same energies and forces.

    >>> canonical_smiles(parse("[O:1]([2H:2])[13CH3:3]"))
    'CO'
    """
    bare = Chem.Mol(mol)
    for atom in bare.GetAtoms():
        atom.SetAtomMapNum(0)
        atom.SetIsotope(0)
    smiles = Chem.MolToSmiles(Chem.RemoveHs(bare))
    return str(Chem.CanonSmiles(smiles))  # type: ignore[no-untyped-call]


def flat_smiles(mol: Chem.Mol) -> str:
    """Return the canonical SMILES without stereochemistry; it decides which molecules are one.

    Enantiomers have the same energies, and SMILES differ in whether they spell stereochemistry out.

    >>> flat_smiles(parse("C[C@H](O)F"))
    'CC(O)F'
    """
    flat = Chem.Mol(mol)
    Chem.RemoveStereochemistry(flat)
    return canonical_smiles(flat)


@lru_cache(maxsize=200_000)
def flat(smiles: str) -> str:
    """Return :func:`flat_smiles` of a SMILES without map numbers, remembered."""
    return flat_smiles(Chem.AddHs(parse(smiles)))


@lru_cache(maxsize=_REMEMBERED)
def molecule(smiles: str) -> Molecule:
    """Read a mapped SMILES: map number k is row k-1, every hydrogen is explicit.

    Raises
    ------
    InputError
        If it cannot be read or its map numbers are not 1..N.

    Examples
    --------
    >>> water = molecule("[O:1]([H:2])[H:3]")
    >>> water.smiles, water.atomic_numbers, water.bonds[0]
    ('O', (8, 1, 1), Bond(i=0, j=1, bond_type='H-O', fine_type='H-Osp3'))
    """
    mol = in_map_order(parse(smiles), smiles)
    fragments = Chem.GetMolFrags(mol, asMols=True, sanitizeFrags=False)
    return Molecule(
        smiles=canonical_smiles(mol),
        components=tuple(sorted({flat_smiles(fragment) for fragment in fragments})),
        atomic_numbers=tuple(atom.GetAtomicNum() for atom in mol.GetAtoms()),
        bonds=bonds_of(mol),
        charge=Chem.GetFormalCharge(mol),
        multiplicity=1 + sum(atom.GetNumRadicalElectrons() for atom in mol.GetAtoms()),
    )


def unnamed(name: str, numbers: Ints, charge: int, multiplicity: int) -> Molecule:
    """Return what is known of a molecule or material without SMILES, called ``formula:<name>``.

    The prefix is needed: CO is carbon monoxide as a formula and methanol as a SMILES.
    """
    label = FORMULA + name
    return Molecule(label, (label,), tuple(int(z) for z in numbers), (), charge, multiplicity)


@lru_cache(maxsize=200_000)
def formula(component: str) -> str:
    """Return Hill's formula of a flat SMILES or of a name that starts with ``formula:``.

    >>> formula("CCO"), formula("formula:OTi2")
    ('C2H6O', 'OTi2')
    """
    if component.startswith(FORMULA):
        name = component.removeprefix(FORMULA)
        try:
            return str(Formula(name).format("hill"))
        except ValueError:  # named by something else than a formula
            return name
    counts = Counter(atom.GetSymbol() for atom in Chem.AddHs(parse(component)).GetAtoms())
    return str(Formula.from_dict(counts).format("hill"))


def in_map_order(mol: Chem.Mol, smiles: str) -> Chem.Mol:
    """Return the molecule of a mapped SMILES with its atoms in the order of rows.

    Raises
    ------
    InputError
        If its map numbers are not 1..N.
    """
    rows = [atom.GetAtomMapNum() - 1 for atom in mol.GetAtoms()]
    hidden = sum(atom.GetTotalNumHs() for atom in mol.GetAtoms())
    if sorted(rows) != list(range(len(rows))) or hidden or not rows:
        raise InputError(
            f"SMILES {smiles!r}: map numbers must be 1..{len(rows) + hidden or 'N'}, one per atom, "
            "hydrogens explicit, since map number k names row k-1. Write the SMILES with a map "
            "number on every atom."
        )
    return Chem.RenumberAtoms(mol, [int(row) for row in np.argsort(rows)])


def bond_type(z_i: int, z_j: int, sign: str = "-") -> str:
    """Return the element pair in alphabetical order, joined by the order's sign.

    >>> bond_type(8, 6, "=")
    'C=O'
    """
    first, second = sorted((chemical_symbols[z_i], chemical_symbols[z_j]))
    return f"{first}{sign}{second}"


def bonds_of(mol: Chem.Mol) -> tuple[Bond, ...]:
    """Return the bonds with their types, by rows."""
    merged = resonance_bonds(mol)
    fine_names = _with_hybridisation(mol, merged)
    bonds = []
    for bond in mol.GetBonds():
        i, j = sorted((bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()))
        sign = ":" if bond.GetIdx() in merged else _ORDER_SIGN.get(bond.GetBondType(), "~")
        a, b = mol.GetAtomWithIdx(i), mol.GetAtomWithIdx(j)
        names = sorted((atom.GetSymbol(), fine_names[atom.GetIdx()]) for atom in (a, b))
        fine = names[0][1] + sign + names[1][1]
        bonds.append(Bond(i, j, bond_type(a.GetAtomicNum(), b.GetAtomicNum(), sign), fine))
    return tuple(sorted(bonds, key=lambda bond: (bond.i, bond.j)))


def _with_hybridisation(mol: Chem.Mol, merged: Set[int]) -> list[str]:
    """Return ``Csp3`` of each atom; atoms that resonance makes equal have the lowest of theirs."""
    found = [atom.GetHybridization() for atom in mol.GetAtoms()]
    alike: dict[int, set[int]] = {}
    ranks = order_free_ranks(mol) if merged else []
    for bond in (mol.GetBondWithIdx(k) for k in merged):
        for row in (bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()):
            alike.setdefault(ranks[row], set()).add(row)
    for rows in alike.values():
        lowest = min((found[row] for row in rows), key=int)
        for row in rows:
            found[row] = lowest
    return [
        str(atom.GetSymbol())
        + (
            ""
            if atom.GetAtomicNum() == 1 or kind == Chem.HybridizationType.S
            else str(kind.name).lower()
        )
        for atom, kind in zip(mol.GetAtoms(), found, strict=True)
    ]
