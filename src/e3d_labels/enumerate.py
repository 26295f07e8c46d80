"""Small molecules in named strata, by growing them atom by atom: a list without a source.

Molecules of n + 1 heavy atoms come from those of n, by putting an atom on a hydrogen or by closing
a ring, and from rings and groups that growth would hardly find. At every size a seeded choice of
each stratum is kept, so that rare ones are as many as common ones where there are enough.
"""

import logging
from collections.abc import Iterable, Iterator
from functools import cache
from math import prod
from pathlib import Path
from typing import Final

import numpy as np
from rdkit import Chem
from rdkit.rdBase import BlockLogs

from e3d import provenance
from e3d.errors import InputError
from e3d_labels.each_molecule import Progress

log = logging.getLogger(__name__)

SMALLEST: Final = 3
LARGEST: Final = 9
"""Heavy atoms. Of larger molecules there are too many to grow."""
STRATA: Final = {
    "captodative": "[CX4;!H0]([N,O,S;!$([N,O,S]~[!#6])])[$([C,S]=O),$(C#N),$([N+](=O)[O-])]",
    "heteroatom-heteroatom": "[N,O,S;!$([N+](=O)[O-])]~[N,O,S,F,Cl;!$([O-][N+])]",
    "benzylic": "[CX4;!H0]c",
    "aromatic": "a",
    "strained-ring": "[r3,r4]",
    "conjugated": "[C,N,O]=,#C-C=,#[C,N,O]",
    "allylic": "[CX4;!H0]-C=C",
    "carbonyl": "[CX3]=O",
    "nitrile": "C#N",
    "imine": "C=N",
    "alkyne": "C#C",
    "alkene": "C=C",
    "sulfur": "S",
    "amine": "N",
    "halide": "[F,Cl]",
    "alcohol-ether": "O",
    "alkane": "C",
}
"""Strata and their patterns (SMARTS): a molecule is in the first that it matches."""
_RINGS: Final = (
    *("c1ccccc1", "c1ccncc1", "c1ccnnc1", "c1cncnc1", "c1cnccn1"),
    *("c1ccoc1", "c1cc[nH]c1", "c1ccsc1", "c1cnc[nH]1", "c1cn[nH]c1"),
    *("c1cocn1", "c1ccon1", "c1cscn1", "c1ccsn1"),
)
_ATOMS: Final = ("C", "N", "O", "F", "S", "Cl")
_GROUPS: Final = ("[N+](=O)[O-]", "S(C)(=O)=O", "S(C)=O", "C#N", "C(=O)O", "C(N)=O")
_FORBIDDEN: Final = tuple(
    Chem.MolFromSmarts(pattern)
    for pattern in (
        "[N,O,S,F,Cl;!$([O-][N+])]~[N,O,S;!$([N+](=O)[O-]);!$(S(=O))]~[N,O,S,F,Cl]",
        "[N,O,S;!a]-[F,Cl]",
        "[#7,#8,#16;a]~[#7,#8,#16;a]~[#7,#8,#16;a]",
        "[o,s]~[o,s]",
        "[a;r3,r4]",
        "*=*=*",
        "[r3,r4,r5,r6]#*",
        "[r3]=[r3]",
        "[R2;r3]",
        "C1=CC=C1",
        "[OX2H,SX2H,NX3;!H0;!a]-[CX3;!a]=[C,N]",
        "[OX2H,SX2H]-C#*",
        "[C;R2;!a]=[C,N;!a]",
        "[CX4]([O,S,N;!H0])[O,N,S]",
        "[F,Cl]-[CX4]-[N,O,S]",
        "[F,Cl,O,S,N]-C=[S,N]",
        "[S;X1]=[!#6]",
        "[NX3;!a]-[SX2;!a]",
    )
)
"""What does not live long, or is another molecule the next moment."""
_MOST_RINGS: Final = 2
_MOST_HETERO: Final = 0.5
_EVERY_S: Final = 20.0
_WEIGHTS: Final = {"C": 1.0, "N": 0.5, "O": 0.6, "F": 0.3, "S": 0.2, "Cl": 0.3}
"""By which a molecule is more or less likely chosen, one factor for each atom."""
_FREE: Final = {"C": 4, "N": 3, "O": 2, "S": 2, "F": 1, "Cl": 1}
_ORDERS: Final = (Chem.BondType.SINGLE, Chem.BondType.DOUBLE, Chem.BondType.TRIPLE)


def enumerate_molecules(output: Path, *, n: int, largest: int, seed: int) -> dict[str, int]:
    """Write a list of about ``n`` molecules of 3 to ``largest`` heavy atoms, stratum by stratum.

    Each line is a canonical SMILES and a name, ``aromatic-0012``.

    Returns
    -------
    Number of molecules by stratum. A stratum with fewer than its share gives the rest to others.

    Raises
    ------
    InputError
        If ``largest`` is not 3 to 9.
    """
    if not SMALLEST <= largest <= LARGEST:
        raise InputError(
            f"--largest {largest}: molecules of {SMALLEST} to {LARGEST} heavy atoms can be "
            "enumerated. Give a number of these."
        )
    rng = np.random.default_rng(seed)
    found: dict[str, list[str]] = {name: [] for name in STRATA}
    quota = -(-n // len(STRATA))
    grown = {"C", "N", "O", "S"}
    rings = _by_size(_RINGS)
    for size in range(2, largest + 1):
        with BlockLogs():  # most of what is grown is no molecule
            grown = set(_grown(sorted(grown), size)) | rings.get(size, set())
        chosen = _chosen(sorted(grown), quota, rng)
        if size >= SMALLEST:
            for name, members in chosen.items():
                found[name] += members
        grown = {smiles for members in chosen.values() for smiles in members}
        log.info("%d heavy atoms: %d molecules", size, len(grown))
    kept = _shared_out(found, n, rng)
    lines = [
        f"{smiles} {name}-{row:04d}"
        for name, members in kept.items()
        for row, smiles in enumerate(members)
    ]
    provenance.write_text(output, "\n".join(lines) + "\n")
    counts = {name: len(members) for name, members in kept.items()}
    settings = {"n": n, "largest": largest, "seed": seed}
    provenance.record(output, settings=settings | {"strata": counts})
    log.info("%s: %d molecules, %s", output, len(lines), counts)
    return counts


def stratum(mol: Chem.Mol) -> str:
    """Return the first stratum that a molecule matches.

    >>> stratum(Chem.MolFromSmiles("CC=C"))
    'allylic'
    """
    return next(name for name, pattern in _patterns() if mol.HasSubstructMatch(pattern))


@cache
def _patterns() -> tuple[tuple[str, Chem.Mol], ...]:
    return tuple((name, Chem.MolFromSmarts(pattern)) for name, pattern in STRATA.items())


def _by_size(rings: Iterable[str]) -> dict[int, set[str]]:
    sizes: dict[int, set[str]] = {}
    for smiles in rings:
        mol = Chem.MolFromSmiles(smiles)
        sizes.setdefault(mol.GetNumHeavyAtoms(), set()).add(Chem.MolToSmiles(mol))
    return sizes


def _grown(molecules: Iterable[str], size: int) -> Iterator[str]:
    """Yield every molecule of ``size`` heavy atoms that one step makes of those given."""
    progress = Progress(f"{size} heavy atoms: %d smaller molecules grown", every_s=_EVERY_S)
    for smiles in progress.of(molecules):
        mol = Chem.MolFromSmiles(smiles)
        for candidate in (*_with_an_atom(mol), *_closed(mol), *_with_a_group(mol)):
            known = _checked(candidate, size)
            if known is not None:
                yield known


def _with_an_atom(mol: Chem.Mol) -> Iterator[Chem.RWMol]:
    for atom in mol.GetAtoms():
        for element in _ATOMS:
            most = min(_FREE[element], atom.GetTotalNumHs(), 1 if atom.GetIsAromatic() else 3)
            for order in _ORDERS[:most]:
                new = Chem.RWMol(mol)
                new.AddBond(atom.GetIdx(), new.AddAtom(Chem.Atom(element)), order)
                yield new


def _closed(mol: Chem.Mol) -> Iterator[Chem.RWMol]:
    """Yield rings closed by one more carbon, so that every step adds one heavy atom."""
    distances = Chem.GetDistanceMatrix(mol)
    atoms = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetTotalNumHs()]
    for i in atoms:
        for j in atoms:
            if i < j and distances[i, j] <= 4:
                for element in ("C", "N", "O", "S"):
                    new = Chem.RWMol(mol)
                    bridge = new.AddAtom(Chem.Atom(element))
                    new.AddBond(i, bridge, Chem.BondType.SINGLE)
                    new.AddBond(j, bridge, Chem.BondType.SINGLE)
                    yield new


def _with_a_group(mol: Chem.Mol) -> Iterator[Chem.RWMol]:
    for smiles in _GROUPS:
        group = Chem.MolFromSmiles(smiles, sanitize=False)
        for atom in mol.GetAtoms():
            if atom.GetTotalNumHs():
                new = Chem.RWMol(Chem.CombineMols(mol, group))
                new.AddBond(atom.GetIdx(), mol.GetNumAtoms(), Chem.BondType.SINGLE)
                yield new


def _checked(candidate: Chem.RWMol, size: int) -> str | None:
    """Return the canonical SMILES of what is a molecule, and not forbidden, of up to this size."""
    for atom in candidate.GetAtoms():
        if not atom.GetFormalCharge() and not atom.GetIsAromatic():
            atom.SetNoImplicit(False)
            atom.SetNumExplicitHs(0)
    try:
        Chem.SanitizeMol(candidate)
    except (Chem.AtomValenceException, Chem.KekulizeException, Chem.MolSanitizeException):
        return None
    mol = Chem.MolFromSmiles(Chem.MolToSmiles(candidate))
    if mol is None or mol.GetNumHeavyAtoms() != size:
        return None
    hetero = sum(atom.GetAtomicNum() != 6 for atom in mol.GetAtoms())
    if mol.GetRingInfo().NumRings() > _MOST_RINGS or hetero > max(1, _MOST_HETERO * size):
        return None
    if any(mol.HasSubstructMatch(pattern) for pattern in _FORBIDDEN):
        return None
    return str(Chem.MolToSmiles(mol))


def _chosen(molecules: list[str], quota: int, rng: np.random.Generator) -> dict[str, list[str]]:
    """Return up to ``quota`` molecules of each stratum, in a random order by their weights.

    Exponential keys: Efraimidis and Spirakis, Inf. Process. Lett. 97, 181 (2006).
    """
    progress = Progress(f"%d of {3 * len(molecules)} steps of a choice done", every_s=_EVERY_S)
    known = [Chem.MolFromSmiles(smiles) for smiles in progress.of(molecules)]
    weight = [prod(_WEIGHTS[a.GetSymbol()] for a in mol.GetAtoms()) for mol in progress.of(known)]
    found: dict[str, list[str]] = {name: [] for name in STRATA}
    order = np.argsort(rng.exponential(size=len(known)) / np.array(weight))
    for k in progress.of(order):
        members = found[stratum(known[k])]
        if len(members) < quota:
            members.append(molecules[k])
    return found


def _shared_out(
    found: dict[str, list[str]], n: int, rng: np.random.Generator
) -> dict[str, list[str]]:
    """Return ``n`` molecules, as equally many of each stratum as there are."""
    left, kept = n, {}
    for place, name in enumerate(sorted(found, key=lambda one: len(found[one]))):
        share = -(-left // (len(found) - place))
        members = found[name]
        order = rng.permutation(len(members))[:share]
        kept[name] = [members[k] for k in sorted(order.tolist())]
        left -= len(kept[name])
    return {name: kept[name] for name in found}
