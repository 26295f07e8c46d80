"""Which pairs of a batch are bonds, and of which type: by the molecule's bonds, or by distance."""

from collections.abc import Sequence

import numpy as np

from e3d.arrays import Ints, Masks
from e3d.chemistry import Bond, bond_type
from e3d.connectivity import geometric_bonds
from e3d.edges import EdgeEnergies
from e3d.keys import Vocabulary
from e3d.pairs import Pairs
from e3d.structures import Structure

_REMEMBERED = 20_000


class BondTyper:
    """Finds the bonds among pairs; a molecule's bonds become arrays once for all its frames."""

    def __init__(self) -> None:
        self.labels: Vocabulary[tuple[str, str]] = Vocabulary()
        """Bond type and finer type, by the number that :meth:`bonded` returns."""
        self._tables: dict[int, tuple[tuple[Bond, ...], Ints]] = {}

    def bonded(
        self, structures: Sequence[Structure], edges: EdgeEnergies, pairs: Pairs
    ) -> tuple[Ints, Ints]:
        """Return the rows (B,) of ``pairs`` that are bonds, ascending, and the label (B,) of each.

        A bond across a side of the cell is its shortest image. Where a structure's bonds are not
        known, pairs are bonded by distance, and have no finer type.
        """
        unknown = np.array([structure.bonds is None for structure in structures])
        if not unknown.any():
            return self._by_molecule(structures, edges, pairs)
        rows, labels = self._by_distance(unknown, edges, pairs)
        if not unknown.all():
            others = self._by_molecule(structures, edges, pairs)
            rows, labels = np.concatenate([rows, others[0]]), np.concatenate([labels, others[1]])
            order = np.argsort(rows)
            rows, labels = rows[order], labels[order]
        return rows, labels

    def _by_molecule(
        self, structures: Sequence[Structure], edges: EdgeEnergies, pairs: Pairs
    ) -> tuple[Ints, Ints]:
        """Look up the bonds of each frame's molecule among the pairs, as one integer for (i, j)."""
        tables = [self._table(structure.bonds or ()) for structure in structures]
        i, j, label = np.concatenate(tables, axis=1)
        start = np.repeat(edges.frame_ptr[:-1], [table.shape[1] for table in tables])
        n_atoms = len(edges.atomic_numbers)
        wanted = (i + start) * n_atoms + j + start
        key = pairs.i * n_atoms + pairs.j  # ascending, as pairs are
        order = None
        if len(key) and (key[1:] == key[:-1]).any():  # several images: the shortest first
            order = np.lexsort((pairs.r, key))
        row = np.searchsorted(key, wanted)  # the first of each key
        found = row < len(key)
        found[found] = key[row[found]] == wanted[found]  # a bond beyond the cutoff has no pair
        row, label = row[found], label[found]
        if order is not None:
            row = order[row]
        ascending = np.argsort(row, kind="stable")
        return row[ascending], label[ascending]

    def _table(self, bonds: tuple[Bond, ...]) -> Ints:
        """Return i, j and label of bonds (3, B); the frames of a molecule share one tuple of them.

        The tuple is kept with its table, or its ``id`` could become another's.
        """
        known = self._tables.get(id(bonds))
        if known is None:
            if len(self._tables) >= _REMEMBERED:
                self._tables.clear()
            label = [self.labels.code((bond.bond_type, bond.fine_type)) for bond in bonds]
            rows = [(bond.i, bond.j, code) for bond, code in zip(bonds, label, strict=True)]
            known = bonds, np.array(rows, dtype=np.int64).reshape(-1, 3).T
            self._tables[id(bonds)] = known
        return known[1]

    def _by_distance(self, unknown: Masks, edges: EdgeEnergies, pairs: Pairs) -> tuple[Ints, Ints]:
        """Take as bonds the close pairs of the frames whose bonds are ``unknown`` (F,)."""
        rows = np.flatnonzero(unknown[pairs.frame])
        z_i, z_j = edges.atomic_numbers[pairs.i[rows]], edges.atomic_numbers[pairs.j[rows]]
        near = geometric_bonds(z_i, z_j, pairs.r[rows])
        elements, which = np.unique(np.stack([z_i, z_j])[:, near], axis=1, return_inverse=True)
        labels = [self.labels.code((bond_type(a, b, "~"), "")) for a, b in elements.T.tolist()]
        return rows[near], np.array(labels, dtype=np.int64)[which.reshape(-1)]
