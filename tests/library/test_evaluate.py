"""Errors of a model: against a loop in plain numpy, on both test sets, by molecule and element."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from e3d.errors import InputError
from e3d.evaluate import error_table, residuals, warn_of_level, write_errors
from e3d.models import load_model
from e3d.store.convert import write_store
from e3d.store.reader import StoreReader
from e3d.store.splits import frames_of
from e3d.structures import from_store
from model_fixtures import MINISPICE_FRAMES, Prepared

RUN = {
    "run": "minispice/n16/tiny/s0",
    "dataset": "minispice",
    "n_train": 16,
    "model": "tiny",
    "seed": 0,
}
"""What the trained model says of itself."""


@pytest.fixture(scope="module")
def table(
    prepared: Prepared, trained: Path, tmp_path_factory: pytest.TempPathFactory
) -> pd.DataFrame:
    output = tmp_path_factory.mktemp("evaluate") / "errors.csv"
    write_errors(trained / "model.ckpt", [prepared.store], output, splits=prepared.splits, run=RUN)
    return pd.read_csv(output)


@pytest.mark.parametrize("test_set", ["test-molecules", "test-conformations"])
def test_errors_equal_a_plain_loop(
    table: pd.DataFrame, prepared: Prepared, trained: Path, test_set: str
) -> None:
    model = load_model(trained / "model.ckpt")
    with StoreReader(prepared.store) as reader:
        structures = list(from_store(reader, frames_of(prepared.splits, test_set)))
    totals, forces = model.energies_and_forces(structures)
    ends = np.cumsum([len(structure.atomic_numbers) for structure in structures])
    energy, force = [], []
    for structure, total, own in zip(structures, totals, np.split(forces, ends[:-1]), strict=True):
        assert structure.energy is not None
        assert structure.forces is not None
        energy.append(1000 * (total - structure.energy) / len(structure.atomic_numbers))
        force.append(1000 * (own - structure.forces).ravel())
    row = table[(table["test_set"] == test_set) & (table["group_kind"] == "all")].iloc[0]
    components = np.concatenate(force)
    assert row["n_frames"] == len(energy)
    assert row["energy_mae_meV_per_atom"] == pytest.approx(np.abs(energy).mean(), rel=1e-6)
    assert row["energy_rmse_meV_per_atom"] == pytest.approx(
        np.sqrt(np.square(energy).mean()), rel=1e-6
    )
    assert row["force_mae_meV_per_ang"] == pytest.approx(np.abs(components).mean(), rel=1e-6)
    assert row["force_rmse_meV_per_ang"] == pytest.approx(
        np.sqrt(np.square(components).mean()), rel=1e-6
    )
    assert (
        row["force_mae_meV_per_ang_lo"]
        < row["force_mae_meV_per_ang"]
        < row["force_mae_meV_per_ang_hi"]
    )


def test_groups_add_up_to_all(table: pd.DataFrame) -> None:
    for _, part in table.groupby("test_set"):
        everything = part[part["group_kind"] == "all"].iloc[0]
        for kind in ("molecule", "element"):
            groups = part[part["group_kind"] == kind]
            mean = np.average(groups["force_mae_meV_per_ang"], weights=groups["n_atoms"])
            assert mean == pytest.approx(everything["force_mae_meV_per_ang"], rel=1e-6)
        molecules = part[part["group_kind"] == "molecule"]
        assert molecules["n_frames"].sum() == everything["n_frames"]
        assert part[part["group_kind"] == "element"]["energy_mae_meV_per_atom"].isna().all()


def test_a_perfect_model_has_no_error() -> None:
    frames = pd.DataFrame({"molecule": ["a", "a", "b"], "error": [0.0, 0.0, 0.0]})
    atoms = pd.DataFrame(
        {
            "molecule": ["a", "b"],
            "element": ["H", "C"],
            "absolute": [0.0, 0.0],
            "square": [0.0, 0.0],
        }
    )
    table = error_table(frames, atoms)
    assert (table[["energy_mae_meV_per_atom", "force_rmse_meV_per_ang"]].fillna(0.0) == 0.0).all(
        axis=None
    )


def test_a_model_of_ones_own_on_all_frames(
    prepared: Prepared, trained: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Also those it was trained on, which is said whatever the store is called."""
    copy = tmp_path / "copy.h5"
    shutil.copy(prepared.store, copy)
    table = write_errors(trained / "model.ckpt", [copy], tmp_path / "errors.csv")
    assert set(table["test_set"]) == {"copy"}
    assert table["n_frames"][0] == MINISPICE_FRAMES
    assert "copy.h5: the model was trained on frames of this store" in caplog.text


@pytest.mark.parametrize("with_splits", [True, False])
def test_a_copy_of_a_store_is_no_other_test_set(
    with_splits: bool, prepared: Prepared, trained: Path, tmp_path: Path, input_error: Any
) -> None:
    shutil.copy(prepared.store, tmp_path / "copy.h5")
    stores = [prepared.store, tmp_path / "copy.h5"]
    splits = prepared.splits if with_splits else None
    with input_error("copy.h5", "holds the same frames as", "each store once"):
        write_errors(trained / "model.ckpt", stores, tmp_path / "errors.csv", splits=splits)
    assert not (tmp_path / "errors.csv").exists()


def test_frames_without_labels_are_left_out(prepared: Prepared, trained: Path) -> None:
    with StoreReader(prepared.store) as reader:
        labelled = list(from_store(reader, range(0, 60, 3)))
    mixed = [replace(s, energy=None) if k % 3 == 0 else s for k, s in enumerate(labelled)]
    mixed[1] = replace(mixed[1], forces=None)
    model = load_model(trained / "model.ckpt")
    rest = [s for s in mixed if s.energy is not None and s.forces is not None]
    assert 0 < len(rest) < len(mixed) - 1
    for found, expected in zip(residuals(model, mixed), residuals(model, rest), strict=True):
        pd.testing.assert_frame_equal(found, expected, check_exact=False, atol=1e-9)


def test_labels_of_another_level_are_named(
    table: pd.DataFrame, caplog: pytest.LogCaptureFixture
) -> None:
    warn_of_level(table, "ours")
    assert not caplog.text
    warn_of_level(table.assign(energy_mae_meV_per_atom=30_000.0), "theirs")
    assert "theirs: energies are off by 30000 meV per atom" in caplog.text


def test_frames_with_unknown_elements_are_an_error_or_left_out_and_counted(
    prepared: Prepared, trained: Path, tmp_path: Path, spice_file: Any, spice_group: Any
) -> None:
    """A test set of which nothing is left has one row; the other columns stay what they were."""
    stores = []
    for name, smiles in (("known", "C"), ("part", "CBr"), ("none", "BrBr")):
        groups = {smiles: spice_group(smiles, m=3)}
        if name == "part":
            groups["O"] = spice_group("O", m=2)
        stores.append(tmp_path / f"{name}.h5")
        write_store(spice_file(groups), stores[-1])
    model, output = trained / "model.ckpt", tmp_path / "errors.csv"
    with pytest.raises(InputError, match="does not know Br"):
        write_errors(model, stores, output)
    with pytest.raises(InputError, match=r"none.h5: no frame that .* can be tested on"):
        write_errors(model, stores[2:], output, skip_unknown_elements=True)
    assert not output.exists()
    write_errors(model, stores, output, skip_unknown_elements=True)
    table = pd.read_csv(output)
    assert table.columns[-1] == "frames_left_out"
    everything = table[table["group_kind"] == "all"].set_index("test_set")
    assert everything["n_frames"].to_dict() == {"known": 3, "part": 2, "none": 0}
    assert everything["frames_left_out"].to_dict() == {"known": 0, "part": 3, "none": 3}
    assert (
        everything.loc["none", "energy_mae_meV_per_atom":"force_rmse_meV_per_ang_hi"].isna().all()
    )
    alone = write_errors(model, stores[:1], tmp_path / "alone.csv")
    assert alone.columns.tolist() == table.columns.tolist()
