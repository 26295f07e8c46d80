"""D of null models on named bonds: weighted means over the equivalent bonds, as that of E3D."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from e3d.arrays import Floats, Ints
from e3d.fields import RUN_COLUMNS
from e3d.fields import Column as C
from e3d.named_bonds.references import REFERENCES
from e3d.named_bonds.table import find_named
from study.null.compare import SHUFFLE_SEED, NullEnergies
from study.null.names import IN_MOLECULES, IN_TYPES, UNTRAINED
from study.null.shuffle import expected, shuffled

BOND: Final = [C.STRUCTURES, C.SMILES, C.I, C.J]
"""What a row of a table of bonds is about: rows of two tables are matched by these."""
_SD: Final = "untrained_sd_eV"


@dataclass(frozen=True)
class Averages:
    """The rows of a table of bonds that make each of n named bonds, and their weights."""

    rows: tuple[Ints, ...]
    weights: tuple[Floats, ...]

    @classmethod
    def of(cls, bonds: pd.DataFrame, named: pd.DataFrame, reference: pd.DataFrame) -> "Averages":
        """Find the bonds of each row of ``named``, as the ``bde`` stage did."""
        found: dict[tuple[str, str], Ints] = {}
        places: dict[Any, Any] = dict(bonds.groupby(C.STRUCTURES, sort=False).indices)
        for name, index in places.items():
            for entry, place in find_named(bonds.iloc[index], reference):
                found[str(name), str(entry["bond"])] = index[place]
        rows = [found[key] for key in zip(named[C.STRUCTURES], named["bond"], strict=True)]
        n = bonds[C.N].to_numpy(dtype=float)
        return cls(tuple(rows), tuple(n[row] / n[row].sum() for row in rows))

    def of_bonds(self, d: Floats) -> Floats:
        """Return D (K, n) of the named bonds from that of all bonds (K, B)."""
        found = [d[:, row] @ weight for row, weight in zip(self.rows, self.weights, strict=True)]
        return np.stack(found, axis=1) if found else np.empty((len(d), 0))


def of_untrained(bonds: pd.DataFrame, untrained: pd.DataFrame, averages: Averages) -> NullEnergies:
    """Return D of every untrained network; NaN on structures that they were not decomposed on."""
    wide = untrained.pivot_table(index=BOND, columns=C.SEED, values=C.BOND_ENERGY, aggfunc="first")
    joined = bonds[BOND].merge(wide.reset_index(), on=BOND, how="left")
    d = joined[list(wide.columns)].to_numpy(dtype=float).T
    return NullEnergies(UNTRAINED, averages.of_bonds(d))


def in_molecules(bonds: pd.DataFrame, averages: Averages, draws: int) -> NullEnergies:
    """Return D of E3D shuffled among the bonds of each molecule that has a named bond.

    The exact expectation is the mean of the molecule.
    """
    used = np.unique(np.concatenate([np.empty(0, dtype=np.int64), *averages.rows]))
    keys = bonds.groupby([C.STRUCTURES, C.SMILES], sort=False).ngroup().to_numpy()
    some = np.flatnonzero(np.isin(keys, keys[used]))
    groups = np.unique(keys[some], return_inverse=True)[1]
    values = bonds[C.BOND_ENERGY].to_numpy(dtype=float)[some]
    drawn = shuffled(values, groups, np.random.default_rng(SHUFFLE_SEED), draws)
    d = np.full((draws + 1, len(bonds)), np.nan)
    d[:, some] = np.vstack([drawn, expected(values, groups)])
    *drawn_named, mean = averages.of_bonds(d)
    return NullEnergies(IN_MOLECULES, np.array(drawn_named), mean)


def named_table(named: pd.DataFrame, nulls: Sequence[NullEnergies]) -> pd.DataFrame:
    """Return the named bonds with D of E3D, the references, and D of every null model.

    That of a random one is the mean over its draws, exact where it is known. Columns of untrained
    networks are empty for a given model: nothing is known of its network.
    """
    table = named.drop(columns=[*RUN_COLUMNS, *(one.error for one in REFERENCES.values())])
    for one in nulls:
        table[one.null.column] = one.d.mean(axis=0) if one.mean is None else one.mean
        if one.null == UNTRAINED:
            table[_SD] = one.d.std(axis=0, ddof=1) if len(one.d) > 1 else np.nan
    table = table.reindex(columns=list(dict.fromkeys([*table, UNTRAINED.column, _SD])))
    types = table.groupby([C.STRUCTURES, C.BOND_TYPE])[C.BOND_ENERGY]
    table[IN_TYPES.column] = types.transform("mean") if len(table) else np.nan
    return table
