"""D against Mayer's and Wiberg's bond orders of the same structures, beside the bond length.

The orders are those of the labels' own electronic structure (docs/method.md, section 8), read from
the dataset's file in the SPICE layout; frames without orders are left out.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from e3d import lineage, tables
from e3d.arrays import Floats
from e3d.fields import BONDS_FILE
from e3d.fields import Column as C
from e3d.fields import Store as F
from e3d.statistics import deletions, estimate, interval_columns, jackknife_groups
from e3d.statistics.agreement import BETWEEN, WITHIN, n_pairs, score_estimate, scores
from e3d.store.files.hdf5 import array, open_hdf5, subgroups, text
from e3d.store.layouts.spice import SAMPLE_INDEX
from e3d.store.reader import StoreReader
from study.label_theory.fields import ORDERS, WHO

_MAX_PAIRS_ROWS = 3000
_COLUMNS = (
    *(C.STRUCTURES, "order", "n_bonds", C.N_MOLECULES, "n_types", "n_pairs_within_types"),
    *interval_columns(*(f"{who}_{score}" for who in WHO for score in (BETWEEN, WITHIN))),
)
Orders = dict[tuple[str, int], Floats]


def read_orders(path: Path) -> Orders:
    """Return the orders (2, n, n), Mayer and Wiberg, of every conformation that has them.

    Keys are the mapped SMILES and the conformation's own number. A file of another kind has none.
    """
    found: Orders = {}
    if path.suffix not in (".hdf5", ".h5"):
        return found
    with open_hdf5(path) as file:
        for name, group in subgroups(file, str(path)):
            where = f"{path} {name}"
            if not {*ORDERS.values(), "smiles"} <= set(group):
                continue
            both = [array(group, key, "(M, N, N)", where) for key in ORDERS.values()]
            stacks = np.stack(both, axis=1)
            own = array(group, SAMPLE_INDEX, "(M,)", where) if SAMPLE_INDEX in group else None
            index = np.arange(len(stacks)) if own is None else own
            smiles = text(group["smiles"], where)
            known = np.isfinite(stacks).all(axis=(1, 2, 3))
            pairs = zip(index[known], stacks[known], strict=True)
            found |= {(smiles, int(k)): stack for k, stack in pairs}
    return found


def bonds_with_orders(bonds: pd.DataFrame, reader: StoreReader, orders: Orders) -> pd.DataFrame:
    """Return means over frames of D, r and the orders, a row per bond of each molecule.

    Frames whose orders are not known are left out.
    """
    frames, row = np.unique(bonds[C.FRAME].to_numpy(dtype=np.int64), return_inverse=True)
    index = reader[F.SOURCE_INDEX][frames]
    keys = [
        (reader.group_smiles[g], int(k)) for g, k in zip(reader.group[frames], index, strict=True)
    ]
    known = np.array([key in orders for key in keys], dtype=bool)
    part = bonds[known[row]]
    if part.empty:
        return part.assign(**{name: pd.Series(dtype=float) for name in ORDERS})
    stacks = [orders[keys[k]] for k in row[known[row]]]
    values = np.array(
        [stack[:, i, j] for stack, i, j in zip(stacks, part[C.I], part[C.J], strict=True)]
    )
    part = part.assign(
        **dict(zip(ORDERS, values.T, strict=True)), mapped=[keys[k][0] for k in row[known[row]]]
    )
    by = [C.MOLECULE, "mapped", C.I, C.J, C.BOND_TYPE]
    return part.groupby(by, sort=True)[[C.BOND_ENERGY, C.R, *ORDERS]].mean().reset_index()


def order_rows(bonds: pd.DataFrame, structures: str) -> list[dict[str, Any]]:
    """Return rank correlations of D and of minus the length with each order, and the difference."""
    if len(bonds) < 2:
        return []
    molecules = np.unique(bonds[C.MOLECULE], return_inverse=True)[1]
    keep = deletions(jackknife_groups(molecules))
    kinds = bonds[C.BOND_TYPE].to_numpy(dtype=object)
    both = np.stack([bonds[C.BOND_ENERGY].to_numpy(dtype=float), -bonds[C.R].to_numpy(dtype=float)])
    rows = []
    for name in ORDERS:
        found = scores(both, bonds[name].to_numpy(dtype=float), kinds, keep)
        row: dict[str, Any] = {
            C.STRUCTURES: structures,
            "order": name,
            "n_bonds": len(bonds),
            C.N_MOLECULES: int(molecules.max()) + 1,
            "n_types": len(set(kinds)),
            "n_pairs_within_types": n_pairs(kinds),
        }
        for score in (BETWEEN, WITHIN):
            d, length = found[score]
            of_both = (score_estimate(score, values, kinds) for values in (d, length))
            for who, one in zip(WHO, (*of_both, estimate(d - length)), strict=True):
                row |= one.columns(f"{who}_{score}")
        rows.append(row)
    return rows


def orders_table(
    folders: Sequence[Path],
    store: Path,
    source: Path | None,
    run: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Return the correlations for every decomposed test set of a run.

    ``source`` is the dataset's own file; without it, or where it has no orders, there are no rows.

    Raises
    ------
    InputError
        If bonds are of another run, or of other frames than those of the store.
    """
    orders = read_orders(source) if source is not None else {}
    rows: list[dict[str, Any]] = []
    if orders:
        columns = (C.FRAME, C.I, C.J, C.MOLECULE, C.BOND_TYPE, C.BOND_ENERGY, C.R, C.INTACT)
        with StoreReader(store) as reader:
            for folder in folders:
                path = folder / BONDS_FILE
                lineage.require_source(path, folder.name, store, reader.content)
                bonds = tables.read(path, columns=columns, run=run)
                means = bonds_with_orders(bonds[bonds[C.INTACT]], reader, orders)
                rows += order_rows(_thinned(means), folder.name)
    return pd.DataFrame(rows, columns=list(map(str, _COLUMNS)))


def _thinned(means: pd.DataFrame) -> pd.DataFrame:
    """Return evenly spaced rows where there are more than pairs of rows can be formed of."""
    if len(means) <= _MAX_PAIRS_ROWS:
        return means
    return means.iloc[np.linspace(0, len(means) - 1, _MAX_PAIRS_ROWS).astype(int)]
