"""Charged species and elements known as ions only: left out and counted, or tested apart."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from e3d import tables
from e3d.evaluate import _test_sets
from e3d.fields import POOL, TEST_IONIC, TEST_SPLITS, Column
from e3d.fields import Store as F
from e3d.store.convert import write_store
from e3d.store.reader import StoreReader
from e3d.theory import SPICE, theories
from e3d.units import HARTREE_EV
from study.data.split import write_splits

NEUTRAL = ("C", "CO", "CC", "CN", "C=O", "CCO", "O")
CHARGED = ("CC(=O)[O-]", "C[NH3+]", "[OH-]", "[NH4+]")
IONIC = ("[Na+].[Cl-]", "[K+].[Cl-]", "[Li+].[F-]")


@pytest.fixture
def source(spice_file: Any, spice_group: Any) -> Path:
    """All three kinds, 50 conformations each, numbered as SPICE numbers DES monomers."""
    names = (*NEUTRAL, *CHARGED, *IONIC)
    file: Path = spice_file(
        {s: spice_group(s, 50, "SPICE DES Monomers Single Points Dataset v1.1") for s in names}
    )
    return file


def test_by_default_they_are_left_out_and_counted(source: Path, tmp_path: Path) -> None:
    report = write_store(source, tmp_path / "store.h5").as_dict()
    assert report["molecules"] == len(NEUTRAL)
    assert report["frames_charged"] == report["frames_with_ionic_elements"] == 0
    dropped = report["frames_dropped"]
    assert sum(dropped.values()) == 50 * (len(CHARGED) + len(IONIC))
    assert dropped["charged species (one shift per element cannot hold both)"] == 50 * len(CHARGED)
    assert {reason for reason in dropped if reason.startswith("element")} == {
        f"element {symbol} (no neutral atom reference)" for symbol in ("Na", "K", "Li")
    }


def test_elements_that_are_excluded_by_wish_are_said_to_be(source: Path, tmp_path: Path) -> None:
    report = write_store(source, tmp_path / "store.h5", exclude_elements=["O", "K"]).as_dict()
    reasons = {reason for reason in report["frames_dropped"] if reason.startswith("element")}
    assert "element K (no neutral atom reference)" in reasons
    assert "element O (excluded)" in reasons


def test_an_empty_list_of_elements_leaves_out_none(source: Path, tmp_path: Path) -> None:
    report = write_store(source, tmp_path / "store.h5", exclude_elements=[]).as_dict()
    assert report["molecules"] == len(NEUTRAL) + len(IONIC)
    assert report["frames_with_ionic_elements"] == 50 * len(IONIC)
    assert sum(report["frames_dropped"].values()) == 50 * len(CHARGED)


def test_kept_they_are_relative_to_neutral_atoms(source: Path, tmp_path: Path) -> None:
    report = write_store(source, tmp_path / "store.h5", include_ionic=True).as_dict()
    assert report["molecules"] == len(NEUTRAL) + len(CHARGED) + len(IONIC)
    assert report["frames_charged"] == 50 * len(CHARGED)
    assert report["frames_with_ionic_elements"] == 50 * len(IONIC)
    sodium = theories()[SPICE.name].isolated_atom_energy["Na"]
    assert sodium / HARTREE_EV == pytest.approx(-162.30, abs=0.05), (
        "neutral, where SPICE's ion is -162.11"
    )
    with StoreReader(tmp_path / "store.h5") as reader:
        salt = reader.molecule == reader.molecule_smiles.index("[Cl-].[Na+]")
        atoms = sodium + SPICE.isolated_atom_energy["Cl"]
        np.testing.assert_allclose(
            reader[F.BINDING_ENERGY][salt], reader[F.ENERGY][salt] - atoms, atol=1e-8
        )
        assert (reader[F.IONIC][salt] == 1).all()
        assert set(reader[F.CHARGE].tolist()) == {-1, 0, 1}


def test_their_held_out_frames_are_a_test_set_of_their_own(source: Path, tmp_path: Path) -> None:
    store, splits = tmp_path / "store.h5", tmp_path / "splits.parquet"
    write_store(source, store, include_ionic=True)
    write_splits(store, splits, test_molecules=0.2, test_conformations=0.2, validation=0.1)
    table = tables.read(splits)
    with StoreReader(store) as reader:
        ionic = reader[F.IONIC].astype(bool)
        sets, _ = _test_sets(reader, splits)
    assert set(sets) == {*TEST_SPLITS, TEST_IONIC}
    assert ionic[list(sets[TEST_IONIC])].all()
    assert not any(ionic[list(sets[name])].any() for name in TEST_SPLITS)
    assert ionic[table[Column.SPLIT] == POOL].any(), "they are trained on"


def test_without_them_there_is_no_such_set(source: Path, tmp_path: Path) -> None:
    store, splits = tmp_path / "store.h5", tmp_path / "splits.parquet"
    write_store(source, store)
    write_splits(store, splits, test_molecules=0.2, test_conformations=0.2, validation=0.1)
    with StoreReader(store) as reader:
        assert set(_test_sets(reader, splits)[0]) == set(TEST_SPLITS)
