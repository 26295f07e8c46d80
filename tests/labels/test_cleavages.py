"""Single bonds are cleaved into radicals that relax, and De is what their energies say."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from e3d import tables
from e3d.fields import Column as C
from e3d_labels import each_molecule
from e3d_labels.cleavage_energies import DE, write_cleavage_energies
from e3d_labels.cleavages import (
    FRAGMENTS,
    MOLECULES,
    cleavages,
    kinds_of_cleavage,
    relaxed,
    write_cleavages,
)
from e3d_labels.embed import embed
from e3d_labels.geometries import read_geometries
from e3d_labels.labelling import label_file
from e3d_labels.molecule_list import Entry
from e3d_labels.processes import LostProcessError
from e3d_labels.relax import relax

Expect = Callable[..., AbstractContextManager[None]]
pytest.importorskip("tblite")


def mapped(smiles: str) -> str:
    return embed(smiles, conformers=1, seed=1)[0]


@pytest.mark.parametrize(
    ("smiles", "kinds"),
    [
        ("C", {("[CH3]", "[H]")}),
        ("CCO", {
            ("[CH3]", "[CH2]O"), ("[CH2]C", "[OH]"), ("[CH2]CO", "[H]"), ("C[CH]O", "[H]"),
            ("CC[O]", "[H]"),
        }),
        ("C1CC1", {("[CH]1CC1", "[H]")}),  # no bond of the ring
        ("C=C", {("[CH]=C", "[H]")}),  # nor a double bond
        # nor one that leaves ions
        ("C[N+](=O)[O-]", {("[CH2][N+](=O)[O-]", "[H]"), ("[CH3]", "O=[N+][O-]")}),
    ],
)  # fmt: skip
def test_each_single_bond_outside_of_rings_is_a_cleavage(
    smiles: str, kinds: set[tuple[str, str]]
) -> None:
    found = {tuple(sorted(one.names)) for one in kinds_of_cleavage(mapped(smiles))}
    assert found == {tuple(sorted(pair)) for pair in kinds}


def test_rows_and_smiles_of_both_radicals_go_together() -> None:
    for one in cleavages(mapped("CC(=O)N")):
        rows = [*one.rows[0], *one.rows[1]]
        assert sorted(rows) == list(range(9))
        assert one.i in one.rows[0]
        assert one.j in one.rows[1]
        assert [len(part.split(":")) - 1 for part in one.smiles] == [len(r) for r in one.rows]


@pytest.mark.parametrize("smiles", ["C[N+](C)(C)C", "[O-]C=O", "[CH3]", "[O][O]"])
@pytest.mark.parametrize("compute", [relaxed, relax])
def test_ions_and_open_shells_are_not_relaxed_as_what_they_are_not(
    compute: Callable[[str], object], smiles: str, input_error: Expect
) -> None:
    with input_error(smiles, "expected a neutral molecule of closed shells", "Leave it out"):
        compute(smiles)


@pytest.fixture(scope="module")
def energies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the cleavages of three molecules, their labels and their De."""
    folder = tmp_path_factory.mktemp("cleavages")
    (folder / "list.smi").write_text("O\nCO\nCC\n")
    write_cleavages(folder / "list.smi", folder / "cut.hdf5")
    label_file(folder / "cut.hdf5", folder / "labels.hdf5", theory="gfn2")
    write_cleavage_energies(folder / "labels.hdf5", folder / "de.csv")
    return folder


def test_de_is_that_of_the_references_geometries(energies: Path) -> None:
    """GFN2-xTB at the geometries of G2/97 gives nearly the same De (kcal/mol)."""
    found = tables.read(energies / "de.csv").groupby([C.MOLECULE, "fragment_1", "fragment_2"])[DE]
    kcal = {key: values.unique() * 23.0605 for key, values in found}
    for key, expected in {
        ("O", "[OH]", "[H]"): 155.973,
        ("CO", "[CH3]", "[OH]"): 147.396,
        ("CC", "[CH3]", "[CH3]"): 132.224,
    }.items():
        assert len(kcal[key]) == 1  # equivalent bonds have one De
        assert kcal[key][0] == pytest.approx(expected, abs=2.5)


def test_radicals_are_written_once_and_at_minima(energies: Path) -> None:
    groups = read_geometries(energies / "cut.hdf5")
    names = [one.name for one in groups if one.subset == FRAGMENTS]
    assert sorted(names) == sorted(set(names))
    assert {"[CH3] (2)", "[OH] (2)", "[H] (2)"} <= set(names)
    assert sum(one.subset == MOLECULES for one in groups) == 3
    assert all(one.multiplicity == 2 for one in groups if one.subset == FRAGMENTS)
    assert not any(one.stretched.any() for one in groups)


def test_what_was_relaxed_is_not_relaxed_again(
    energies: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = (energies / "cut.hdf5").read_bytes()
    with caplog.at_level(logging.INFO):
        write_cleavages(energies / "list.smi", energies / "cut.hdf5")
    assert not [one for one in caplog.messages if " of 3: " in one]
    assert (energies / "cut.hdf5").read_bytes() == before


def test_labels_without_cleavages_are_refused(tmp_path: Path, input_error: Expect) -> None:
    with input_error("has no molecules with radicals", "e3d data cleavages"):
        write_cleavage_energies(Path("resources/references.hdf5"), tmp_path / "de.csv")
    assert not (tmp_path / "de.csv").exists()


def test_a_process_that_ends_by_itself_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, input_error: Expect
) -> None:
    def killed(_: object, items: list[Entry], *__: object, **___: object) -> None:
        raise LostProcessError(items)

    monkeypatch.setattr(each_molecule, "work", killed)
    (tmp_path / "list.smi").write_text("O\n")
    with input_error("a relaxing process ended by itself after 0 of 1, at work on", "fewer --jobs"):
        write_cleavages(tmp_path / "list.smi", tmp_path / "cut.hdf5")
    assert not (tmp_path / "cut.hdf5").exists()
