"""``e3d report``: what stands on the page and beside it, against the model's closed form."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.io import write

import e3d
from e3d.cli import main
from e3d.evaluate import error_table, residuals
from e3d.fields import MEANS_FILE, METRICS, SUMMARY_FILE
from e3d.fields import Column as C
from e3d.report import charts
from e3d.structures import from_file
from report_fixtures import N_FRAMES, Springs, trajectory, write_springs

PAGE = "report.html"
DATA = re.compile(r'<script type="application/json">(.*?)</script>', re.DOTALL)


def report(*arguments: object) -> int:
    return main(["report", *map(str, arguments)])


def shown(folder: Path) -> list[dict[str, Any]]:
    """Return the molecules of the page's 3-D view."""
    [data] = DATA.findall((folder / PAGE).read_text())
    molecules: list[dict[str, Any]] = json.loads(data)["molecules"]
    return molecules


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder, without those that hold wall times."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in files
        if not path.name.endswith(".provenance.json")
    }


def test_the_named_bonds_alone(springs: Path, tmp_path: Path) -> None:
    assert report(springs, "-o", tmp_path / "out") == 0
    page = (tmp_path / "out" / PAGE).read_text()
    assert "springs &lt;of a test&gt;" in page
    assert "cutoff (Å)" in page
    table = pd.read_csv(tmp_path / "out" / "named_bonds.csv")
    expected = Springs(springs, ()).bond_energy(table[C.R].to_numpy())
    # D of equivalent bonds is averaged, and is not linear in r
    np.testing.assert_allclose(table[C.BOND_ENERGY], expected, atol=2e-3)
    scores = pd.read_csv(tmp_path / "out" / "named_bonds_scores.csv").set_index("reference")
    error = (table[C.BOND_ENERGY] - table["bde298_eV"]).abs()
    assert scores.loc["bde298", "mae_eV"] == pytest.approx(error.mean(), abs=1e-9)
    assert f"MAE {error.mean():.2f} [" in page
    assert page.count('<tr><td class="text">') >= len(table)
    named = json.loads((tmp_path / "out" / "named-bonds" / SUMMARY_FILE).read_text())
    assert f"<td>{named['frames']}</td>" in page


def test_structures_of_every_kind(
    springs: Path, structures: dict[str, Path], tmp_path: Path
) -> None:
    assert report(springs, *structures.values(), "OCC=O", "-o", tmp_path / "out") == 0
    trajectory_data, crystal, *others = shown(tmp_path / "out")
    assert trajectory_data["frames"] == list(range(N_FRAMES))
    bonds = e3d.decompose(Springs(springs, ("H", "C", "O")), trajectory())
    expected = bonds[C.BOND_ENERGY].to_numpy().reshape(N_FRAMES, -1)
    np.testing.assert_allclose(trajectory_data["d"], expected, atol=5.1e-4)
    assert np.ptp(expected, axis=0).max() > 0.01
    positions = np.array(trajectory_data["positions"]).reshape(N_FRAMES, -1, 3)
    np.testing.assert_allclose(positions[3], trajectory()[3].positions, atol=5.1e-4)
    assert crystal["cells"] == [pytest.approx(np.diag([3.567] * 3).ravel().tolist())]
    assert len(crystal["bonds"]) == 16  # 8 atoms with 4 bonds each
    assert [len(one["symbols"]) for one in others] == [3, 2, 8]
    means = pd.read_csv(tmp_path / "out" / "ethanol" / MEANS_FILE)
    page = (tmp_path / "out" / PAGE).read_text()
    assert all(f">{d:.2f}</text>" in page for d in means[C.BOND_ENERGY])
    assert f"CCO, mean of {N_FRAMES} frames" in page


def test_errors_and_what_was_left_out(
    springs: Path, structures: dict[str, Path], tmp_path: Path
) -> None:
    assert report(springs, structures["labelled"], "-o", tmp_path / "out") == 0
    errors = pd.read_csv(tmp_path / "out" / "errors.csv").iloc[0]
    model = Springs(springs, ("H", "C", "N", "O"))
    known = [one for one in from_file(structures["labelled"]) if model.knows(one)]
    expected = error_table(*residuals(model, known)).iloc[0]
    assert errors[C.N_FRAMES] == 2
    for metric in METRICS:
        assert errors[metric] == pytest.approx(expected[metric], rel=1e-9)
    left = pd.read_csv(tmp_path / "out" / "left_out.csv")
    assert left["unknown_elements"].tolist() == ["S"]
    page = (tmp_path / "out" / PAGE).read_text()
    assert f"{expected[C.ENERGY_MAE]:,.1f}" in page
    assert "another zero than" in page  # the energies are more than 1 eV per atom off


def test_long_trajectories_are_thinned_and_it_is_said(springs: Path, tmp_path: Path) -> None:
    hexane = e3d.structures.from_smiles("CCCCCC")
    rng = np.random.default_rng(0)
    atoms = Atoms(hexane.atomic_numbers, hexane.positions, info={"smiles": hexane.mapped_smiles})
    frames = []
    for _ in range(1000):
        moved = atoms.copy()
        moved.positions += rng.normal(scale=0.02, size=moved.positions.shape)
        frames.append(moved)
    write(tmp_path / "md.xyz", frames, format="extxyz")
    assert report(springs, tmp_path / "md.xyz", "-o", tmp_path / "out") == 0
    assert (tmp_path / "out" / PAGE).stat().st_size < 2e6
    [one] = shown(tmp_path / "out")
    assert one["frames"] == list(range(0, 1000, 4))
    page = (tmp_path / "out" / PAGE).read_text()
    assert "mean of 250 frames, one in 4" in page
    assert "C-H</text>" in page
    assert "14,000</text>" in page  # bonds of all frames


def test_many_molecules_are_counted(springs: Path, tmp_path: Path) -> None:
    names = ["C" * k + end for k in range(1, 11) for end in ("", "O", "N")]
    write(tmp_path / "many.xyz", [_atoms(name) for name in names], format="extxyz")
    assert report(springs, tmp_path / "many.xyz", "-o", tmp_path / "out") == 0
    assert len(shown(tmp_path / "out")) == 24
    assert "6 more molecules are in many/bond_means.csv" in (tmp_path / "out" / PAGE).read_text()


def _atoms(smiles: str) -> Atoms:
    one = e3d.structures.from_smiles(smiles)
    return Atoms(one.atomic_numbers, one.positions, info={"smiles": one.mapped_smiles})


def test_same_input_same_bytes(springs: Path, structures: dict[str, Path], tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert report(springs, *structures.values(), "-o", tmp_path / name) == 0
    first, second = contents(tmp_path / "a"), contents(tmp_path / "b")
    assert len(first) > 20
    assert first == second


def test_the_page_names_nothing_outside_of_it(
    springs: Path, structures: dict[str, Path], tmp_path: Path
) -> None:
    assert report(springs, structures["ethanol"], "-o", tmp_path / "out") == 0
    page = re.sub(r"<script>.*?</script>", "", (tmp_path / "out" / PAGE).read_text(), flags=re.S)
    targets = re.findall(r"""\b(?:src|href|srcset|action)\s*=\s*["']?([^"'\s>]*)""", page)
    assert "#named" in targets
    assert all(target.startswith(("#", "data:")) for target in targets)
    assert "url(" not in page
    assert "default-src 'none'" in page


def test_a_model_that_knows_none_of_the_named_bonds(springs: Path, tmp_path: Path) -> None:
    silicon = write_springs(tmp_path, "Si")
    write(tmp_path / "crystal.cif", bulk("Si"))
    assert report(silicon, tmp_path / "crystal.cif", "-o", tmp_path / "out") == 0
    page = (tmp_path / "out" / PAGE).read_text()
    assert "None of the named bonds is left" in page
    assert not (tmp_path / "out" / "named_bonds.csv").exists()
    assert len(shown(tmp_path / "out")) == 1


def test_an_earlier_report_is_replaced_and_nothing_else(
    springs: Path, structures: dict[str, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert report(springs, structures["ethanol"], "-o", out) == 0
    assert report(springs, "-o", out) == 0
    assert not (out / "ethanol").exists()
    before = contents(out)
    (tmp_path / "bad.xyz").write_text("2\n\nH 0 0 0\nH 0 0 0\n")
    assert report(springs, tmp_path / "bad.xyz", "-o", out) == 2
    assert contents(out) == before
    (out / "notes.txt").write_text("mine")
    assert report(springs, "-o", out) == 2
    assert "holds notes.txt, which is not of a report" in capfd.readouterr().err
    assert (out / "notes.txt").read_text() == "mine"
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("nowhere.xyz",), "no such file"),
        (("CCO", "CCO"), "the folder of their tables, CCO, is that of others"),
        (("empty.xyz",), "empty.xyz"),
    ],
)
def test_wrong_input_is_one_line(
    given: tuple[str, ...], message: str, springs: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.xyz").touch()
    before = sorted(tmp_path.iterdir())
    assert report(springs, *given, "-o", "new/out") == 2
    [line] = [line for line in capfd.readouterr().err.splitlines() if "error" in line]
    assert message in line
    assert sorted(tmp_path.iterdir()) == before


def test_structures_of_unknown_elements_only(
    springs: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    silicon = write_springs(tmp_path, "Si")
    write(tmp_path / "water.xyz", molecule("H2O"), format="extxyz")
    for given in ([], [tmp_path / "water.xyz"]):
        assert report(silicon, *given, "-o", tmp_path / "out") == 2
        assert "knows Si, and so none of the named bonds' molecules" in capfd.readouterr().err
        assert not (tmp_path / "out").exists()
    assert report(springs, "[SiH4]", "-o", tmp_path / "out") == 0  # the named bonds remain
    left = pd.read_csv(tmp_path / "out" / "left_out.csv")
    assert left["unknown_elements"].tolist() == ["Si"]


def test_a_trained_model(trained: Path, tmp_path: Path) -> None:
    assert report(trained / "model.ckpt", "OCC=O", "-o", tmp_path / "out") == 0
    page = (tmp_path / "out" / PAGE).read_text()
    assert "nequip" in page
    summary = json.loads(next((tmp_path / "out").glob("OCC*/summary.json")).read_text())
    assert summary[C.SUM_RULE] < 1e-8


def test_a_parity_plot_has_its_points_where_they_belong() -> None:
    points = [charts.Point(2.0, 2.0, "C-H", "a<b"), charts.Point(4.0, 6.0, "C=O", "c")]
    chart = charts.parity(points, (0.0, 10.0), "BDE298")
    places = re.findall(r'<g transform="translate\(([\d.]+) ([\d.]+)\)">', chart)
    [(x1, y1), (x2, y2)] = [(float(x), float(y)) for x, y in places]
    [(left, bottom, right, top)] = re.findall(
        r'x1="([\d.]+)" y1="([\d.]+)" x2="([\d.]+)" y2="([\d.]+)" class="guide"', chart
    )
    width, height = float(right) - float(left), float(bottom) - float(top)
    assert (x2 - x1) / width == pytest.approx(0.2, abs=1e-3)
    assert (y1 - y2) / height == pytest.approx(0.4, abs=1e-3)
    assert (x1 - float(left)) / width == pytest.approx(0.2, abs=1e-3)
    assert "a&lt;b (C-H): D 2.00 eV" in chart


def test_ridges_hold_all_values() -> None:
    many = np.concatenate([np.full(300, 2.0), np.full(100, 4.0)])
    chart = charts.ridges([("C-H", many), ("C=O", np.array([7.0, 8.0, 9.0]))])
    assert "2.00 eV, 400" in chart
    assert "8.00 eV, 3" in chart
    strokes = re.search(r'<path d="([^"]*)" stroke=', chart)
    assert strokes is not None
    assert strokes[1].count("M") == 3
    heights = sorted({float(y) for y in re.findall(r"L[\d.]+ ([\d.]+)", chart)}, reverse=True)
    base, lower, upper = heights
    assert (base - lower) / (base - upper) == pytest.approx(1 / 3, abs=0.01)  # 100 and 300
