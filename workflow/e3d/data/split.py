"""Who trains on what: training pool, validation, two test sets, and nested subsets of the pool.

- ``test-molecules``: no component of them is ever in the pool. A cluster that mixes held-out and
  pool components goes to neither side (``unused``).
- ``test-conformations`` and ``validation``: other frames of pool molecules. A frame and the frame it
  was derived from stay on one side: by original index where it is known, else the whole group.
- subsets are prefixes of one seeded permutation of the pool, so that smaller ones lie in larger ones.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from e3d import tables
from e3d.chemistry import molecule
from e3d.data.layouts.spice import PAIR_STRIDE
from e3d.data.store import StoreReader
from e3d.errors import InputError
from e3d.fields import POOL, TEST_CONFORMATIONS, TEST_MOLECULES, UNUSED, VALIDATION, Column
from e3d.fields import Store as F


@dataclass(frozen=True)
class SplitSettings:
    """Fractions of molecules, and of each pool molecule's families, that are held out."""

    seed: int
    test_molecules: float
    test_conformations: float
    validation: float


def families(group: NDArray[np.int64], source_index: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a family number (F,) per frame: a frame, its parent, and whatever must stay with them.

    Conformation i + 25 was made from conformation i, so they share i mod 25; where the original
    number is unknown (-1) the whole group is one family.
    """
    within = np.where(source_index >= 0, source_index % PAIR_STRIDE, PAIR_STRIDE)
    key = group.astype(np.int64) * (PAIR_STRIDE + 1) + within
    return np.unique(key, return_inverse=True)[1].astype(np.int64)


def assign(
    components: list[tuple[str, ...]],
    molecules: NDArray[np.int64],
    family: NDArray[np.int64],
    settings: SplitSettings,
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
    """
    rng = np.random.default_rng(settings.seed)
    held_out = _held_out(components, settings.test_molecules, rng)
    split = np.full(len(molecules), POOL, dtype=object)
    order = np.argsort(molecules, kind="stable")
    present, starts = np.unique(molecules[order], return_index=True)
    for m, frames in zip(present, np.split(order, starts[1:]), strict=True):
        outside = [component in held_out for component in components[m]]
        if all(outside):
            split[frames] = TEST_MOLECULES
        elif any(outside):
            split[frames] = UNUSED
        else:
            for name, members in _deal(family[frames], settings, rng).items():
                split[frames[np.isin(family[frames], members)]] = name
    return split


def _held_out(components: list[tuple[str, ...]], fraction: float, rng: np.random.Generator) -> set[str]:
    names = sorted({name for names in components for name in names})
    n = min(max(1, round(fraction * len(names))), len(names) - 1)
    return {names[k] for k in rng.permutation(len(names))[:n]}


def _deal(family: NDArray[np.int64], settings: SplitSettings, rng: np.random.Generator) -> dict[str, NDArray[np.int64]]:
    """Deal a molecule's families to the test set, then validation; at least one stays in the pool.

    Fractions of a family are rounded at random, so that molecules with few families give their
    share on average.
    """
    order = rng.permutation(np.unique(family))
    draw = rng.random(2)
    spare = len(order) - 1
    n_test = min(int(settings.test_conformations * len(order) + draw[0]), spare)
    n_validation = min(int(settings.validation * len(order) + draw[1]), spare - n_test)
    return {
        TEST_CONFORMATIONS: order[:n_test],
        VALIDATION: order[n_test : n_test + n_validation],
    }


def split_store(store: Path, output: Path, settings: SplitSettings) -> pd.DataFrame:
    """Write ``output``: a table ``frame, split, molecule`` of every frame of ``store``."""
    with StoreReader(store) as reader:
        mapped = dict(zip(reader.molecule.tolist(), reader.group.tolist(), strict=True))
        components = [molecule(reader.group_smiles[mapped[m]]).components for m in range(len(reader.molecule_smiles))]
        family = families(reader.group, reader[F.SOURCE_INDEX])
        split = assign(components, reader.molecule, family, settings)
        table = pd.DataFrame(
            {
                Column.FRAME: np.arange(len(reader)),
                Column.SPLIT: split,
                Column.MOLECULE: reader.molecule,
            }
        )
    _require_all_splits(table, store)
    tables.write(table, output, inputs=[store], settings=vars(settings))
    return table


def _require_all_splits(table: pd.DataFrame, store: Path) -> None:
    for name in (POOL, VALIDATION, TEST_CONFORMATIONS, TEST_MOLECULES):
        if not (table[Column.SPLIT] == name).any():
            raise InputError(
                f"{store}: the split {name!r} is empty, every split needs at least one frame. "
                "Use more molecules or conformations, or a larger fraction under `split`."
            )


def subset_store(store: Path, splits: Path, output: Path, *, n: int, seed: int) -> pd.DataFrame:
    """Write ``output``: the first ``n`` frames of a seeded permutation of the pool.

    ``<output stem>.omitted.csv`` lists the pool molecules that have no frame in the subset.

    Raises
    ------
    InputError
        If the pool has fewer than ``n`` frames.
    """
    table = tables.read(splits, columns=(Column.FRAME, Column.SPLIT, Column.MOLECULE))
    pool = table[table[Column.SPLIT] == POOL]
    if not 1 <= n <= len(pool):
        raise InputError(
            f"n_train = {n}: the training pool of {store} has {len(pool)} frames, allowed 1..{len(pool)}. "
            "Lower `grid.n_train`, or shrink the held-out fractions under `split`."
        )
    order = np.random.default_rng(seed).permutation(len(pool))[:n]
    chosen = pool.iloc[np.sort(order)][[Column.FRAME, Column.MOLECULE]].reset_index(drop=True)
    with StoreReader(store) as reader:
        names = np.array(reader.molecule_smiles, dtype=object)
    chosen[Column.SMILES] = names[chosen[Column.MOLECULE]]
    omitted = sorted(set(pool[Column.MOLECULE]) - set(chosen[Column.MOLECULE]))
    settings = {"n": n, "seed": seed}
    left_out = pd.DataFrame({Column.MOLECULE: omitted, Column.SMILES: names[omitted]})
    tables.write(left_out, output.with_suffix(".omitted.csv"), inputs=[splits], settings=settings)
    tables.write(chosen, output, inputs=[store, splits], settings=settings)
    return chosen


def frames_of(splits: Path, name: str) -> NDArray[np.int64]:
    """Return the frames of one split, ascending."""
    table = tables.read(splits, columns=(Column.FRAME, Column.SPLIT))
    frames = table.loc[table[Column.SPLIT] == name, Column.FRAME].to_numpy(dtype=np.int64)
    if not len(frames):
        raise InputError(
            f"{splits}: no frame in split {name!r}; it has {', '.join(sorted(set(table[Column.SPLIT])))}. "
            "Name one of these."
        )
    return frames
