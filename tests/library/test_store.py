"""The store: what goes in comes out, at random, and two writes are the same bytes."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from e3d.chemistry import molecule
from e3d.fields import Store as F
from e3d.store import writer
from e3d.store.convert import write_store
from e3d.store.files.hdf5 import open_hdf5
from e3d.store.group import Group, check_groups
from e3d.store.reader import FORMAT, StoreReader
from e3d.store.writer import StoreWriter
from e3d.theory import IONIC_ONLY, SPICE
from e3d.units import BOHR_ANG, HARTREE_EV, HARTREE_PER_BOHR_EV_PER_ANG
from model_fixtures import MINISPICE_FRAMES, Prepared

WATER = "[O:1]([H:2])[H:3]"
ATOMS = {1: -13.5, 8: -2043.9}


def _water(m: int = 4, seed: int = 0) -> Group:
    rng = np.random.default_rng(seed)
    return Group(
        smiles=WATER,
        subset="made up",
        atomic_numbers=np.array([8, 1, 1]),
        positions=rng.normal(size=(m, 3, 3)),
        energy=-2080.0 + rng.normal(size=m),
        forces=rng.normal(size=(m, 3, 3)),
        source_index=np.arange(m),
    )


def _write(path: Path, groups: list[Group], facts: dict[str, Any] | None = None) -> None:
    with StoreWriter(path, facts or {}, ATOMS) as writer:
        for group in groups:
            writer.add(group, molecule(group.smiles), np.ones(len(group.energy), dtype=bool))


def test_random_access_equals_the_source(prepared: Any, minispice: Path) -> None:
    rows = []
    with h5py.File(minispice) as file:
        for name in file:
            group = {key: file[name][key][()] for key in file[name]}
            rows += [(group, k) for k in range(len(group["dft_total_energy"]))]
    eps = np.finfo(np.float32).eps
    with StoreReader(prepared.store) as reader:
        assert len(reader) == len(rows) == MINISPICE_FRAMES
        for f in np.random.default_rng(0).permutation(len(rows)):
            (group, k), frame = rows[f], reader.frame(int(f))
            expected = group["conformations"][k] * BOHR_ANG
            np.testing.assert_allclose(frame.positions, expected, rtol=2 * eps)
            expected = -group["dft_total_gradient"][k] * HARTREE_PER_BOHR_EV_PER_ANG
            np.testing.assert_allclose(frame.forces, expected, rtol=2 * eps)
            assert frame.energy == group["dft_total_energy"][k] * HARTREE_EV
            assert frame.atomic_numbers.tolist() == group["atomic_numbers"].tolist()
            assert reader.group_smiles[reader.group[f]] == group["smiles"][0].decode()
            assert reader[F.SOURCE_INDEX][f] == group["sample_index"][k]


def test_arrays_have_the_documented_types_and_shapes(prepared: Any) -> None:
    with StoreReader(prepared.store) as reader:
        atoms, frames = reader.frame_ptr[-1], len(reader)
        for name, kind in {
            F.POSITIONS: "f4",
            F.FORCES: "f4",
            F.ATOMIC_NUMBERS: "u1",
            F.ENERGY: "f8",
            F.BINDING_ENERGY: "f8",
            F.MOLECULE: "i4",
            F.GROUP: "i4",
            F.SOURCE_INDEX: "i4",
            F.SUBSET: "i2",
            F.CHARGE: "i1",
            F.MULTIPLICITY: "i1",
            F.INTACT: "u1",
        }.items():
            array = reader[name]
            assert array.dtype == np.dtype(kind), name
            vector = name in (F.POSITIONS, F.FORCES)
            length = atoms if vector or name == F.ATOMIC_NUMBERS else frames
            assert array.shape == ((length, 3) if vector else (length,)), name
        assert set(reader[F.CHARGE]) == {0}
        assert reader.subset_names == ["minispice"]
        assert reader.elements == [1, 6, 7, 8, 9, 16, 17]
        assert reader.attributes["theory"] == SPICE.name
        assert reader.isolated_atom_energy[6] == pytest.approx(
            SPICE.isolated_atom_energy["C"], rel=1e-15
        )
        assert not set(IONIC_ONLY) & set(SPICE.isolated_atom_energy)


def test_two_writes_are_the_same_bytes(minispice: Path, prepared: Any, tmp_path: Path) -> None:
    write_store(minispice, tmp_path / "store.h5")
    assert (tmp_path / "store.h5").read_bytes() == prepared.store.read_bytes()
    _write(tmp_path / "a.h5", [_water(seed=0)])
    _write(tmp_path / "b.h5", [_water(seed=1)])
    assert (tmp_path / "a.h5").read_bytes() != (tmp_path / "b.h5").read_bytes()


def test_report_counts_the_frames(prepared: Any) -> None:
    report = json.loads(prepared.store.with_name("store.h5.report.json").read_text())
    with StoreReader(prepared.store) as reader:
        assert report["frames"] == len(reader)
        assert report["groups"] == report["molecules"] == len(reader.molecule_smiles) == 56
        assert sum(report["atoms_by_element"].values()) == reader.frame_ptr[-1]
        assert report["frames_with_changed_bonds"] == int((reader[F.INTACT] == 0).sum())
        assert report["frames_dropped"] == {}
        binding = reader[F.BINDING_ENERGY]
        assert report["binding_energy_eV"] == [binding.min(), binding.max()]


def test_frames_whose_bonds_changed_are_flagged(
    spice_file: Any, spice_group: Any, tmp_path: Path
) -> None:
    group = spice_group("[H][H]", 2)
    group["conformations"] = np.zeros((2, 2, 3), dtype=np.float32)
    group["conformations"][:, 1, 2] = np.array([0.74, 2.0]) / BOHR_ANG
    report = write_store(spice_file({"h2": group}), tmp_path / "store.h5")
    with StoreReader(tmp_path / "store.h5") as reader:
        assert reader[F.INTACT].tolist() == [1, 0]
    assert report.frames_with_changed_bonds == 1


def test_spools_longer_than_a_block_are_copied_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(tmp_path / "whole.h5", [_water(7)])
    monkeypatch.setattr(writer, "_COPY_ROWS", 2)  # two atoms at a time
    _write(tmp_path / "blocks.h5", [_water(7)])
    assert (tmp_path / "blocks.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()


def test_groups_of_one_molecule_keep_their_own_atom_order(tmp_path: Path) -> None:
    other = Group(
        **(vars(_water(2)) | {"smiles": "[H:1][O:2][H:3]", "atomic_numbers": np.array([1, 8, 1])})
    )
    _write(tmp_path / "store.h5", [_water(2), other, _water(1)])
    with StoreReader(tmp_path / "store.h5") as reader:
        assert reader.molecule_smiles == ["O"]
        assert reader.group_smiles == [WATER, "[H:1][O:2][H:3]"]
        assert reader.group.tolist() == [0, 0, 1, 1, 0]
        assert reader.frame(3).atomic_numbers.tolist() == [1, 8, 1]
        np.testing.assert_allclose(
            reader[F.BINDING_ENERGY], reader[F.ENERGY] - (2 * ATOMS[1] + ATOMS[8])
        )


def test_a_failed_write_leaves_the_old_store_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "store.h5"
    _write(path, [_water()])
    before = path.read_bytes()
    ionic = Group(
        **(vars(_water()) | {"atomic_numbers": np.array([11, 1, 1])})
    )  # sodium has no energy in ATOMS
    with pytest.raises(KeyError):
        _write(path, [_water(), ionic])
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_files_that_are_no_store(tmp_path: Path, minispice: Path, input_error: Any) -> None:
    with input_error("minispice.hdf5", "not a store of this version", FORMAT, "e3d data read"):
        StoreReader(minispice)
    with h5py.File(tmp_path / "old.h5", "w") as file:
        file.attrs["format"] = "e3d-store-0"
    with input_error("old.h5", "not a store of this version"):
        StoreReader(tmp_path / "old.h5")
    with input_error("none.h5", "no such file"):
        open_hdf5(tmp_path / "none.h5")
    _write(tmp_path / "cut.h5", [_water()])
    (tmp_path / "cut.h5").write_bytes((tmp_path / "cut.h5").read_bytes()[:-1])
    with input_error("cut.h5", "truncated"):
        StoreReader(tmp_path / "cut.h5")


def test_check_groups_passes_empty_groups_and_names_what_is_wrong(input_error: Any) -> None:
    assert len(list(check_groups(iter([_water(0), _water(1)])))) == 2
    bad = Group(**(vars(_water(3)) | {"forces": np.full((3, 3, 3), np.inf)}))
    with input_error(WATER, "forces of conformation 0", "3 of 3"):
        list(check_groups(iter([bad])))


def test_a_store_that_was_compressed_is_refused(tmp_path: Path, input_error: Any) -> None:
    """Its arrays have no one place in the file: mapping them would give whatever is in memory."""
    _write(tmp_path / "a.h5", [_water()])
    with h5py.File(tmp_path / "a.h5") as source, h5py.File(tmp_path / "b.h5", "w") as target:
        target.attrs.update(source.attrs)
        for name in source:
            compression = "gzip" if name == F.POSITIONS else None
            target.create_dataset(
                name, data=source[name][()], dtype=source[name].dtype, compression=compression
            )
    with input_error("b.h5", "positions", "Make the store again"):
        StoreReader(tmp_path / "b.h5")


@pytest.mark.parametrize(("name", "value"), [(F.CHARGE, 300), (F.MULTIPLICITY, -129)])
def test_a_number_too_large_for_the_store_is_refused(
    name: F, value: int, tmp_path: Path, input_error: Any
) -> None:
    """Charge 300 would be stored as 44."""
    wrong = replace(molecule(WATER), **{name: value})
    with (
        input_error(name, str(value), "-128..127"),
        StoreWriter(tmp_path / "a.h5", {}, ATOMS) as writer,
    ):
        writer.add(_water(), wrong, np.ones(4, dtype=bool))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [F.POSITIONS, F.FORCES])
def test_a_float_too_large_for_the_store_is_refused(
    name: F, tmp_path: Path, input_error: Any
) -> None:
    """1e200 is finite in the source and would be infinite in single precision."""
    wrong = replace(_water(), **{name: np.full((4, 3, 3), 1e200)})
    with input_error(name, "too large for float32"):
        _write(tmp_path / "a.h5", [wrong])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read every file")
def test_a_file_that_may_not_be_read_is_not_called_damaged(
    prepared: Prepared, tmp_path: Path
) -> None:
    copy = tmp_path / "store.h5"
    shutil.copyfile(prepared.store, copy)
    copy.chmod(0)
    with pytest.raises(PermissionError):
        StoreReader(copy)
