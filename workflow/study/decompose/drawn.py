"""Molecules to draw: where their atoms stand, and D and reference energies of their bonds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from rdkit import Chem

from e3d.arrays import Floats
from e3d.chemistry import flat, parse
from e3d.chemistry.resonance import order_free_ranks
from e3d.drawing.layout import lay_out
from e3d.fields import Column as C
from e3d.named_bonds.references import DE, MEAN_BOND_ENERGY, Reference
from study.figures import style
from study.figures.text import condensed
from study.runs import OverSeeds, over_seeds

STROKES: Final = {"-": (0,), "=": (-1, 1), "#": (-2, 0, 2), ":": (-1, 1)}
"""Offsets across the bond of each stroke, in half widths of a stroke and its gap."""
BESIDE: Final = {DE: ("$D_e$", style.VERMILION), MEAN_BOND_ENERGY: ("mean", style.BLUE)}
"""Reference energies that stand below D: what they are called there, and their colour."""
_LINE: Final = 1.2
"""Height of a line of a label, in the size of its type."""


@dataclass(frozen=True)
class Bond:
    """A bond between atoms i and j: sign of its order, D over the seeds, references (eV)."""

    i: int
    j: int
    sign: str
    d: OverSeeds
    beside: Mapping[Reference, float]

    def label(self) -> str:
        """Return the mean and, below it, half the range over the seeds if there are several."""
        half = (self.d.seed_max - self.d.seed_min) / 2
        return f"{self.d.mean:.1f}" + (f"\n±{half:.1f}" if self.d.n_seeds > 1 else "")

    def references(self) -> str:
        """Return a line for each reference energy that the bond has."""
        return "\n".join(f"{BESIDE[one][0]} {value:.1f}" for one, value in self.beside.items())

    @property
    def height(self) -> float:
        """Height (points) of the label."""
        n_lines = (2 if self.d.n_seeds > 1 else 1) + len(self.beside)
        return n_lines * _LINE * style.STYLE.small_note

    @property
    def half_width(self) -> float:
        """Half the width (points) of all strokes."""
        look = style.STYLE
        return len(STROKES.get(self.sign, (0,))) * (look.stroke_width + look.stroke_gap) / 2


@dataclass(frozen=True)
class Drawing:
    """A molecule to draw: title, atom symbols, 2-D coordinates ``xy`` (atoms, 2) in Å, bonds."""

    title: str
    symbols: tuple[tuple[str, str], ...]
    xy: Floats
    bonds: tuple[Bond, ...]

    @property
    def extent(self) -> Floats:
        """Width and height (2,) in Å."""
        return np.asarray(np.ptp(self.xy, axis=0), dtype=np.float64)

    def height(self, scale: float, rim: float) -> float:
        """Return the height (points) with labels above and below, at ``scale`` points per Å."""
        labels = max(bond.half_width + bond.height for bond in self.bonds)
        return max(float(self.extent[1]) * scale + 2 * rim, 2 * (labels + rim / 4))


def drawing_of(rows: pd.DataFrame, named: pd.DataFrame) -> Drawing:
    """Return a molecule to draw, from its ``rows`` of bond means and the table of named bonds."""
    smiles = str(rows[C.SMILES].iloc[0])
    rows = rows[rows[C.SMILES] == smiles]
    mol = parse(smiles)
    place = {atom.GetAtomMapNum() - 1: atom.GetIdx() for atom in mol.GetAtoms()}
    xy = lay_out(mol)
    parts = _by_pair(rows, place)
    signs = [style.order_sign(str(part[C.BOND_TYPE].iloc[0])) for part in parts.values()]
    beside = _references(rows, named, mol, list(parts))
    bonds = tuple(
        Bond(*pair, sign, over_seeds(part, C.BOND_ENERGY), beside[pair])
        for (pair, part), sign in zip(parts.items(), signs, strict=True)
    )
    charges = {0: "", 1: "$^+$", -1: "$^-$"}
    ions = [(atom.GetSymbol(), atom.GetFormalCharge()) for atom in mol.GetAtoms()]
    symbols = tuple((symbol, charges.get(q, f"$^{{{q:+d}}}$")) for symbol, q in ions)
    title = condensed(mol)
    if mol.GetRingInfo().NumRings():  # a sum formula does not say which molecule it is
        title = f"{rows[C.MOLECULE].iloc[0]}   {title}"
    return Drawing(title, symbols, xy - (xy.max(0) + xy.min(0)) / 2, bonds)


def _references(
    rows: pd.DataFrame, named: pd.DataFrame, mol: Chem.Mol, pairs: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], dict[Reference, float]]:
    """Return the reference energies (eV) of each bond, where no other of its type could be meant.

    The table of named bonds has their types: they say which bond it is where all bonds of a type
    are equivalent.
    """
    found: dict[tuple[int, int], dict[Reference, float]] = {pair: {} for pair in pairs}
    ranks = order_free_ranks(mol)
    here = named[named[C.MOLECULE].map(flat) == flat(str(rows[C.MOLECULE].iloc[0]))]
    kinds = rows.drop_duplicates([C.I, C.J]).sort_values([C.I, C.J])[C.BOND_TYPE].tolist()
    for kind, part in here.groupby(C.BOND_TYPE):
        alike = [pair for pair, one in zip(pairs, kinds, strict=True) if one == kind]
        if len({tuple(sorted((ranks[i], ranks[j]))) for i, j in alike}) == 1:
            known = {
                one: float(part[one.column].iloc[0])
                for one in BESIDE
                if part[one.column].notna().all()
            }
            found |= dict.fromkeys(alike, known)
    return found


def _by_pair(rows: pd.DataFrame, place: dict[int, int]) -> dict[tuple[int, int], pd.DataFrame]:
    """Return the rows of each bond (one per seed) by the atoms' places in the drawing."""
    pairs = sorted(set(zip(rows[C.I].astype(int), rows[C.J].astype(int), strict=True)))
    return {(place[i], place[j]): rows[(rows[C.I] == i) & (rows[C.J] == j)] for i, j in pairs}
