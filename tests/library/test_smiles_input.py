"""A SMILES in place of a file: its geometry, its name, what is refused."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ase.build import molecule as g2_molecule
from ase.io import write

import e3d
from e3d import tables
from e3d.cli import main
from e3d.conformer import conformer
from e3d.decomposition.tables import write_decompositions
from e3d.models import AnalysisModel
from e3d.sources import file_or_smiles, name_of
from e3d.structures import from_smiles, structures_of


def test_lengths_of_bonds_are_those_of_a_molecule() -> None:
    """Against the geometries of ASE's G2 set, MP2(full)/6-31G(d)."""
    for smiles, name in (("O", "H2O"), ("CC", "C2H6"), ("C=C", "C2H4"), ("[H][H]", "H2")):
        ours, known = conformer(smiles), g2_molecule(name)
        lengths = [
            np.sort(a.get_all_distances()[np.triu_indices(len(a), 1)]) for a in (ours, known)
        ]
        bonds = len(from_smiles(smiles).bonds or ())
        np.testing.assert_allclose(lengths[0][:bonds], lengths[1][:bonds], atol=0.03)


def test_the_same_smiles_gives_the_same_geometry() -> None:
    np.testing.assert_array_equal(conformer("CCO").positions, conformer("CCO").positions)


@pytest.mark.parametrize(
    ("smiles", "symbols"),
    [
        ("[H:2][O:1][H:3]", "OH2"),
        ("[CH3:2][OH:1]", "OCH4"),  # hydrogens that are not spelled out come last
        ("[H:1]O[H:2]", "H2O"),
    ],
)
def test_map_numbers_are_the_order_of_the_atoms(smiles: str, symbols: str) -> None:
    assert str(conformer(smiles).symbols) == symbols


@pytest.mark.parametrize("smiles", ["[CH3:7]O", "[CH3:1][OH:1]", "[CH3:1][OH:3]"])
def test_map_numbers_with_gaps_are_refused(smiles: str, input_error: Any) -> None:
    with input_error(smiles, "map numbers", "each once"):
        conformer(smiles)


@pytest.mark.parametrize(
    ("smiles", "reason"),
    [
        ("*CC", "neither MMFF94 nor UFF"),
        ("[He]", "neither MMFF94"),
        ("C1#CC1", ""),
        ("C" * 200, "it has 602 atoms, at most 500 do"),
    ],
)
def test_no_geometry_is_one_line(smiles: str, reason: str, input_error: Any) -> None:
    with input_error(smiles[:40], reason, "no geometry"):
        conformer(smiles)


def test_charge_radicals_isotopes_and_fragments() -> None:
    assert conformer("[NH4+]").info["charge"] == 1
    assert from_smiles("[NH4+]").smiles == "[NH4+]"
    assert from_smiles("[CH3]").smiles == "[CH3]"
    assert from_smiles("[2H]O[2H]").smiles == "O"  # isotopes have the same energies
    pair = from_smiles("O.O")
    assert pair.intact
    gap = np.linalg.norm(pair.positions[:, None] - pair.positions, axis=-1)
    owner = np.array([0, 1, 0, 0, 1, 1])  # two oxygens, then the hydrogens of each
    assert gap[owner[:, None] != owner].min() > 1.5  # they relaxed together


def test_stereochemistry_is_kept_or_said_to_be_chosen(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    far, near = (
        np.linalg.norm(np.subtract(*from_smiles(smiles).positions[[0, 3]]))
        for smiles in ("F/C=C/F", "F/C=C\\F")
    )
    assert far > near + 0.5
    assert "RDKit chose" not in caplog.text
    assert "F/C=C/F: its geometry is a conformer of the force field MMFF94" in caplog.text
    from_smiles("FC=CF")
    assert "stereochemistry as RDKit chose it" in caplog.text


def test_close_ions_are_flagged(caplog: pytest.LogCaptureFixture) -> None:
    assert not from_smiles("[Na+].[Cl-]").intact
    assert "as those of a salt do" in caplog.text


def test_a_file_comes_before_a_smiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, input_error: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    assert file_or_smiles("CCO") == "CCO"
    Path("C").mkdir()  # a folder is no file
    assert file_or_smiles("C") == "C"
    write("CCO", g2_molecule("H2O"), format="extxyz")
    assert file_or_smiles("CCO") == Path("CCO")
    assert [s.smiles for s in structures_of(["CCO", "C"])] == ["O", "C"]
    assert file_or_smiles("C" * 5000) == "C" * 5000  # longer than a name of a file may be
    for text in ("", "ethanol.xyz", "C C", "C>>C", "CCO\n"):
        with input_error("no such file, and no SMILES"):
            file_or_smiles(text)
    with input_error("none: no such file"):
        list(structures_of(Path("none")))


def test_names_are_folders_everywhere() -> None:
    smiles = ["CCO", "c1ccccc1", "C1CCCCC1", "F/C=C/F", "F/C=C\\F", "CCl", "C#C", "C=C", "C" * 60]
    names = [name_of(one) for one in smiles]
    assert len({name.casefold() for name in names}) == len(smiles)
    assert names[0] == "CCO"
    assert names[1].startswith("c1ccccc1-")
    for name in names:
        assert set(name.casefold()) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
        assert len(name) < 60


def test_frames_of_molecules_count_up(model: AnalysisModel) -> None:
    table = e3d.decompose(model, ["CCO", g2_molecule("CH4"), "O"])
    assert table.groupby("frame").size().tolist() == [8, 4, 2]
    assert table["molecule"].unique().tolist() == ["CCO", "C", "O"]
    assert len(e3d.decompose(model, "O")) == 2


def test_the_command_takes_smiles_and_writes_csv(
    trained: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = str(trained / "model.ckpt")
    assert main(["decompose", model, "CCO", "C#C", "--csv", "-o", str(tmp_path)]) == 0
    for name in ("CCO", name_of("C#C")):
        parquet = pd.read_parquet(tmp_path / name / "bonds.parquet")
        csv = pd.read_csv(tmp_path / name / "bonds.csv")
        assert csv.columns.tolist() == parquet.columns.tolist()
        numbers = parquet.select_dtypes("number").columns
        np.testing.assert_allclose(csv[numbers], parquet[numbers], rtol=1e-9, atol=1e-12)
        assert csv["bond_type"].tolist() == parquet["bond_type"].tolist()
    assert main(["decompose", model, "CCO", "-o", str(tmp_path)]) == 0
    assert not list((tmp_path / "CCO").glob("bonds.csv*"))  # it would be of another decomposition
    capfd.readouterr()
    assert main(["decompose", model, "CCo", "-o", str(tmp_path / "none")]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert "'CCo': no such file, and no SMILES" in line
    assert not (tmp_path / "none").exists()


def test_csv_comes_in_row_groups(
    model: AnalysisModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("e3d.decomposition.writer.ROWS_PER_GROUP", 3)
    monkeypatch.setattr("e3d.graphs.ATOMS_PER_BATCH", 4)
    write(tmp_path / "a.xyz", [g2_molecule("CH4")] * 5, format="extxyz")
    write_decompositions(model, [tmp_path / "a.xyz"], tmp_path, csv=True)
    csv = pd.read_csv(tmp_path / "a" / "bonds.csv")
    assert csv["frame"].tolist() == np.repeat(range(5), 4).tolist()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_set_of_unknown_elements_is_empty_beside_others(
    model: AnalysisModel, tmp_path: Path, order: tuple[int, int], input_error: Callable[..., Any]
) -> None:
    sources = ["BrBr", "CCO"]
    output = tmp_path / "out"
    chosen = [sources[k] for k in order]
    with input_error("does not know Br"):
        write_decompositions(model, ["BrBr"], output)
    with input_error("no structure that", "it knows"):
        write_decompositions(model, ["BrBr"], output, skip_unknown_elements=True)
    assert not output.exists()
    write_decompositions(model, chosen, output, skip_unknown_elements=True, csv=True)
    full, empty = output / "CCO", output / name_of("BrBr")
    assert {p.name for p in full.iterdir()} == {p.name for p in empty.iterdir()}
    for name in ("bonds.parquet", "pairs.parquet", "bond_means.csv", "bonds.csv", "summary.json"):
        some, none = tables.read(full / name), tables.read(empty / name)
        assert none.columns.tolist() == some.columns.tolist()
        assert len(none) == (1 if name == "summary.json" else 0)
    summary = tables.read(empty / "summary.json").iloc[0]
    assert (summary["frames"], summary["frames_left_out"]) == (0, 1)
    assert tables.read(full / "summary.json")["frames_left_out"][0] == 0
