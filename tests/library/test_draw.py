"""``e3d.draw``: molecules and crystals with D on their bonds."""

import re
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk, molecule

import e3d
from e3d.drawing.colors import ColorScale
from e3d.drawing.skeleton import WITH_HYDROGENS
from report_fixtures import Springs, trajectory

MODEL = Springs(Path("springs"), ("H", "C", "N", "O"))
LABEL = re.compile(r">(\d+\.\d\d)</text>")


def test_d_stands_on_every_bond() -> None:
    bonds = e3d.decompose(MODEL, molecule("CH3CH2OH"))
    html = e3d.draw(bonds, molecule("CH3CH2OH"))._repr_html_()
    assert sorted(LABEL.findall(html)) == sorted(f"{d:.2f}" for d in bonds["bond_energy_eV"])
    assert html == e3d.draw(MODEL, molecule("CH3CH2OH"))._repr_html_()


def test_frames_of_a_molecule_are_averaged() -> None:
    bonds = e3d.decompose(MODEL, trajectory())
    means = bonds.groupby(["i", "j"])["bond_energy_eV"].mean()
    assert (bonds.groupby(["i", "j"])["bond_energy_eV"].std() > 0.01).any()
    html = e3d.draw(bonds, trajectory())._repr_html_()
    assert sorted(LABEL.findall(html)) == sorted(f"{d:.2f}" for d in means)


def test_large_molecules_have_no_hydrogens_drawn() -> None:
    chain = "C" * 12
    [one] = e3d.draw(MODEL, chain).molecules
    assert len(one.symbols) > WITH_HYDROGENS
    html = e3d.draw(MODEL, chain)._repr_html_()
    assert len(LABEL.findall(html)) == 11


def test_charges_and_orders_are_drawn(tmp_path: Path) -> None:
    e3d.draw(MODEL, "[NH4+]").save(tmp_path / "ammonium.svg")
    assert ">N+</text>" in (tmp_path / "ammonium.svg").read_text()
    e3d.draw(MODEL, "C#N").save(tmp_path / "cyanide.svg")
    triple = re.search(r"<g data-bond(.*?)<title>[^<]*C#N", (tmp_path / "cyanide.svg").read_text())
    assert triple is not None
    assert triple[1].split("<g data-bond")[-1].count("<line") == 6  # three strokes and their rims


def test_what_has_no_smiles_is_a_frame(tmp_path: Path) -> None:
    drawing = e3d.draw(MODEL, bulk("C", "diamond", a=3.567))
    html = drawing._repr_html_()
    assert html.count("<iframe srcdoc=") == 1
    assert not LABEL.findall(html.partition("<iframe")[0])
    with pytest.raises(e3d.InputError, match=r"an \.svg holds one molecule, but 0 of 1"):
        drawing.save(tmp_path / "crystal.svg")
    drawing.save(tmp_path / "crystal.html")
    assert "3dmol" in (tmp_path / "crystal.html").read_text().lower()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["crystal.html"]


def test_what_is_too_large_is_said() -> None:
    html = e3d.draw(MODEL, bulk("C", "diamond", a=3.567, cubic=True) * (7, 7, 6))._repr_html_()
    assert "1 with more than 2,000 atoms: not drawn" in html
    assert "<iframe" not in html


def test_wrong_input_is_one_line(tmp_path: Path) -> None:
    water, two = molecule("H2O"), [molecule("H2O"), molecule("CH4")]
    bonds = e3d.decompose(MODEL, water)
    for given, structures, message in (
        (bonds, molecule("CH4"), "belongs to other structures"),
        (bonds.drop(columns="i"), water, "has no column i"),
        (bonds, [], "no structures to draw"),
    ):
        with pytest.raises(e3d.InputError, match=message):
            e3d.draw(given, structures)
    drawing = e3d.draw(MODEL, two)
    with pytest.raises(e3d.InputError, match="holds one molecule, but 2 of 2"):
        drawing.save(tmp_path / "two.svg")
    with pytest.raises(e3d.InputError, match=r"as \.svg or \.html"):
        drawing.save(tmp_path / "two.png")
    assert not list(tmp_path.iterdir())


def test_colors_are_those_of_viridis() -> None:
    viridis = pytest.importorskip("matplotlib").colormaps["viridis"]
    scale = ColorScale(2.0, 6.0)
    for value in np.linspace(2.0, 6.0, 33):
        color = scale.color(float(value))
        rgb = np.array([int(color[k : k + 2], 16) for k in (1, 3, 5)])
        expected = 255 * np.array(viridis((value - 2.0) / 4.0)[:3])
        np.testing.assert_allclose(rgb, expected, atol=6)  # straight lines between 17 points
