"""``import e3d``: a few names, imported when they are used; a checkpoint and Atoms are enough."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from ase import Atoms
from ase.build import molecule
from ase.io import write

import e3d
from e3d.decomposition.rows import ROW
from e3d.decomposition.tables import write_decomposition
from e3d.models import AnalysisModel
from e3d.structures import from_store
from planning import PYTHONPATH

RUN = {"run": "r", "dataset": "d", "n_train": 16, "model": "tiny", "seed": 0}


def test_the_package_is_light_and_has_few_names() -> None:
    code = "import e3d, sys; print(*dir(e3d)); print(*sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, env={"PYTHONPATH": PYTHONPATH}, capture_output=True, text=True, check=True
    )
    names, modules = (set(line.split()) for line in done.stdout.splitlines())
    assert set(e3d.__all__) <= names
    assert len(e3d.__all__) <= 15
    assert not modules & {"numpy", "torch", "matplotlib", "pandas", "ase", "rdkit", "yaml"}


@pytest.mark.parametrize("name", e3d.__all__)
def test_every_name_is_there_and_documented(name: str) -> None:
    assert getattr(e3d, name).__doc__
    assert getattr(e3d, name) is getattr(e3d, name)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'decomposed'"):
        _ = e3d.decomposed  # type: ignore[attr-defined]


def test_a_checkpoint_and_atoms_are_enough(trained: Path) -> None:
    model = e3d.load(str(trained / "model.ckpt"))
    ethanol, methane = molecule("CH3CH2OH"), molecule("CH4")
    table = e3d.decompose(model, [ethanol, methane])
    assert table.columns.tolist() == [str(name) for name in ROW]
    assert table.groupby("frame").size().tolist() == [8, 4]
    assert table["molecule"].unique().tolist() == ["CCO", "C"]
    assert sorted(table["bond_type"][:8]) == ["C-C", *["C-H"] * 5, "C-O", "H-O"]
    total = -(table["eps_ij_eV"] + table["eps_ji_eV"])
    pd.testing.assert_series_equal(table["bond_energy_eV"], total, check_names=False)
    one = e3d.decompose(model, methane)
    pd.testing.assert_series_equal(
        one["bond_energy_eV"], table["bond_energy_eV"][8:].reset_index(drop=True), atol=1e-9
    )


def test_files_and_stores_give_what_is_written(
    model: AnalysisModel, prepared: Any, tmp_path: Path
) -> None:
    with e3d.Store(prepared.store) as store:
        some = list(from_store(store, range(40)))
    write_decomposition(model, some, tmp_path, name="x", run=RUN)
    written = pd.read_parquet(tmp_path / "bonds.parquet")[[str(name) for name in ROW]]
    pd.testing.assert_frame_equal(e3d.decompose(model, some), written, rtol=0, atol=1e-9)
    file = tmp_path / "water.xyz"
    write(file, [molecule("H2O"), molecule("H2O")], format="extxyz")
    assert e3d.decompose(model, file)["frame"].tolist() == [0, 0, 1, 1]
    assert len(e3d.decompose(model, [str(file), molecule("CH4")])) == 8


def test_bad_structures_are_one_line(
    model: AnalysisModel, input_error: Callable[..., Any], tmp_path: Path
) -> None:
    with input_error("no structures"):
        e3d.decompose(model, [])
    with input_error("Br2 (frame 0)", "does not know Br"):
        e3d.decompose(model, Atoms("Br2", [(0, 0, 0), (0, 0, 2.3)]))
    with input_error("none.xyz: no such file"):
        e3d.decompose(model, tmp_path / "none.xyz")
