"""A model labels the frames of a store, which stay what they are."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest

from e3d import tables
from e3d.fields import Store as F
from e3d.models import load_model
from e3d.store.reader import StoreReader
from e3d.structures import from_store
from model_fixtures import Prepared
from study.data.split import write_splits
from study.data.teach import write_taught

Expect = Callable[..., AbstractContextManager[None]]
ELEMENTS = ["H", "C", "N", "O", "F", "S", "Cl"]


@pytest.fixture
def teacher(tmp_path: Path) -> Path:
    path = tmp_path / "teacher.pair.yaml"
    pairs = [
        f"  {a}-{b}: {{depth_eV: 2.0, length_ang: 1.3, steepness_per_ang: 1.5}}"
        for k, a in enumerate(ELEMENTS)
        for b in ELEMENTS[k:]
    ]
    path.write_text("r_max_ang: 5\npairs:\n" + "\n".join(pairs) + "\n")
    return path


def test_the_labels_are_the_teachers_and_nothing_else_changes(
    prepared: Prepared, teacher: Path, tmp_path: Path
) -> None:
    taught = tmp_path / "taught.h5"
    n = write_taught(prepared.store, teacher, taught)
    model = load_model(teacher)
    with StoreReader(prepared.store) as before, StoreReader(taught) as after:
        assert n == len(before) == len(after)
        atoms = before.isolated_atom_energy
        assert after.isolated_atom_energy == atoms
        for name in (F.POSITIONS, F.ATOMIC_NUMBERS, F.SOURCE_INDEX, F.INTACT):
            assert np.array_equal(before[name], after[name])
        assert before.molecule_smiles == after.molecule_smiles
        frames = [0, 7, len(before) - 1]
        for frame in from_store(after, frames):
            (batch,) = model.batches([frame])
            energy, forces = model.energies_and_forces(batch)
            alone = sum(atoms[z] for z in frame.atomic_numbers.tolist())
            assert frame.energy == pytest.approx(energy[0] + alone, abs=1e-9)
            assert frame.forces == pytest.approx(forces, abs=1e-5)  # the store's are float32


def test_splits_of_teacher_and_student_are_alike(
    prepared: Prepared, teacher: Path, tmp_path: Path
) -> None:
    taught = tmp_path / "taught.h5"
    write_taught(prepared.store, teacher, taught)
    found = []
    for store in (prepared.store, taught):
        path = tmp_path / f"{store.stem}.parquet"
        write_splits(store, path, seed=0, test_molecules=0.2, validation=0.1)
        found.append(path)
    first, second = (tables.read(path)["split"] for path in found)
    assert first.equals(second)


def test_a_teacher_that_does_not_know_an_element_is_one_line(
    prepared: Prepared, tmp_path: Path, input_error: Expect
) -> None:
    poor = tmp_path / "poor.pair.yaml"
    poor.write_text(
        "r_max_ang: 5\npairs:\n  C-H: {depth_eV: 2.0, length_ang: 1.1, steepness_per_ang: 1.5}\n"
    )
    with input_error("poor.pair.yaml does not know N", "knows H, C", "exclude_elements"):
        write_taught(prepared.store, poor, tmp_path / "taught.h5")
    assert not (tmp_path / "taught.h5").exists()
