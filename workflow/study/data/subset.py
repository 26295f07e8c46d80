"""Which frames of the training pool make a subset: nested, seeded, by a named strategy.

Every strategy puts the eligible frames of the pool into one order, and the subset of n frames is
its first n, so that smaller subsets lie in larger ones. In a mixed store each part has an order of
its own, and they are interleaved so that every prefix holds the shares asked for.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from e3d import lineage, tables
from e3d.arrays import Floats, Ints, Masks
from e3d.chemistry import number
from e3d.errors import InputError, choices
from e3d.fields import POOL, Column
from e3d.fields import Store as F
from e3d.store.reader import StoreReader
from e3d.store.splits import hash_of_splits, hash_of_subset, read_splits

Seed = int | tuple[int, ...]


@dataclass(frozen=True)
class SubsetSettings:
    """Which frames are eligible, and in which order they are taken."""

    seed: int = 0
    strategy: str = "random"
    subsets: Sequence[str] = ()  # of the source, by name; empty: all
    elements: Sequence[str] = ()  # the only ones allowed; empty: all
    min_atoms: int = 1
    max_atoms: int = 0  # 0: no limit
    training_molecules: Sequence[int] = ()  # first, and the one after the last; empty: all


def write_subset(store: Path, splits: Path, output: Path, n: int, **options: Any) -> pd.DataFrame:
    """Write a table of the first ``n`` frames of the pool in the order that is asked for.

    Beside frame and molecule it says the hashes of the store and of the splits they are from.
    ``<output stem>.omitted.csv`` lists the pool molecules that have no frame in the subset.

    Parameters
    ----------
    store
        Store of a dataset.
    splits
        Its table of splits.
    output
        The table.
    n
        Number of frames.
    **options
        Of :class:`SubsetSettings`.

    Returns
    -------
    pd.DataFrame
        The table.

    Raises
    ------
    InputError
        If the pool, or a part's share of it, has fewer frames than asked for, or a name is unknown.
    """
    settings = SubsetSettings(**options)
    with StoreReader(store) as reader:
        table = read_splits(splits, reader)
        pool = table.loc[table[Column.SPLIT] == POOL, Column.FRAME].to_numpy(dtype=np.int64)
        eligible = pool[_eligible(reader, pool, settings)]
        if not 1 <= n <= len(eligible):
            raise InputError(
                f"n_train = {n}: the training pool of {store} has {len(eligible)} frames that "
                f"`subset` allows, allowed 1..{len(eligible)}. Lower `grid.n_train`, loosen "
                "`subset`, or shrink the held-out fractions under `split`."
            )
        frames = np.sort(_interleaved(reader, eligible, settings, n))
        names = np.array(reader.molecule_smiles, dtype=object)
        molecule = reader.molecule.astype(np.int64)
        made_from = {
            lineage.STORE: reader.content,
            lineage.SPLITS: hash_of_splits(table, reader.content),
        }
    chosen = pd.DataFrame(
        {
            Column.FRAME: frames,
            Column.MOLECULE: molecule[frames],
            Column.SMILES: names[molecule[frames]],
            Column.STORE: made_from[lineage.STORE],
            Column.SPLITS: made_from[lineage.SPLITS],
        }
    )
    omitted = np.setdiff1d(molecule[pool], molecule[frames])
    left_out = pd.DataFrame({Column.MOLECULE: omitted, Column.SMILES: names[omitted]})
    given = {"n": n, **asdict(settings)}
    made_from[lineage.SUBSET] = hash_of_subset(frames, made_from[lineage.STORE])
    of_both: dict[str, Any] = {"settings": given, "made_from": made_from}
    tables.write(left_out, output.with_suffix(".omitted.csv"), inputs=[splits], **of_both)
    tables.write(chosen, output, inputs=[store, splits], **of_both)
    return chosen


def _eligible(reader: StoreReader, pool: Ints, settings: SubsetSettings) -> Masks:
    """Mark the frames of ``pool`` that the limits of ``settings`` let through."""
    sizes = np.diff(reader.frame_ptr)[pool]
    keep = (sizes >= settings.min_atoms) & (sizes <= (settings.max_atoms or np.inf))
    if settings.subsets:
        names = reader.subset_names
        for name in settings.subsets:
            if name not in names:
                raise InputError(
                    f"subset.subsets: {name!r} is no subset of {reader.path} - "
                    f"{choices(name, names)}. Fix the name."
                )
        keep &= np.isin(reader[F.SUBSET][pool], [names.index(name) for name in settings.subsets])
    if settings.elements:
        other = ~np.isin(
            reader[F.ATOMIC_NUMBERS], [number(element) for element in settings.elements]
        )
        keep &= ~np.logical_or.reduceat(other, reader.frame_ptr[:-1])[pool]
    if settings.training_molecules:
        keep &= _of_molecules(reader, pool, settings)
    return keep


def _of_molecules(reader: StoreReader, pool: Ints, settings: SubsetSettings) -> Masks:
    """Mark the frames of some molecules of the pool, in one order by the seed."""
    molecule = reader.molecule.astype(np.int64)[pool]
    present = np.unique(molecule)
    first, last = settings.training_molecules
    if not first < last <= len(present):
        raise InputError(
            f"training_molecules = {first} {last}: the training pool of {reader.path} has "
            f"{len(present)} molecules, allowed 0 to {len(present)}, the first number below the "
            "second. Correct `training_molecules` of the dataset."
        )
    order = np.random.default_rng((settings.seed, len(present))).permutation(present)
    return np.isin(molecule, order[first:last])


def _interleaved(reader: StoreReader, eligible: Ints, settings: SubsetSettings, n: int) -> Ints:
    """Return ``n`` frames in the strategy's order, the parts of a mixed store by their shares."""
    if settings.strategy not in STRATEGIES:
        raise InputError(
            f"subset.strategy: {settings.strategy!r} is no strategy - "
            f"{choices(settings.strategy, STRATEGIES)}. Fix the name."
        )
    order = STRATEGIES[settings.strategy]
    shares = reader.parts
    if not shares:
        return order(reader, eligible, settings.seed, n)[:n]
    part = reader[F.PART][eligible]
    frames, keys = [], []
    for row, (name, share) in enumerate(shares.items()):
        needed = int(np.ceil(share * n))
        # a seed of its own: parts of one size would else give the same rows, the same structures
        own = order(reader, eligible[part == row], (settings.seed, row), needed + len(shares))
        if len(own) < needed - 1:
            raise InputError(
                f"n_train = {n}: a share of {share:g} needs {needed} frames of {name}, whose "
                f"training pool has {len(own)}. Lower `grid.n_train` or the share."
            )
        frames.append(own)
        keys.append((np.arange(len(own)) + 0.5) / share)
    return np.concatenate(frames)[np.argsort(np.concatenate(keys), kind="stable")][:n]


def _random(reader: StoreReader, eligible: Ints, seed: Seed, n: int) -> Ints:
    """Put the frames in one seeded random order."""
    return eligible[np.random.default_rng(seed).permutation(len(eligible))]


def _smallest(reader: StoreReader, eligible: Ints, seed: Seed, n: int) -> Ints:
    """Put frames with fewer atoms first, equal ones at random."""
    shuffled = _random(reader, eligible, seed, n)
    return shuffled[np.argsort(np.diff(reader.frame_ptr)[shuffled], kind="stable")]


def _farthest_composition(reader: StoreReader, eligible: Ints, seed: Seed, n: int) -> Ints:
    """Visit compositions in the order of farthest-point sampling, one random frame at each visit.

    The distance is Euclid's between counts of elements. It starts at a random composition, each
    further one is farthest from all before it (Gonzalez 1985, doi:10.1016/0304-3975(85)90224-5).
    When all were visited, a second round takes a second frame of each, and so on.
    """
    shuffled = _random(reader, eligible, seed, n)
    kinds, kind = np.unique(_compositions(reader, shuffled), axis=0, return_inverse=True)
    kind = kind.reshape(-1)
    rank = _farthest(kinds.astype(np.float64), start=int(kind[0]), n=min(n, len(kinds)))
    by_kind = np.argsort(kind, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(kind))])
    visit = np.empty(len(kind), dtype=np.int64)
    visit[by_kind] = np.arange(len(kind)) - starts[kind[by_kind]]
    return shuffled[np.lexsort((rank[kind], visit))]


def _compositions(reader: StoreReader, frames: Ints) -> Ints:
    """Return the number of atoms of each element that occurs in ``frames`` (F,): (F, elements)."""
    numbers, ptr = reader[F.ATOMIC_NUMBERS], reader.frame_ptr[:-1]
    counts = (np.add.reduceat(numbers == z, ptr, dtype=np.int32)[frames] for z in reader.elements)
    return np.stack([count for count in counts if count.any()], axis=1).astype(np.int64)


def _farthest(points: Floats, start: int, n: int) -> Ints:
    """Return the rank of every point; those after the first ``n`` share the last rank."""
    rank = np.full(len(points), n, dtype=np.int64)
    distance = np.full(len(points), np.inf)
    for place in range(n):
        rank[start] = place
        distance = np.minimum(distance, np.sum((points - points[start]) ** 2, axis=1))
        start = int(np.argmax(distance))
    return rank


STRATEGIES: Final[Mapping[str, Callable[[StoreReader, Ints, Seed, int], Ints]]] = {
    "random": _random,
    "smallest": _smallest,
    "farthest-composition": _farthest_composition,
}
