"""Choosing training frames: nested, seeded, by strategy, and what the limits let through."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from e3d import tables
from e3d.fields import POOL, Column
from e3d.fields import Store as F
from e3d.store.reader import StoreReader
from e3d.store.splits import frames_of
from study.data.subset import STRATEGIES, write_subset


def test_subsets_are_nested_and_list_what_they_omit(prepared: Any, tmp_path: Path) -> None:
    splits = tables.read(prepared.splits)
    pool = set(splits.loc[splits[Column.SPLIT] == POOL, Column.FRAME])
    molecules = set(splits.loc[splits[Column.SPLIT] == POOL, Column.MOLECULE])
    smaller: set[int] = set()
    for n in (1, 8, 64, len(pool)):
        path = tmp_path / f"n{n}.csv"
        chosen = write_subset(prepared.store, prepared.splits, path, n=n, seed=0)
        frames = set(chosen[Column.FRAME])
        assert len(chosen) == len(frames) == n
        assert smaller < frames <= pool
        omitted = tables.read(
            tmp_path / f"n{n}.omitted.csv", columns=(Column.MOLECULE, Column.SMILES)
        )
        assert set(omitted[Column.MOLECULE]) == molecules - set(chosen[Column.MOLECULE])
        with StoreReader(prepared.store) as reader:
            names = reader.molecule_smiles
        for table in (chosen, omitted):
            assert table[Column.SMILES].tolist() == [names[m] for m in table[Column.MOLECULE]]
        smaller = frames
    assert smaller == pool


def test_molecules_to_train_on_are_nested_or_disjoint(
    prepared: Any, tmp_path: Path, input_error: Any
) -> None:
    def molecules(first: int, last: int) -> set[int]:
        chosen = write_subset(
            prepared.store,
            prepared.splits,
            tmp_path / "subset.csv",
            n=8,
            training_molecules=(first, last),
        )
        return set(chosen[Column.MOLECULE])

    few, more, others = molecules(0, 2), molecules(0, 4), molecules(4, 8)
    assert len(few) == 2
    assert few < more
    assert len(more) == 4
    assert not more & others
    with input_error("training_molecules = 4 400", "allowed 0 to"):
        molecules(4, 400)


def test_another_subset_seed_chooses_other_frames(prepared: Any, tmp_path: Path) -> None:
    a, b, c = (
        write_subset(
            prepared.store,
            prepared.splits,
            tmp_path / f"{name}.csv",
            n=32,
            seed=seed,
        )
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    pd.testing.assert_frame_equal(a, b)
    assert set(a[Column.FRAME]) != set(c[Column.FRAME])


@pytest.mark.parametrize("n", [0, -1, 100_000])
def test_a_subset_must_fit_the_pool(
    n: int, prepared: Any, tmp_path: Path, input_error: Any
) -> None:
    size = len(frames_of(prepared.splits, POOL))
    with input_error(f"n_train = {n}", f"1..{size}", "grid.n_train"):
        write_subset(prepared.store, prepared.splits, tmp_path / "subset.csv", n=n, seed=0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_is_nested_and_seeded(strategy: str, prepared: Any, tmp_path: Path) -> None:
    smaller: set[int] = set()
    for n in (5, 40, 160):
        chosen = write_subset(
            prepared.store, prepared.splits, tmp_path / "a.csv", n=n, seed=0, strategy=strategy
        )
        again = write_subset(
            prepared.store, prepared.splits, tmp_path / "b.csv", n=n, seed=0, strategy=strategy
        )
        other = write_subset(
            prepared.store, prepared.splits, tmp_path / "c.csv", n=n, seed=1, strategy=strategy
        )
        frames = set(chosen[Column.FRAME])
        assert smaller < frames
        assert frames == set(again[Column.FRAME])
        assert frames != set(other[Column.FRAME])
        smaller = frames


def test_smallest_takes_the_fewest_atoms(prepared: Any, tmp_path: Path) -> None:
    chosen = write_subset(
        prepared.store, prepared.splits, tmp_path / "a.csv", n=40, seed=0, strategy="smallest"
    )
    with StoreReader(prepared.store) as reader:
        sizes = np.diff(reader.frame_ptr)
    pool = frames_of(prepared.splits, POOL)
    assert sizes[chosen[Column.FRAME]].max() == np.sort(sizes[pool])[39]


def test_farthest_composition_sees_every_composition_before_any_twice(
    prepared: Any, tmp_path: Path
) -> None:
    pool = frames_of(prepared.splits, POOL)
    with StoreReader(prepared.store) as reader:
        counts = {
            int(f): tuple(np.bincount(reader.frame(int(f)).atomic_numbers, minlength=18).tolist())
            for f in pool
        }
    kinds = len(set(counts.values()))
    chosen = {}
    for n in (2, 6, kinds, kinds + 1):
        table = write_subset(
            prepared.store,
            prepared.splits,
            tmp_path / "a.csv",
            n=n,
            strategy="farthest-composition",
        )
        chosen[n] = [counts[f] for f in table[Column.FRAME]]
        assert len(set(chosen[n])) == min(n, kinds)
    # of all pairs with the first composition, the second is the farthest
    points = np.array(sorted(set(counts.values())), dtype=float)
    first, second = (np.array(c, dtype=float) for c in chosen[2])
    gap = np.sum((first - second) ** 2)
    assert gap in [np.sum((points - start) ** 2, axis=1).max() for start in (first, second)]


def test_limits_let_only_their_frames_through(prepared: Any, tmp_path: Path) -> None:
    limits = {"elements": ["H", "C"], "min_atoms": 5, "max_atoms": 8}
    table = write_subset(prepared.store, prepared.splits, tmp_path / "a.csv", n=20, **limits)
    with StoreReader(prepared.store) as reader:
        for f in table[Column.FRAME]:
            numbers = reader.frame(int(f)).atomic_numbers
            assert set(numbers.tolist()) <= {1, 6}
            assert 5 <= len(numbers) <= 8
    note = (tmp_path / "a.csv.provenance.json").read_text()
    assert '"max_atoms": 8' in note
    assert '"elements": [' in note


def test_a_subset_of_the_source_by_name(prepared: Any, tmp_path: Path, input_error: Any) -> None:
    with StoreReader(prepared.store) as reader:
        (name,) = reader.subset_names
        assert (reader[F.SUBSET] == 0).all()
    write_subset(prepared.store, prepared.splits, tmp_path / "a.csv", n=3, subsets=(name,))
    with input_error("subset.subsets", "'nothing'", name):
        write_subset(
            prepared.store,
            prepared.splits,
            tmp_path / "b.csv",
            n=3,
            subsets=("nothing",),
        )


def test_an_unknown_element(prepared: Any, tmp_path: Path, input_error: Any) -> None:
    with input_error("'Cc'", "`subset.elements`"):
        write_subset(
            prepared.store,
            prepared.splits,
            tmp_path / "a.csv",
            n=3,
            elements=("Cc",),
        )


def test_splits_of_another_store(prepared: Any, tmp_path: Path, input_error: Any) -> None:
    table = tables.read(prepared.splits)
    pd.concat([table, table.assign(frame=table[Column.FRAME] + len(table))]).to_parquet(
        tmp_path / "twice.parquet"
    )
    with input_error("twice.parquet", "another store"):
        write_subset(prepared.store, tmp_path / "twice.parquet", tmp_path / "a.csv", n=3)


def test_an_unknown_strategy(prepared: Any, tmp_path: Path, input_error: Any) -> None:
    with input_error("'randm'", "did you mean 'random'"):
        write_subset(
            prepared.store,
            prepared.splits,
            tmp_path / "a.csv",
            n=3,
            strategy="randm",
        )
