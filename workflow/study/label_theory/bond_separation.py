"""Bond-separation energies: what of a molecule's energy its bonds, each by itself, leave out.

The bond-separation reaction of a molecule turns each bond between heavy atoms into the smallest
molecule that has it, with hydrides to balance (Hehre, Ditchfield, Radom, Pople 1970, J. Am. Chem.
Soc. 92, 4796):

    M  +  sum over heavy atoms a of (k_a - 1) AH_n   ->   sum over heavy bonds of their parents,

k_a being the number of heavy neighbours. Types and numbers of bonds are the same on both sides, so
bond additivity says zero: what differs from zero is what a bond owes to its surroundings. From D it
is the sum of D of the reactants' bonds minus that of the products'; from the labels it is the
difference of total energies.
"""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pandas as pd
from rdkit import Chem

from e3d.chemistry import canonical_smiles, flat, parse
from e3d.fields import NAMED_BONDS
from e3d.fields import Column as C
from e3d.store.files.hdf5 import array, open_hdf5
from e3d.units import HARTREE_EV
from study.label_theory.fields import LABEL_SEPARATION, SEPARATION, SEPARATION_ERROR

_COLUMNS: Final = (
    *(C.MOLECULE, "reaction", "n_bonds", SEPARATION, LABEL_SEPARATION, SEPARATION_ERROR),
)
_CLOSED_SHELL = re.compile(r"^(\S+) \(1\)$")


def reaction(smiles: str) -> tuple[Counter[str], Counter[str]] | None:
    """Return hydrides and parents, by canonical SMILES, of a molecule's bond-separation reaction.

    None for fewer than three heavy atoms, where molecule and parent are the same, and for charged
    or aromatic atoms, whose bonds have no parent.
    """
    mol = Chem.RemoveHs(parse(smiles))
    if mol.GetNumAtoms() < 3 or any(
        atom.GetFormalCharge() or atom.GetIsAromatic() for atom in mol.GetAtoms()
    ):
        return None
    hydrides: Counter[str] = Counter()
    for atom in mol.GetAtoms():
        if atom.GetDegree() > 1:
            hydrides[canonical_smiles(parse(atom.GetSymbol()))] += atom.GetDegree() - 1
    parents: Counter[str] = Counter()
    signs = {1.0: "-", 2.0: "=", 3.0: "#"}
    for bond in mol.GetBonds():
        first, second = bond.GetBeginAtom().GetSymbol(), bond.GetEndAtom().GetSymbol()
        parents[canonical_smiles(parse(f"{first}{signs[bond.GetBondTypeAsDouble()]}{second}"))] += 1
    return hydrides, parents


def label_energies(references: Path) -> dict[str, float]:
    """Return the labelled binding energy (eV) of every closed-shell molecule of a file.

    The file is ``resources/references.hdf5`` or one like it: names end in the multiplicity.
    """
    found = {}
    with open_hdf5(references) as file:
        for name, group in file.items():
            match = _CLOSED_SHELL.match(name)
            if match:
                energy = array(group, "formation_energy", "(M,)", name)
                found[match[1]] = float(energy[0]) * HARTREE_EV
    return found


def separations(means: pd.DataFrame, labels: Mapping[str, float]) -> pd.DataFrame:
    """Return one row per molecule of the named bonds that has energies for its whole reaction.

    Parameters
    ----------
    means
        ``bond_means.csv`` of the named bonds, one row per bond.
    labels
        Binding energy of each molecule at the labels' level, eV, by canonical SMILES.
    """
    part = means[means[C.STRUCTURES] == NAMED_BONDS]
    grouped = part.groupby(part[C.MOLECULE].map(flat))[C.BOND_ENERGY]
    bonded = {str(name): float(total) for name, total in grouped.sum().items()}
    n_bonds = {str(name): int(n) for name, n in grouped.size().items()}
    rows = []
    for molecule in bonded:
        sides = reaction(molecule)
        if sides is None or not {molecule, *sides[0], *sides[1]} <= bonded.keys() & labels.keys():
            continue
        before: Counter[str] = Counter([molecule])
        before.update(sides[0])
        after = sides[1]
        from_d = _total(before, bonded) - _total(after, bonded)
        from_labels = _total(after, labels) - _total(before, labels)
        text = f"{_written(before)} -> {_written(after)}"
        rows.append((molecule, text, n_bonds[molecule], from_d, from_labels, from_d - from_labels))
    return pd.DataFrame(rows, columns=list(map(str, _COLUMNS)))


def _total(side: Counter[str], energies: Mapping[str, float]) -> float:
    return float(sum(n * energies[name] for name, n in side.items()))


def _written(side: Counter[str]) -> str:
    return " + ".join(f"{n} {name}" if n > 1 else name for name, n in side.items())
