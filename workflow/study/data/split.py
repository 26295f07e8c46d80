"""Who trains on what: training pool, validation and test sets.

- ``test-molecules``: no component of them is ever in the pool. A cluster that mixes held-out and
  pool components goes to neither side (``unused``). Lone atoms decide nothing: a cluster goes where
  its molecules go, and what has no molecule, and so no bond, stays in the pool.
- ``test-conformations`` and ``validation``: other frames of pool molecules. A frame and the frame
  it was derived from stay on one side: by original index where it is known, else the whole group.
  So do frames of two parts of a mixed store that are the same structure.
- ``test-ionic``: held-out frames of charged species, and of elements that the theory has as ions
  only.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ase.formula import Formula
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from e3d import lineage, tables
from e3d.arrays import Ints
from e3d.chemistry import FORMULA, formula
from e3d.errors import InputError
from e3d.fields import (
    POOL,
    TEST_CONFORMATIONS,
    TEST_IONIC,
    TEST_MOLECULES,
    TEST_SPLITS,
    UNUSED,
    VALIDATION,
    Column,
)
from e3d.fields import Store as F
from e3d.store.layouts.spice import PAIR_STRIDE
from e3d.store.reader import StoreReader
from e3d.store.splits import hash_of_splits
from study.data.align import matches

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SplitSettings:
    """Fractions of molecules, and of each pool molecule's families, that are held out."""

    seed: int = 0
    test_molecules: float = 0.15
    test_conformations: float = 0.17
    validation: float = 0.12


def families(group: Ints, source_index: Ints) -> Ints:
    """Return a family number (F,) per frame: a frame, its parent, and whatever must stay with them.

    Conformation i + 25 was made from conformation i, so they share i mod 25; where the original
    number of any frame is unknown (-1) the whole group is one family.
    """
    unknown = np.isin(group, group[source_index < 0])
    within = np.where(unknown, PAIR_STRIDE, source_index % PAIR_STRIDE)
    key = group.astype(np.int64) * (PAIR_STRIDE + 1) + within
    return np.unique(key, return_inverse=True)[1].astype(np.int64)


def assign(
    components: list[tuple[str, ...]],
    molecules: Ints,
    family: Ints,
    settings: SplitSettings,
    lone: frozenset[str] = frozenset(),
) -> NDArray[np.object_]:
    """Return the split (F,) of every frame.

    Parameters
    ----------
    components
        Component SMILES of each molecule (M entries).
    molecules
        Molecule of each frame (F,).
    family
        Family of each frame (F,).
    lone
        Components that are single atoms.
    """
    rng = np.random.default_rng(settings.seed)
    components = [tuple(name for name in names if name not in lone) for names in components]
    held_out = _held_out(components, settings.test_molecules, rng)
    split = np.full(len(molecules), POOL, dtype=object)
    order = np.argsort(molecules, kind="stable")
    present, starts = np.unique(molecules[order], return_index=True)
    for m, frames in zip(present, np.split(order, starts[1:]), strict=True):
        outside = [component in held_out for component in components[m]]
        if not outside:
            continue
        if all(outside):
            split[frames] = TEST_MOLECULES
        elif any(outside):
            split[frames] = UNUSED
        else:
            for name, members in _deal(family[frames], settings, rng).items():
                split[frames[np.isin(family[frames], members)]] = name
    return split


def _held_out(
    components: list[tuple[str, ...]], fraction: float, rng: np.random.Generator
) -> set[str]:
    names = sorted({name for names in components for name in names})
    n = min(max(1, round(fraction * len(names))), len(names) - 1)
    return {names[k] for k in rng.permutation(len(names))[:n]}


def _deal(family: Ints, settings: SplitSettings, rng: np.random.Generator) -> dict[str, Ints]:
    """Deal a molecule's families to the test set, then validation; at least one stays in the pool.

    Fractions of a family are rounded at random, so that molecules with few families give their
    share on average. A molecule with a single family goes to validation whole, just as often.
    """
    order = rng.permutation(np.unique(family))
    draw = rng.random(2)
    spare = len(order) - 1
    n_test = min(int(settings.test_conformations * len(order) + draw[0]), spare)
    n_validation = int(settings.validation * len(order) + draw[1])
    if spare:
        n_validation = min(n_validation, spare - n_test)
    return {TEST_CONFORMATIONS: order[:n_test], VALIDATION: order[n_test : n_test + n_validation]}


def write_splits(store: Path, output: Path, **settings: Any) -> pd.DataFrame:
    """Write a table ``frame, split, molecule`` of every frame of ``store``.

    Where no molecule has two families (a source without conformation numbers, one group a
    molecule), frames are dealt one by one, since else nothing could be tested on pool molecules;
    the provenance note says ``dealt_by: frame`` and the log warns.

    Parameters
    ----------
    store
        Store of a dataset.
    output
        The table.
    **settings
        Of :class:`SplitSettings`.

    Returns
    -------
    pd.DataFrame
        The table.

    Raises
    ------
    InputError
        If a split has no frame.
    """
    chosen = SplitSettings(**settings)
    with StoreReader(store) as reader:
        content, components = reader.content, _components(reader)
        molecules, twins = _twins(reader, components)
        family, unit = _joined(families(reader.group, reader[F.SOURCE_INDEX]), twins), "family"
        if not _any_shared(molecules, family):
            family, unit = _joined(np.arange(len(reader)), twins), "frame"
            log.warning(
                "%s: no molecule has two families of frames, so frames are dealt one by one; "
                "a test frame may be related to a training frame",
                store,
            )
        split = assign(components, molecules, family, chosen, _lone_atoms(reader))
        split[np.isin(split, TEST_SPLITS) & (reader[F.IONIC] != 0)] = TEST_IONIC
        table = pd.DataFrame(
            {
                Column.FRAME: np.arange(len(reader)),
                Column.SPLIT: split,
                Column.MOLECULE: reader.molecule,
            }
        )
    _require_all_splits(table, store)
    made_from = {lineage.STORE: content, lineage.SPLITS: hash_of_splits(table, content)}
    dealt = vars(chosen) | {"dealt_by": unit}
    tables.write(table, output, inputs=[store], settings=dealt, made_from=made_from)
    return table


def _twins(reader: StoreReader, components: list[tuple[str, ...]]) -> tuple[Ints, Ints]:
    """Find what a split of a mixed store must not tear apart.

    Returns
    -------
    molecules
        The molecule of each frame (F,), one number for all names of the same components.
    pairs
        Frames of two parts that are the same structure (P, 2); an unmixed store has none.
    """
    molecules = reader.molecule.astype(np.int64)
    if F.PART not in reader:
        return molecules, np.empty((0, 2), dtype=np.int64)
    first: dict[tuple[str, ...], int] = {}
    rows = np.array([first.setdefault(names, row) for row, names in enumerate(components)])
    molecules, part = rows[molecules], reader[F.PART]
    order = np.lexsort((part, molecules))
    block = np.flatnonzero(np.diff(molecules[order])) + 1
    pairs = []
    for frames in np.split(order, block):
        cuts = np.flatnonzero(np.diff(part[frames])) + 1
        earlier: list[int] = []
        for some in np.split(frames, cuts):
            pairs += matches(reader, earlier, reader, some.tolist()) if earlier else []
            earlier += some.tolist()
    return molecules, np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _joined(family: Ints, pairs: Ints) -> Ints:
    """Return families (F,), those that hold two frames of a pair (P, 2) made one."""
    if not len(pairs):
        return family
    n = int(family.max()) + 1
    edges = coo_array((np.ones(len(pairs)), tuple(family[pairs].T)), shape=(n, n))
    return np.asarray(connected_components(edges, directed=False)[1][family], dtype=np.int64)


def _any_shared(molecules: Ints, family: Ints) -> bool:
    """Say whether any molecule has more than one family, so that one can be held out."""
    pairs = np.unique(np.stack([molecules.astype(np.int64), family], axis=1), axis=0)
    return bool((np.bincount(pairs[:, 0]) > 1).any())


def _components(reader: StoreReader) -> list[tuple[str, ...]]:
    """Return what is kept apart for each molecule.

    Where some frames have no SMILES, every component goes by its formula alone, so that no isomer
    of a held-out molecule is trained on under another name.
    """
    components = reader.components
    if not any(name.startswith(FORMULA) for names in components for name in names):
        return components
    return [tuple(sorted({formula(name) for name in names})) for names in components]


def _lone_atoms(reader: StoreReader) -> frozenset[str]:
    """Return the components that are single atoms, named as :func:`_components` names them.

    A crystal is none, however few atoms its cell holds.
    """
    most = np.zeros(len(reader.components), dtype=np.int64)
    np.maximum.at(most, reader.molecule, np.diff(reader.frame_ptr))
    if F.PBC in reader:
        crystals = reader.molecule[(reader[F.PBC] != 0).any(axis=1)]
        most[crystals] = np.iinfo(np.int64).max
    lone: dict[bool, set[str]] = {True: set(), False: set()}
    for names, renamed, n_atoms in zip(reader.components, _components(reader), most, strict=True):
        for name in names:
            is_lone = n_atoms == 1 if name.startswith(FORMULA) else len(Formula(formula(name))) == 1
            lone[bool(is_lone)].add(name if name in renamed else formula(name))
    return frozenset(lone[True] - lone[False])


def _require_all_splits(table: pd.DataFrame, store: Path) -> None:
    for name in (POOL, VALIDATION, TEST_CONFORMATIONS, TEST_MOLECULES):
        if not (table[Column.SPLIT] == name).any():
            raise InputError(
                f"{store}: the split {name!r} is empty, every split needs at least one frame. "
                "Use more molecules or conformations, or a larger fraction under `split`."
            )
