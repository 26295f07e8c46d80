"""What the tables of a decomposition need of all frames, added up batch by batch.

Memory grows with the number of molecules, of their bonds and of occupied bins, never with frames.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from e3d.arrays import Floats, Ints, Masks
from e3d.chemistry import bond_type
from e3d.decomposition.rows import DecomposedBatch
from e3d.fields import Column as C
from e3d.keys import Vocabulary, pack
from e3d.statistics.resampling import group_ratio

D_BIN_EV = 0.01
"""Bin width of D in the histograms of non-bonded pairs; divides every entropy bin width in use."""
R_BIN_ANG = 0.05


class Totals:
    """Counts, shares, means and histograms of a decomposition."""

    def __init__(self) -> None:
        self.frames = 0
        self._edges = self._changed = 0
        self._violation = 0.0
        self._shares, self._means, self._histogram = Shares(), Means(), Histogram()

    def add(self, batch: DecomposedBatch) -> None:
        """Add the pairs of a batch."""
        self.frames += len(batch.structures)
        self._edges += len(batch.edges.eps)
        self._changed += sum(not structure.intact for structure in batch.structures)
        self._violation = max(self._violation, batch.violation)
        pairs, z = batch.pairs, batch.edges.atomic_numbers
        self._shares.add(batch.molecule, pairs.frame, pairs.bond_energy, batch.bonded)
        others = pairs.take(~batch.bonded)
        self._histogram.add(z[others.i], z[others.j], others.r, others.bond_energy)
        self._means.add_bonds(batch)

    def bond_means(self, labels: Sequence[tuple[str, str]]) -> pd.DataFrame:
        """Return one row per bond of each molecule, see :meth:`Means.table`."""
        return self._means.table(labels)

    def pairs(self) -> pd.DataFrame:
        """Return the histograms of non-bonded pairs, see :meth:`Histogram.table`."""
        return self._histogram.table()

    def summary(self) -> dict[str, Any]:
        """Return the counts, how well the sum rule holds (eV), and the share of D on bonds."""
        return {
            "frames": self.frames,
            "frames_with_changed_bonds": self._changed,
            "edges": self._edges,
            C.SUM_RULE: self._violation,
            **self._shares.summary(),
        }


class Sums:
    """Sums by number of an item, over items that keep coming: ``columns`` sums for each."""

    def __init__(self, columns: int) -> None:
        self._values = np.zeros((columns, 64))

    def add(self, items: Ints, values: Sequence[Floats]) -> None:
        """Add ``values``, one (R,) per column, to the sums of ``items`` (R,), row by row."""
        top = int(items.max(initial=-1)) + 1
        while top > self._values.shape[1]:
            self._values = np.hstack([self._values, np.zeros_like(self._values)])
        for sums, value in zip(self._values, values, strict=True):
            np.add.at(sums, items, value)

    def of(self, n: int) -> Floats:
        """Return the sums (columns, n) of the first n items."""
        return self._values[:, :n]


class Shares:
    """Sums of D and |D|, over bonded and over all pairs, of each molecule."""

    def __init__(self) -> None:
        self._n_molecules = 0
        self._sums = Sums(4)

    def add(self, molecule: Ints, frame: Ints, d: Floats, bonded: Masks) -> None:
        """Add a batch: ``molecule`` (F,); of pairs (P,) frame, D and whether they are bonds."""
        size = np.abs(d)
        columns = (d * bonded, d, size * bonded, size)
        sums = [np.bincount(frame, weights=c, minlength=len(molecule)) for c in columns]
        self._sums.add(molecule, [values.astype(np.float64) for values in sums])
        self._n_molecules = max(self._n_molecules, int(molecule.max()) + 1)

    def summary(self) -> dict[str, float | None]:
        """Return beta, a ratio of sums over molecules, of D and of |D|; None where not finite."""
        part, whole, part_abs, whole_abs = self._sums.of(self._n_molecules)
        found = group_ratio(part, whole).columns("bonded_share")
        found |= group_ratio(part_abs, whole_abs).columns("bonded_share_abs")
        return {key: value if np.isfinite(value) else None for key, value in found.items()}


class Means:
    """n, sum of D, of D^2 and of r of every bond of every molecule."""

    def __init__(self) -> None:
        self.species: Vocabulary[tuple[str, str]] = Vocabulary()
        """Canonical and mapped SMILES: a molecule with one order of its atoms."""
        self._bonds: Vocabulary[tuple[int, ...]] = Vocabulary()
        self._sums = Sums(4)

    def add_bonds(self, batch: DecomposedBatch) -> None:
        """Add the bonds of the frames that have the bonds of their SMILES."""
        names = [(one.smiles, one.mapped_smiles or "") for one in batch.structures]
        species = np.array([self.species.code(name) for name in names])
        keep = batch.columns[C.INTACT]
        where = [batch.columns[name][keep] for name in (C.I, C.J, C.S_X, C.S_Y, C.S_Z, C.BOND_TYPE)]
        bonds = batch.bonds.take(keep)
        self.add([species[bonds.frame], *where], bonds.bond_energy, bonds.r)

    def add(self, columns: Sequence[Ints], d: Floats, r: Floats) -> None:
        """Add bonds with D (B,) in eV and r (B,) in Å.

        ``columns``, each (B,): species, i, j, the three of the cell shift, label.
        """
        _, first, which = np.unique(pack(columns), return_index=True, return_inverse=True)
        rows = np.stack([column[first] for column in columns], axis=1).tolist()
        codes = np.empty(len(first), dtype=np.int64)
        for new in np.argsort(first):  # bonds are numbered in the order in which they come
            codes[new] = self._bonds.code(tuple(rows[new]))
        self._sums.add(codes[which], (np.ones(len(d)), d, d * d, r))

    def table(self, labels: Sequence[tuple[str, str]]) -> pd.DataFrame:
        """Return one row per bond of each molecule: n, mean and standard deviation of D, mean r."""
        rows = np.array(self._bonds.names, dtype=np.int64).reshape(-1, 7)
        species = self.species.names
        n, d, square, r = self._sums.of(len(rows))
        with np.errstate(invalid="ignore", divide="ignore"):
            variance = np.maximum(square - d * d / n, 0.0) / (n - 1)
            spread = np.where(n > 1, np.sqrt(variance), np.nan)
        return pd.DataFrame(
            {
                C.MOLECULE: [species[k][0] for k in rows[:, 0]],
                C.SMILES: [species[k][1] for k in rows[:, 0]],
                **dict(zip((C.I, C.J, C.S_X, C.S_Y, C.S_Z), rows[:, 1:6].T, strict=True)),
                C.BOND_TYPE: [labels[k][0] for k in rows[:, 6]],
                C.FINE_TYPE: [labels[k][1] for k in rows[:, 6]],
                C.N: n.astype(int),
                C.BOND_ENERGY: d / n,
                C.BOND_ENERGY_SD: spread,
                C.R: r / n,
            }
        )


def by_type(means: pd.DataFrame, most: int = 10) -> pd.DataFrame:
    """Return what :meth:`Means.table` says of each bond type, the most frequent first.

    Parameters
    ----------
    means
        A row per bond of each molecule, with its n.
    most
        Types to return at most.

    Returns
    -------
    pd.DataFrame
        Bond type, n, mean D (eV) and mean r (Å) of all bonds, and the lowest and the highest D of
        a molecule's bond.

    >>> rows = {C.BOND_TYPE: ["C-H", "C-H"], C.N: [3, 1], C.BOND_ENERGY: [4.0, 5.0], C.R: 1.1}
    >>> by_type(pd.DataFrame(rows))[C.BOND_ENERGY].tolist()
    [4.25]
    """
    n = means[C.N]
    sums = means.assign(d=means[C.BOND_ENERGY] * n, r=means[C.R] * n).groupby(C.BOND_TYPE)
    total = sums[C.N].sum()
    table = pd.DataFrame(
        {
            C.N: total,
            C.BOND_ENERGY: sums["d"].sum() / total,
            "lowest": sums[C.BOND_ENERGY].min(),
            "highest": sums[C.BOND_ENERGY].max(),
            C.R: sums["r"].sum() / total,
        }
    )
    return table.sort_values(C.N, ascending=False, kind="stable").head(most).reset_index()


class Histogram:
    """Counts of non-bonded pairs by element pair, bin of r and bin of D."""

    _R_BITS, _D_BITS, _Z = 12, 37, 128
    _WAITING = 2**18

    def __init__(self) -> None:
        self._keys, self._counts = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        self._new: list[Ints] = []
        self._n_new = 0

    def add(self, z_i: Ints, z_j: Ints, r: Floats, d: Floats) -> None:
        """Count pairs (P,), r in Å and D in eV."""
        half = 2 ** (self._D_BITS - 1)
        d_bin = np.clip(np.floor(d / D_BIN_EV), -half, half - 1).astype(np.int64) + half
        elements = np.minimum(z_i, z_j) * self._Z + np.maximum(z_i, z_j)
        r_bin = np.minimum(np.floor(r / R_BIN_ANG).astype(np.int64), 2**self._R_BITS - 1)
        self._new.append((((elements << self._R_BITS) | r_bin) << self._D_BITS) | d_bin)
        self._n_new += len(d)
        if self._n_new > max(self._WAITING, len(self._keys)):  # each pair is sorted a few times
            self._merge()

    def _merge(self) -> None:
        keys = np.concatenate([self._keys, *self._new])
        counts = np.concatenate([self._counts, np.ones(self._n_new, dtype=np.int64)])
        self._keys, which = np.unique(keys, return_inverse=True)
        self._counts = np.zeros(len(self._keys), dtype=np.int64)
        np.add.at(self._counts, which, counts)
        self._new, self._n_new = [], 0

    def table(self) -> pd.DataFrame:
        """Return the occupied bins by their lower edges, in order of element pair, r and D."""
        self._merge()
        elements = self._keys >> (self._R_BITS + self._D_BITS)
        r_bin = (self._keys >> self._D_BITS) & (2**self._R_BITS - 1)
        d_bin = (self._keys & (2**self._D_BITS - 1)) - 2 ** (self._D_BITS - 1)
        pairs, which = np.unique(elements, return_inverse=True)
        names = np.array([bond_type(*divmod(int(pair), self._Z)) for pair in pairs], dtype=object)
        order = np.lexsort((d_bin, r_bin, np.argsort(np.argsort(names))[which]))
        columns: dict[str, Any] = {
            C.ELEMENTS: names[which][order],
            C.R_BIN: np.round(r_bin[order] * R_BIN_ANG, 10),
            C.BOND_ENERGY_BIN: np.round(d_bin[order] * D_BIN_EV, 10),
            C.COUNT: self._counts[order],
        }
        return pd.DataFrame(columns)
