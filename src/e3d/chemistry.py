"""Molecules, bonds and bond types from SMILES, through RDKit.

A bond type is the element pair in alphabetical order with the order's sign (``C-H``, ``C=C``,
``C:C``); the finer type adds the hybridisation of both atoms (``Csp3-H``). Bonds that resonance
makes equivalent have the sign of aromatic ones (:mod:`e3d.resonance`).
"""

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from ase.data import atomic_numbers, chemical_symbols, covalent_radii
from ase.formula import Formula
from numpy.typing import NDArray
from rdkit import Chem, RDLogger
from rdkit.Chem import rdDetermineBonds

from e3d.errors import InputError
from e3d.resonance import resonance_bonds

_ORDER_SIGN = {
    Chem.BondType.SINGLE: "-",
    Chem.BondType.DOUBLE: "=",
    Chem.BondType.TRIPLE: "#",
    Chem.BondType.AROMATIC: ":",
}
_MAX_MATCHES = 100_000
_REMEMBERED = 5_000  # parsed molecules: some 10 kB each, and a dataset may have 10^5

FORMULA = "formula:"
"""Starts the name of a molecule or material that has no SMILES."""

BROKEN_FACTOR = 1.5
"""A bond longer than this times the sum of covalent radii counts as broken."""
FORMED_FACTOR = 1.15
"""A non-bonded pair shorter than this times the sum of covalent radii counts as a new bond."""


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
    def bond_index(self) -> NDArray[np.int64]:
        """Rows (B, 2) of the bonded atoms, i < j."""
        return np.array([(bond.i, bond.j) for bond in self.bonds], dtype=np.int64).reshape(-1, 2)


def parse(smiles: str) -> Chem.Mol:
    """Parse a SMILES and keep its hydrogens.

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
    return mol


def canonical_smiles(mol: Chem.Mol) -> str:
    """Return the canonical SMILES of ``mol`` after stripping map numbers and explicit hydrogens.

    >>> canonical_smiles(parse("[O:1]([H:2])[CH3:3]"))
    'CO'
    """
    bare = Chem.Mol(mol)
    for atom in bare.GetAtoms():
        atom.SetAtomMapNum(0)
    return str(Chem.CanonSmiles(Chem.MolToSmiles(Chem.RemoveHs(bare))))  # type: ignore[no-untyped-call]


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
    mol = _in_map_order(parse(smiles), smiles)
    fragments = Chem.GetMolFrags(mol, asMols=True, sanitizeFrags=False)
    return Molecule(
        smiles=canonical_smiles(mol),
        components=tuple(sorted({flat_smiles(fragment) for fragment in fragments})),
        atomic_numbers=tuple(atom.GetAtomicNum() for atom in mol.GetAtoms()),
        bonds=_bonds(mol),
        charge=Chem.GetFormalCharge(mol),
        multiplicity=1 + sum(atom.GetNumRadicalElectrons() for atom in mol.GetAtoms()),
    )


def unnamed(name: str, numbers: NDArray[np.int64], charge: int, multiplicity: int) -> Molecule:
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


def _in_map_order(mol: Chem.Mol, smiles: str) -> Chem.Mol:
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


def _bonds(mol: Chem.Mol) -> tuple[Bond, ...]:
    merged = resonance_bonds(mol)
    bonds = []
    for bond in mol.GetBonds():
        i, j = sorted((bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()))
        sign = ":" if bond.GetIdx() in merged else _ORDER_SIGN.get(bond.GetBondType(), "~")
        a, b = mol.GetAtomWithIdx(i), mol.GetAtomWithIdx(j)
        names = sorted((atom.GetSymbol(), _with_hybridisation(atom)) for atom in (a, b))
        fine = names[0][1] + sign + names[1][1]
        bonds.append(Bond(i, j, bond_type(a.GetAtomicNum(), b.GetAtomicNum(), sign), fine))
    return tuple(sorted(bonds, key=lambda bond: (bond.i, bond.j)))


def _with_hybridisation(atom: Chem.Atom) -> str:
    hybridisation = atom.GetHybridization()
    plain = atom.GetAtomicNum() == 1 or hybridisation == Chem.HybridizationType.S
    return str(atom.GetSymbol()) + ("" if plain else str(hybridisation.name).lower())


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
    Pairs of rows (i < j): every bond that some automorphism maps onto the named one; empty if the
    molecules differ.

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
    target = _in_map_order(parse(frame), frame)
    if flat_smiles(query) != flat_smiles(target):
        return frozenset()
    for mol in (query, target):
        for atom in mol.GetAtoms():
            atom.SetAtomMapNum(0)
    matches = target.GetSubstructMatches(query, uniquify=False, maxMatches=_MAX_MATCHES)
    pairs = (sorted((match[ends[1]], match[ends[2]])) for match in matches)
    return frozenset((i, j) for i, j in pairs)


def bonds_intact(
    positions: NDArray[np.float64], numbers: NDArray[np.int64], bonds: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Say which frames of a molecule (no cell) still have exactly the bonds of their SMILES.

    Parameters
    ----------
    positions
        (M, N, 3), Å.
    numbers
        Atomic numbers (N,).
    bonds
        Bonded rows (B, 2).

    Returns
    -------
    (M,), as :func:`distances_intact` of each frame.
    """
    first, second = np.triu_indices(len(numbers), k=1)
    return distances_intact(
        np.linalg.norm(positions[:, first] - positions[:, second], axis=-1), numbers, bonds
    )


def distances_intact(
    distances: NDArray[np.float64], numbers: NDArray[np.int64], bonds: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Say which rows of ``distances`` (M, N(N-1)/2), Å, of the pairs i < j, fit the bonds.

    True where no bond is longer than ``BROKEN_FACTOR`` and no other pair shorter than
    ``FORMED_FACTOR`` times the sum of the covalent radii (Cordero 2008, as in ASE).

    >>> hydrogen = np.array([1, 1])
    >>> distances_intact(np.array([[0.74], [2.0]]), hydrogen, np.array([[0, 1]])).tolist()
    [True, False]
    """
    first, second = np.triu_indices(len(numbers), k=1)
    reach = covalent_radii[numbers][first] + covalent_radii[numbers][second]
    bonded = np.zeros((len(numbers), len(numbers)), dtype=bool)
    bonded[bonds[:, 0], bonds[:, 1]] = True
    changed = np.where(
        bonded[first, second], distances > BROKEN_FACTOR * reach, distances < FORMED_FACTOR * reach
    )
    return np.asarray(~changed.any(axis=1))


def perceive(numbers: NDArray[np.int64], positions: NDArray[np.float64], charge: int) -> str | None:
    """Return a mapped SMILES from geometry alone (RDKit's xyz2mol), None where it finds none.

    ``numbers`` (N,), ``positions`` (N, 3) in Å; ``charge`` is that of the molecule.

    >>> perceive(np.array([1, 1]), np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.74]]), 0)
    '[H:1][H:2]'
    """
    block = [str(len(numbers)), ""]
    block += [
        f"{symbol(int(z))} {x:.8f} {y:.8f} {w:.8f}"
        for z, (x, y, w) in zip(numbers, positions, strict=True)
    ]
    RDLogger.DisableLog("rdApp.*")  # type: ignore[attr-defined]
    mol: Chem.Mol | None = Chem.MolFromXYZBlock("\n".join(block) + "\n")
    if mol is None:
        return None
    try:
        rdDetermineBonds.DetermineBonds(mol, charge=charge)
    except (ValueError, RuntimeError):
        return None
    mol.UpdatePropertyCache(strict=False)
    if any(atom.GetTotalNumHs() for atom in mol.GetAtoms()):
        return None  # RDKit completes a lone atom with hydrogens that are not there
    for atom in mol.GetAtoms():
        atom.SetAtomMapNum(atom.GetIdx() + 1)
    return str(Chem.MolToSmiles(mol))


def symbol(z: int) -> str:
    """Return the chemical symbol of atomic number ``z``; 0, ASE's dummy, is ``X``.

    >>> symbol(17)
    'Cl'
    """
    return str(chemical_symbols[z])


def number(element: str) -> int:
    """Return the atomic number of a chemical symbol.

    Raises
    ------
    InputError
        If there is no such element.

    Examples
    --------
    >>> number("Cl")
    17
    """
    z = atomic_numbers.get(element, 0)
    if not z:
        raise InputError(
            f"element {element!r} is not a chemical symbol - expected one as in the periodic table "
            "(H, C, Cl). Fix `isolated_atom_energy_eV` or `exclude_elements` of the dataset, or "
            "`subset.elements`."
        )
    return int(z)
