"""Splits and subsets: nothing leaks, nothing is lost, and the seed decides."""

import time
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pandas as pd
import pytest
from ase.build import bulk

from conftest import map_atoms
from e3d import tables
from e3d.chemistry import molecule
from e3d.fields import POOL, TEST_CONFORMATIONS, TEST_MOLECULES, UNUSED, VALIDATION, Column
from e3d.fields import Store as F
from e3d.store.convert import write_store
from e3d.store.reader import StoreReader
from e3d.store.splits import frames_of, read_splits
from model_fixtures import MINISPICE_FRAMES
from study.cli import main
from study.data.split import SplitSettings, assign, families, write_splits

DEFAULT = SplitSettings()
ATOMS = dict.fromkeys(("H", "C", "N", "O", "He", "Ne", "Ar", "Kr"), 0.0)
SPLITS = {POOL, VALIDATION, TEST_CONFORMATIONS, TEST_MOLECULES}


def _study(
    n_molecules: int, frames_each: int
) -> tuple[list[tuple[str, ...]], np.ndarray, np.ndarray]:
    """Molecules of one component with paired frames: components, molecule, family."""
    molecules = np.repeat(np.arange(n_molecules), frames_each)
    index = np.tile(np.arange(frames_each), n_molecules)
    return [(f"M{m}",) for m in range(n_molecules)], molecules, families(molecules, index)


def test_minispice_is_split_completely_and_without_leaks(prepared: Any) -> None:
    table = tables.read(prepared.splits)
    with StoreReader(prepared.store) as reader:
        assert table[Column.FRAME].tolist() == list(range(len(reader)))
        assert table[Column.MOLECULE].tolist() == reader.molecule.tolist()
        components = {m: set(reader.molecule_smiles[m].split(".")) for m in set(reader.molecule)}
    assert set(table[Column.SPLIT]) == SPLITS
    by_split = table.groupby(Column.SPLIT)[Column.MOLECULE].agg(set)
    seen = {
        name: set().union(*(components[m] for m in molecules))
        for name, molecules in by_split.items()
    }
    for name in (POOL, VALIDATION, TEST_CONFORMATIONS):
        assert not seen[TEST_MOLECULES] & seen[name], name
    assert seen[VALIDATION] | seen[TEST_CONFORMATIONS] <= seen[POOL], (
        "every such molecule has pool frames"
    )
    shares = table[Column.SPLIT].value_counts(normalize=True)
    inside = 1 - shares[TEST_MOLECULES]
    # fractions of families are rounded at random: 48 molecules, so a few per cent of scatter
    assert shares[TEST_CONFORMATIONS] / inside == pytest.approx(
        DEFAULT.test_conformations, abs=0.05
    )
    assert shares[VALIDATION] / inside == pytest.approx(DEFAULT.validation, abs=0.05)


def test_a_frame_and_its_parent_are_on_one_side(prepared: Any) -> None:
    table = tables.read(prepared.splits)
    with StoreReader(prepared.store) as reader:
        keys = pd.DataFrame(
            {"group": reader.group, "family": reader[F.SOURCE_INDEX] % 25, "split": table["split"]}
        )
        assert (reader[F.SOURCE_INDEX] >= 25).any()
    sides = keys.groupby(["group", "family"])["split"].agg(["nunique", "size"])
    assert (sides["size"] > 1).any()
    assert (sides["nunique"] == 1).all()


def test_families() -> None:
    group = np.array([0, 0, 0, 0, 1, 1, 1])
    index = np.array([3, 28, 4, 29, 3, -1, -1])
    a = families(group, index)
    assert a[0] == a[1] != a[2] == a[3]
    assert a[4] != a[0], "another group, another family"
    assert a[4] == a[5] == a[6], "with one unknown number the whole group stays together"


def test_where_the_number_is_unknown_a_whole_group_goes_to_one_side() -> None:
    molecules = np.repeat(np.arange(40), 12)
    group = np.repeat(np.arange(160), 3)  # four groups of three frames in each molecule
    family = families(group, np.full(len(group), -1))
    split = assign([(f"M{m}",) for m in range(40)], molecules, family, DEFAULT)
    assert {TEST_CONFORMATIONS, POOL} <= set(split)
    for g in np.unique(group):
        assert len(set(split[group == g])) == 1


def test_negative_control_single_frames_would_tear_families_apart() -> None:
    components, molecules, family = _study(60, 50)
    torn = assign(components, molecules, np.arange(len(molecules)), DEFAULT)
    whole = assign(components, molecules, family, DEFAULT)
    sides = [pd.Series(split).groupby(family).nunique().max() for split in (torn, whole)]
    assert sides[0] > 1
    assert sides[1] == 1


@pytest.mark.parametrize("seed", range(5))
def test_clusters_that_mix_held_out_and_pool_components_are_unused(seed: int) -> None:
    names = [f"M{k}" for k in range(12)]
    components = [(name,) for name in names] + [
        (a, b) for i, a in enumerate(names) for b in names[i + 1 :]
    ]
    molecules = np.repeat(np.arange(len(components)), 4)
    settings = SplitSettings(seed, 0.3, 0.17, 0.12)
    split = assign(components, molecules, np.arange(len(molecules)), settings)
    held_out = {
        components[m][0] for m in molecules[split == TEST_MOLECULES] if len(components[m]) == 1
    }
    assert len(held_out) == round(0.3 * len(names))
    for m, side in zip(molecules, split, strict=True):
        outside = [name in held_out for name in components[m]]
        expected = (
            {TEST_MOLECULES}
            if all(outside)
            else {UNUSED}
            if any(outside)
            else SPLITS - {TEST_MOLECULES}
        )
        assert side in expected, components[m]
    assert UNUSED in split


@pytest.mark.parametrize("fraction", [0.01, 0.5, 0.99])
def test_every_pool_molecule_keeps_a_pool_frame(fraction: float) -> None:
    components, molecules, family = _study(50, 6)
    split = assign(components, molecules, family, SplitSettings(1, 0.2, fraction, fraction))
    inside = set(molecules[split != TEST_MOLECULES])
    assert inside == set(molecules[split == POOL])
    assert 0 < len(inside) < 50


def test_the_seed_decides(prepared: Any, tmp_path: Path) -> None:
    components, molecules, family = _study(80, 10)
    first, again, other = (
        assign(components, molecules, family, SplitSettings(seed, 0.15, 0.17, 0.12))
        for seed in (3, 3, 4)
    )
    assert (first == again).all()
    assert (first != other).any()
    write_splits(prepared.store, tmp_path / "splits.parquet")
    assert (tmp_path / "splits.parquet").read_bytes() == prepared.splits.read_bytes()


def test_shares_are_right_on_average() -> None:
    components, molecules, family = _study(400, 10)
    split = assign(components, molecules, family, SplitSettings(0, 0.15, 0.17, 0.12))
    inside = split != TEST_MOLECULES
    assert 1 - inside.mean() == pytest.approx(0.15, abs=1e-9)
    # 340 molecules x 10 families, one draw of each: sd below sqrt(0.25 / 340) / 10 = 0.003
    assert (split[inside] == TEST_CONFORMATIONS).mean() == pytest.approx(0.17, abs=0.012)
    assert (split[inside] == VALIDATION).mean() == pytest.approx(0.12, abs=0.012)


def test_a_spice_sized_study_is_split_in_seconds() -> None:
    components, molecules, family = _study(20_000, 10)
    start = time.perf_counter()
    split = assign(components, molecules, family, DEFAULT)
    seconds = time.perf_counter() - start
    assert set(split) == SPLITS
    # under 1 s on an idle core; one search over all frames per molecule takes minutes
    assert seconds < 10, f"{seconds:.1f} s"


def test_a_dataset_too_small_to_split(
    spice_file: Any, spice_group: Any, input_error: Any, tmp_path: Path
) -> None:
    write_store(spice_file({"a": spice_group("C", 4)}), tmp_path / "store.h5")
    with input_error("store.h5", "is empty", "larger fraction"):
        write_splits(tmp_path / "store.h5", tmp_path / "splits.parquet")
    assert not (tmp_path / "splits.parquet").exists()


@pytest.mark.parametrize("option", ["--test-molecules", "--test-conformations", "--validation"])
@pytest.mark.parametrize("value", ["nan", "-0.5", "1.5", "0", "much"])
def test_a_fraction_lies_between_0_and_1(
    option: str, value: str, prepared: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "splits.parquet"
    with pytest.raises(SystemExit):
        main(["data", "split", str(prepared.store), f"{option}={value}", "-o", str(output)])
    assert f"{value!r} - must be a number between 0 and 1" in capsys.readouterr().err
    assert not output.exists()


def test_the_splits_of_another_store_are_refused(
    prepared: Any, tmp_path: Path, input_error: Any
) -> None:
    table = tables.read(prepared.splits)
    path = tmp_path / "other.parquet"
    with StoreReader(prepared.store) as reader:
        for wrong in (
            table.iloc[:-1],
            table.iloc[::-1],
            pd.concat([table, table]),
            table.assign(frame="x"),
        ):
            wrong.to_parquet(path)
            with input_error("other.parquet", str(len(reader)), "another store"):
                read_splits(path, reader)
        assert read_splits(prepared.splits, reader).equals(table)


def test_frames_of(prepared: Any, input_error: Any) -> None:
    parts = [frames_of(prepared.splits, name) for name in sorted(SPLITS)]
    assert sorted(np.concatenate(parts).tolist()) == list(range(MINISPICE_FRAMES))
    assert all((np.diff(part) > 0).all() for part in parts)
    with input_error("splits.parquet", "'test'", POOL, "Name one of these"):
        frames_of(prepared.splits, "test")


def _sides(smiles: dict[str, int], seed: int) -> dict[str, set[str]]:
    """Deal a molecule of each SMILES, of so many frames; return the splits of its frames."""
    known = [molecule(map_atoms(text)).components for text in smiles]
    rows = np.repeat(np.arange(len(known)), list(smiles.values()))
    lone = frozenset({"[Na+]", "[Cl-]", "[He]", "[Ne]"})
    split = assign(known, rows, np.arange(len(rows)), SplitSettings(seed, 0.3), lone)
    return {text: set(split[rows == k]) for k, text in enumerate(smiles)}


SPELLED = [
    ("CS(C)=O", "C[S+](C)[O-]"),
    ("CO", "[2H]C([2H])([2H])O", "[13CH3]O"),
    ("CN=[N+]=[N-]", "C[N-][N+]#N"),
    ("C[C@H](O)F", "C[C@@H](O)F", "CC(O)F"),
    ("C/C=C/C", "C/C=C\\C"),
    ("Cn1cc[nH+]c1", "C[n+]1cc[nH]c1"),
    ("Cc1ccccc1O", "CC1=C(O)C=CC=C1"),
]


@pytest.mark.parametrize("seed", range(6))
def test_spellings_of_a_molecule_are_on_one_side(seed: int) -> None:
    sides = _sides(dict.fromkeys([text for texts in SPELLED for text in texts], 4), seed)
    held_out = [[sides[text] == {TEST_MOLECULES} for text in texts] for texts in SPELLED]
    assert all(len(set(texts)) == 1 for texts in held_out)
    assert {True, False} == {texts[0] for texts in held_out}


@pytest.mark.parametrize("seed", range(6))
def test_lone_atoms_are_never_held_out_and_tear_nothing(seed: int) -> None:
    molecules = ("CO", "CC", "C=C", "C#N", "CF", "CN")
    clusters = [f"{name}.[Na+].[Cl-]" for name in molecules] + ["CO.[He]"]
    sides = _sides(dict.fromkeys([*molecules, *clusters, "[He]", "[Ne]", "[Na+].[Cl-]"], 4), seed)
    assert sides["[He]"] == sides["[Ne]"] == sides["[Na+].[Cl-]"] == {POOL}
    for cluster in clusters:
        alone = sides[cluster.split(".")[0]]
        assert UNUSED not in sides[cluster]
        assert (sides[cluster] == {TEST_MOLECULES}) == (alone == {TEST_MOLECULES})
    assert sum(sides[name] == {TEST_MOLECULES} for name in molecules) == 2


def test_a_store_of_molecules_and_lone_atoms(
    spice_file: Any, spice_group: Any, tmp_path: Path
) -> None:
    """However few molecules there are, no test set is made of atoms."""
    names = ["[He]", "[Ne]", "[Ar]", "[Kr]", "CO", "CC", "CO.[Ne]"]
    groups = {f"g{k}": spice_group(name, 8, atom_hartree=0.0) for k, name in enumerate(names)}
    for group in groups.values():
        if len(group["atomic_numbers"]) == 1:
            for label in ("formation_energy", "dft_total_energy", "dft_total_gradient"):
                group[label] = np.zeros_like(group[label])
    write_store(spice_file(groups), tmp_path / "store.h5", theory="x", isolated_atom_energy=ATOMS)
    table = write_splits(tmp_path / "store.h5", tmp_path / "splits.parquet", validation=0.4)
    with StoreReader(tmp_path / "store.h5") as reader:
        smiles = np.array(reader.molecule_smiles)[table[Column.MOLECULE]]
    outside = table[Column.SPLIT] != POOL
    assert not {"[He]", "[Ne]", "[Ar]", "[Kr]"} & set(smiles[outside])
    assert set(smiles[table[Column.SPLIT] == TEST_MOLECULES]) in ({"CC"}, {"CO", "CO.[Ne]"})


def test_a_crystal_of_one_atom_is_no_lone_atom(tmp_path: Path) -> None:
    frames = []
    for k, element in enumerate(("Cu", "Ag", "Au", "Pt") * 5):
        crystal = bulk(element, "fcc", a=3.6 + 0.1 * k)
        crystal.info["energy"] = -1.0 - 0.01 * k
        crystal.set_array("forces", np.zeros((1, 3)))
        frames.append(crystal)
    ase.io.write(tmp_path / "crystals.extxyz", frames)
    atoms = dict.fromkeys(("Cu", "Ag", "Au", "Pt"), 0.0)
    write_store(
        tmp_path / "crystals.extxyz",
        tmp_path / "store.h5",
        layout="extxyz",
        theory="x",
        isolated_atom_energy=atoms,
    )
    table = write_splits(tmp_path / "store.h5", tmp_path / "splits.parquet")
    assert TEST_MOLECULES in set(table[Column.SPLIT])
