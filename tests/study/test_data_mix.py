"""Mixtures: binding energies stay, shares hold in every subset, held-out components stay out."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from e3d import tables
from e3d.chemistry import molecule, number, symbol, unnamed
from e3d.fields import POOL, TEST_MOLECULES, Column
from e3d.fields import Store as F
from e3d.store.group import Group
from e3d.store.layouts.frames import formula
from e3d.store.reader import StoreReader
from e3d.store.writer import StoreWriter
from e3d.structures import from_store
from e3d.theory import SPICE
from study.data.align import PAIRED, UNPAIRED, _common_structures, _regress
from study.data.mix import groups_of, write_mixture
from study.data.split import write_splits
from study.data.subset import write_subset

OTHER_ATOMS = {1: -10.0, 6: -1000.0, 7: -1400.0, 8: -2000.0, 26: -3000.0}
RESIDUAL = {"H": 0.05, "C": -0.2, "N": 0.1, "O": 0.3}


class Part(NamedTuple):
    """One dataset of a mixture."""

    name: str
    store: Path
    share: float


def mix(parts: list[Part], output: Path, **options: bool) -> pd.DataFrame:
    """Mix the parts."""
    shares = [(part.name, part.share) for part in parts]
    return write_mixture([part.store for part in parts], shares, output, **options)


def _shifted_copy(source: Path, target: Path, *, move: float = 0.0) -> None:
    """Copy C, H, N, O frames to another level of theory: other atoms, a residual per element."""
    atoms = {z: energy for z, energy in OTHER_ATOMS.items() if z != 26}
    with StoreReader(source) as reader, StoreWriter(target, {"theory": "other"}, atoms) as writer:
        index = reader[F.SOURCE_INDEX]
        for f in range(len(reader)):
            frame = reader.frame(f)
            if not {int(z) for z in frame.atomic_numbers} <= set(atoms):
                continue
            binding = reader[F.BINDING_ENERGY][f] + sum(
                RESIDUAL[symbol(int(z))] for z in frame.atomic_numbers
            )
            smiles = reader.group_smiles[reader.group[f]]
            group = Group(
                smiles=smiles,
                subset="copy",
                atomic_numbers=frame.atomic_numbers.astype(np.int64),
                positions=frame.positions[None].astype(np.float64) + move,
                energy=np.array([binding + sum(atoms[int(z)] for z in frame.atomic_numbers)]),
                forces=frame.forces[None].astype(np.float64),
                source_index=index[f : f + 1].astype(np.int64),
            )
            writer.add(group, molecule(smiles), np.ones(1, dtype=bool))


def _crystals(target: Path, n: int = 12) -> None:
    """Write periodic frames without SMILES, of an element the other part does not have."""
    rng = np.random.default_rng(0)
    with StoreWriter(target, {"theory": "metal"}, OTHER_ATOMS) as writer:
        for k in range(n):
            numbers = np.array([26, 8] if k % 2 else [26, 26, 8])
            m = 3
            group = Group(
                smiles="",
                name="FeO" if k % 2 else "Fe2O",
                subset="metal",
                atomic_numbers=numbers,
                positions=rng.uniform(0, 4, size=(m, len(numbers), 3)),
                energy=sum(OTHER_ATOMS[int(z)] for z in numbers) - rng.uniform(5, 6, m),
                forces=rng.normal(size=(m, len(numbers), 3)),
                source_index=np.full(m, -1),
                cell=np.tile(np.eye(3) * 4.0, (m, 1, 1)),
                pbc=np.ones((m, 3), dtype=bool),
                stress=rng.normal(size=(m, 3, 3)),
            )
            writer.add(group, unnamed(group.name, numbers, 0, 1), np.ones(m, dtype=bool))


@pytest.fixture
def parts(prepared: Any, tmp_path: Path) -> list[Part]:
    _shifted_copy(prepared.store, tmp_path / "copy.h5")
    return [Part("first", prepared.store, 3.0), Part("second", tmp_path / "copy.h5", 1.0)]


def test_energies_move_by_the_isolated_atoms_and_binding_energies_stay(
    parts: list[Part], tmp_path: Path
) -> None:
    mix(parts, tmp_path / "mixed.h5")
    with StoreReader(tmp_path / "mixed.h5") as mixed, StoreReader(parts[0].store) as first:
        with StoreReader(parts[1].store) as second:
            n = len(first)
            assert len(mixed) == n + len(second)
            expected = np.concatenate([first[F.BINDING_ENERGY], second[F.BINDING_ENERGY]])
            np.testing.assert_allclose(mixed[F.BINDING_ENERGY], expected, atol=1e-9)
            assert (mixed[F.ENERGY][:n] == first[F.ENERGY]).all()
            for f in (0, len(second) - 1):
                offset = sum(
                    SPICE.isolated_atom_energy[symbol(int(z))] - OTHER_ATOMS[int(z)]
                    for z in second.frame(f).atomic_numbers
                )
                assert mixed[F.ENERGY][n + f] == pytest.approx(
                    second[F.ENERGY][f] + offset, abs=1e-8
                )
            np.testing.assert_array_equal(mixed.frame(n + 3).positions, second.frame(3).positions)
        assert mixed.parts == {"first": 0.75, "second": 0.25}
        assert mixed.isolated_atom_energy.items() <= first.isolated_atom_energy.items()
        assert set(mixed.subset_names) > {"second: copy"}


def test_the_residual_is_found_on_the_same_structures_and_applied_only_on_request(
    parts: list[Part], tmp_path: Path
) -> None:
    table = mix(parts, tmp_path / "mixed.h5")
    rows = table[table["dataset"] == "second"].set_index("element")
    assert set(rows["residual_from"]) == {PAIRED}
    for element, value in RESIDUAL.items():
        assert rows.loc[element, "residual_eV_per_atom"] == pytest.approx(value, abs=1e-6)
        assert rows.loc[element, "residual_half_width_eV_per_atom"] < 1e-5
    assert not rows["residual_applied"].any()
    assert rows["rms_before_eV_per_atom"].iloc[0] > 0.05
    assert rows["rms_after_eV_per_atom"].iloc[0] < 1e-6
    applied = mix(parts, tmp_path / "applied.h5", apply_residual=True)
    assert applied.loc[applied["dataset"] == "second", "residual_applied"].all()
    assert not applied.loc[applied["dataset"] == "first", "residual_applied"].any()
    with StoreReader(tmp_path / "applied.h5") as mixed, StoreReader(parts[0].store) as first:
        by_key = {
            (first.molecule_smiles[m], int(i)): e
            for m, i, e in zip(
                first.molecule, first[F.SOURCE_INDEX], first[F.BINDING_ENERGY], strict=True
            )
        }
        for f in range(len(first), len(mixed), 7):
            key = mixed.molecule_smiles[mixed.molecule[f]], int(mixed[F.SOURCE_INDEX][f])
            assert mixed[F.BINDING_ENERGY][f] == pytest.approx(by_key[key], abs=1e-5)


def test_without_common_structures_the_table_says_so(prepared: Any, tmp_path: Path) -> None:
    _shifted_copy(prepared.store, tmp_path / "moved.h5", move=1.0)
    table = mix(
        [Part("a", prepared.store, 1), Part("b", tmp_path / "moved.h5", 1)], tmp_path / "mixed.h5"
    )
    rows = table[table["dataset"] == "b"]
    assert set(rows["residual_from"]) == {UNPAIRED}
    assert rows["rms_before_eV_per_atom"].isna().all()
    assert rows["residual_half_width_eV_per_atom"].gt(0.01).all(), (
        "chemistry is part of it: no tight interval"
    )


def test_every_subset_holds_the_shares_and_lies_in_the_larger(
    parts: list[Part], tmp_path: Path
) -> None:
    store, splits = tmp_path / "mixed.h5", tmp_path / "splits.parquet"
    mix(parts, store)
    write_splits(store, splits)
    with StoreReader(store) as reader:
        part, names = reader[F.PART], np.array(reader.molecule_smiles)
        molecules = reader.molecule
    table = tables.read(splits)
    held_out = set(names[molecules[table.loc[table[Column.SPLIT] == TEST_MOLECULES, Column.FRAME]]])
    pool = set(names[molecules[table.loc[table[Column.SPLIT] == POOL, Column.FRAME]]])
    assert held_out
    assert not held_out & pool
    smaller: set[int] = set()
    for n in (4, 10, 101):
        chosen = write_subset(store, splits, tmp_path / "subset.csv", n=n)
        frames = set(chosen[Column.FRAME])
        assert smaller < frames
        assert abs((part[list(frames)] == 1).sum() - 0.25 * n) <= 1
        smaller = frames


def test_a_part_too_small_for_its_share(
    parts: list[Part], tmp_path: Path, input_error: Any
) -> None:
    store, splits = tmp_path / "mixed.h5", tmp_path / "splits.parquet"
    mix([parts[0], Part("second", parts[1].store, 30.0)], store)
    table = write_splits(store, splits)
    n = int(
        (table[Column.SPLIT] == POOL).sum()
    )  # all there are, and ten in eleven should be of the second
    with input_error(f"n_train = {n}", "of second", "Lower `grid.n_train`"):
        write_subset(store, splits, tmp_path / "subset.csv", n=n)


def test_molecules_and_crystals_in_one_store(prepared: Any, tmp_path: Path) -> None:
    _crystals(tmp_path / "metal.h5")
    mixed = tmp_path / "mixed.h5"
    table = mix([Part("mols", prepared.store, 1), Part("metal", tmp_path / "metal.h5", 1)], mixed)
    metal = table[table["dataset"] == "metal"].set_index("element")
    assert metal.loc["Fe", "offset_eV"] == 0.0, (
        "the first part has no iron: its isolated atom stays"
    )
    assert metal.loc["O", "offset_eV"] == pytest.approx(
        SPICE.isolated_atom_energy["O"] - OTHER_ATOMS[8]
    )
    write_splits(mixed, tmp_path / "splits.parquet")
    with StoreReader(mixed) as reader:
        assert number("Fe") in reader.elements
        first, last = (
            next(iter(from_store(reader, [0]))),
            next(iter(from_store(reader, [len(reader) - 1]))),
        )
        assert first.cell is None
        assert first.bonds
        assert last.pbc == (True, True, True)
        np.testing.assert_array_equal(last.cell, np.eye(3) * 4.0)
        assert last.bonds is None
        assert last.smiles == "formula:FeO"
        assert np.isnan(reader[F.STRESS][0]).all()
        assert np.isfinite(reader[F.STRESS][-1]).all()


@pytest.mark.parametrize("shares", [(1.0,), (1.0, 0.0), (1.0, -1.0)])
def test_shares_must_be_positive(
    shares: tuple[float, ...], prepared: Any, tmp_path: Path, input_error: Any
) -> None:
    parts = [Part(f"p{k}", prepared.store, share) for k, share in enumerate(shares)]
    with input_error("at least two datasets", "Fix `mix`"):
        mix(parts, tmp_path / "mixed.h5")


@pytest.mark.parametrize("shares", [(1.0, float("nan")), (1.0, float("inf"))])
def test_shares_are_finite(
    shares: tuple[float, float], parts: list[Part], tmp_path: Path, input_error: Any
) -> None:
    with input_error("positive shares", "Fix `mix`"):
        mix(
            [Part(part.name, part.store, s) for part, s in zip(parts, shares, strict=True)],
            tmp_path / "mixed.h5",
        )


def test_a_name_comes_once(parts: list[Part], tmp_path: Path, input_error: Any) -> None:
    """Else both would be one part with the share of the second."""
    with input_error("each once", "Fix `mix`"):
        mix([Part("same", part.store, 1.0) for part in parts], tmp_path / "mixed.h5")


def test_a_store_that_comes_twice_is_named(
    parts: list[Part], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Under another name, and in a file of its own."""
    copy = tmp_path / "copy.h5"
    shutil.copy(parts[0].store, copy)
    mix([parts[0], Part("again", copy, 1.0)], tmp_path / "mixed.h5")
    assert "copy.h5 holds what" in caplog.text


def test_what_the_compositions_leave_free_has_no_residual() -> None:
    rng = np.random.default_rng(0)
    water = rng.integers(1, 5, 60)
    counts = np.stack([2 * water, water, rng.integers(0, 4, 60), 0 * water], axis=1).astype(float)
    value, half = _regress(counts, 0.2 * counts[:, 2] + 0.3 * water, np.arange(60))
    np.testing.assert_allclose(
        value, [np.nan, np.nan, 0.2, np.nan], atol=1e-9
    )  # 2:1, free, never there
    assert np.isnan(half[[0, 1, 3]]).all()
    assert half[2] < 1e-9


def test_an_element_of_one_group_has_no_interval() -> None:
    counts = np.array([[1.0, 0.0]] * 9 + [[1.0, 1.0]])
    value, half = _regress(counts, counts @ np.array([0.1, 0.5]), np.arange(10))
    np.testing.assert_allclose(value, [0.1, 0.5])
    assert half[0] < 1e-9
    assert np.isnan(half[1]), "only one molecule has it: nothing says how sure the value is"


def test_an_element_without_residual_keeps_its_energies_and_is_named(
    parts: list[Part], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Common structures of water alone: 2 H per O, and neither has a coefficient of its own."""
    only = [Part(part.name, tmp_path / f"{part.name}-water.h5", part.share) for part in parts]
    for part, target in zip(parts, only, strict=True):
        with (
            StoreReader(part.store) as reader,
            StoreWriter(target.store, {"theory": "t"}, OTHER_ATOMS) as writer,
        ):
            for group, parsed, intact, _ in groups_of(reader):
                if parsed.smiles == "O":
                    for k in range(3):  # a second and a third molecule of water, elsewhere
                        writer.add(replace(group, positions=group.positions + k), parsed, intact)
    table = mix(only, tmp_path / "mixed.h5", apply_residual=True)
    assert not table["residual_applied"].any()
    assert "no residual known for H, O" in caplog.text
    with StoreReader(tmp_path / "mixed.h5") as mixed, StoreReader(only[1].store) as second:
        np.testing.assert_allclose(
            mixed[F.BINDING_ENERGY][-len(second) :], second[F.BINDING_ENERGY], atol=1e-9
        )


def test_common_structures_have_a_common_cell(tmp_path: Path) -> None:
    _crystals(tmp_path / "a.h5")
    with StoreReader(tmp_path / "a.h5") as reader:
        groups = list(groups_of(reader))
    with StoreWriter(tmp_path / "b.h5", {"theory": "t"}, OTHER_ATOMS) as writer:
        for k, (group, parsed, intact, _) in enumerate(groups):
            cell = group.cell * np.where(k % 2, 1.0, 1.1)
            writer.add(replace(group, cell=cell), parsed, intact)
    with StoreReader(tmp_path / "a.h5") as first, StoreReader(tmp_path / "b.h5") as second:
        pairs = _common_structures(first, second)
        assert len(pairs) == len(first) // 2
        assert (pairs[:, 0] == pairs[:, 1]).all()


def test_charges_of_one_smiles_stay_apart(tmp_path: Path) -> None:
    with StoreWriter(tmp_path / "a.h5", {"theory": "t"}, OTHER_ATOMS) as writer:
        rng = np.random.default_rng(0)
        smiles = "[O:1]([H:2])[H:3]"
        for charge in (0, 1):
            group = Group(
                smiles=smiles,
                subset="s",
                atomic_numbers=np.array([8, 1, 1]),
                positions=rng.normal(size=(2, 3, 3)),
                energy=np.full(2, -2030.0),
                forces=np.zeros((2, 3, 3)),
                source_index=np.full(2, -1),
            )
            parsed = replace(molecule(smiles), charge=charge, multiplicity=1 + charge)
            writer.add(group, parsed, np.ones(2, dtype=bool), ionic=charge != 0)
    mix([Part("a", tmp_path / "a.h5", 1), Part("b", tmp_path / "a.h5", 1)], tmp_path / "mixed.h5")
    with StoreReader(tmp_path / "mixed.h5") as mixed:
        assert mixed[F.CHARGE].tolist() == mixed[F.IONIC].tolist() == [0, 0, 1, 1] * 2
        assert mixed[F.MULTIPLICITY].tolist() == [1, 1, 2, 2] * 2


def _nameless_copy(source: Path, target: Path) -> None:
    """Copy a store without SMILES and conformation numbers, a group a frame, atoms reversed."""
    with (
        StoreReader(source) as reader,
        StoreWriter(target, {"theory": "t"}, reader.isolated_atom_energy) as writer,
    ):
        for group, *_ in groups_of(reader):
            for k in range(len(group.energy)):
                numbers = group.atomic_numbers[::-1]
                frame = replace(
                    group,
                    smiles="",
                    name=formula(numbers),
                    atomic_numbers=numbers,
                    positions=group.positions[k : k + 1, ::-1],
                    forces=group.forces[k : k + 1, ::-1],
                    energy=group.energy[k : k + 1],
                    source_index=np.array([-1]),
                )
                writer.add(frame, unnamed(frame.name, numbers, 0, 1), np.ones(1, dtype=bool))


@pytest.mark.parametrize("nameless_first", [False, True])
def test_one_structure_in_two_parts_is_on_one_side(
    nameless_first: bool, prepared: Any, tmp_path: Path
) -> None:
    """Two labels of a geometry, in the pool and in a test set, would be a leak."""
    _nameless_copy(prepared.store, tmp_path / "copy.h5")
    first = tmp_path / "copy.h5" if nameless_first else prepared.store
    mix([Part("a", first, 1), Part("b", tmp_path / "copy.h5", 1)], tmp_path / "mixed.h5")
    table = write_splits(tmp_path / "mixed.h5", tmp_path / "splits.parquet")
    sides = table[Column.SPLIT].to_numpy().reshape(2, -1)
    assert (sides[0] == sides[1]).all()
    assert len(set(sides[0])) == 4


def test_parts_of_one_size_give_different_frames(prepared: Any, tmp_path: Path) -> None:
    store, splits = tmp_path / "mixed.h5", tmp_path / "splits.parquet"
    mix([Part("a", prepared.store, 1), Part("b", prepared.store, 1)], store)
    n = len(write_splits(store, splits)) // 2
    frames = write_subset(store, splits, tmp_path / "subset.csv", n=64)[Column.FRAME]
    assert len(set(frames % n)) > 50, "two draws of 32 among some 300: a few meet by chance"


def test_farthest_compositions_of_many_parts_are_nested(prepared: Any, tmp_path: Path) -> None:
    """With many unequal parts a prefix may hold one frame more of a part than its rounded share."""
    shares = (60.0, 1.0, 1.1, 1.2, 1.3)
    store, splits = tmp_path / "mixed.h5", tmp_path / "splits.parquet"
    mix([Part(f"p{k}", prepared.store, share) for k, share in enumerate(shares)], store)
    write_splits(store, splits)
    smaller = set[int]()
    for n in range(15, 45):
        frames = set(
            write_subset(
                store, splits, tmp_path / "subset.csv", n=n, strategy="farthest-composition"
            )[Column.FRAME]
        )
        assert smaller < frames
        smaller = frames


def test_the_alignment_table_is_written_beside_the_store(parts: list[Part], tmp_path: Path) -> None:
    mix(parts, tmp_path / "mixed.h5")
    written = pd.read_csv(tmp_path / "mixed.h5.alignment.csv")
    assert set(written["dataset"]) == {"first", "second"}
    assert '"first": 0.75' in (tmp_path / "mixed.h5.provenance.json").read_text()


def test_a_mixture_of_a_mixture_is_refused(
    parts: list[Part], tmp_path: Path, input_error: Any
) -> None:
    mixed = tmp_path / "mixed.h5"
    mix(parts, mixed)
    again = [Part("mixed", mixed, 0.5), parts[0]]
    with input_error("mixed.h5: is a mixture of", "in one go"):
        mix(again, tmp_path / "again.h5")
    assert not (tmp_path / "again.h5").exists()
