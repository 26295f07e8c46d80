"""Reaction paths and stretches: a double well with known barrier and mode, and what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import Calculator

from e3d.chemistry import fragment_rows
from e3d.named_bonds import BDE_FILE, MOLECULES_FILE
from e3d.units import BOHR_ANG
from e3d_labels.reaction_ends import PathError, changed_pairs, superpose
from e3d_labels.reaction_paths import PATH_FORCE_EV_ANG, detour, negative_modes, path_between
from e3d_labels.reactions import find_paths, read_reactions
from e3d_labels.stretch import distances, stretch_bonds, stretched

RESOURCES = Path(__file__).parents[2] / "resources"
TOP, HALF, HEIGHT = (
    1.5,
    0.5,
    32.0,
)  # Å, Å, eV/Å^4: wells at 1 and 2 Å, a barrier of HEIGHT * HALF^4 = 2 eV


class DoubleWell(Calculator):  # type: ignore[misc]
    """Two atoms, E = HEIGHT ((r - TOP)^2 - HALF^2)^2."""

    implemented_properties = ("energy", "forces")
    sign = 1.0

    def calculate(self, *arguments: Any, **options: Any) -> None:
        super().calculate(*arguments, **options)
        axis = self.atoms.positions[1] - self.atoms.positions[0]
        r = float(np.linalg.norm(axis))
        x = r - TOP
        slope = 4 * HEIGHT * x * (x**2 - HALF**2)
        self.results = {
            "energy": HEIGHT * (x**2 - HALF**2) ** 2,
            "forces": slope * np.array([axis, -axis]) / r,
        }


def dimer(r: float) -> Atoms:
    return Atoms("H2", positions=[[0, 0, 0], [r, 0, 0]], calculator=DoubleWell())


def test_barrier_and_negative_mode_of_a_double_well() -> None:
    path = path_between(dimer(1.0), dimer(2.0), DoubleWell, images=9)
    # the climbing image stops at a force below the tolerance: an error of force^2 / 2 curvature
    curvature = 4 * HEIGHT * HALF**2
    allowed = PATH_FORCE_EV_ANG**2 / curvature
    assert path.energy[path.saddle] == pytest.approx(HEIGHT * HALF**4, abs=allowed)
    r = np.linalg.norm(path.images[:, 1] - path.images[:, 0], axis=1)
    assert r[path.saddle] == pytest.approx(TOP, abs=PATH_FORCE_EV_ANG / curvature)
    reduced = dimer(1.0).get_masses()[0] / 2
    assert path.negative_modes == pytest.approx([-curvature / reduced], rel=1e-3)
    assert path.coordinate[-1] == pytest.approx(
        1 / np.sqrt(2), rel=1e-6
    )  # each of two atoms moves half of 1 Å


def test_a_band_that_does_not_converge_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("e3d_labels.reaction_paths._STEPS", 1)
    with pytest.raises(PathError, match="not converged"):
        path_between(dimer(1.0), dimer(2.0), DoubleWell, images=9)


def test_a_minimum_has_no_negative_mode_and_one_on_the_way_is_a_detour() -> None:
    assert len(negative_modes(dimer(1.0))) == 0
    assert detour(np.array([0.0, 1.0, 0.4, 2.0, 1.0])) == pytest.approx(0.6)
    assert detour(np.array([0.0, 1.0, 2.0, 1.0, 1.0])) == 0


def test_superposition_undoes_a_rotation_but_no_reflection() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 3))
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    np.testing.assert_allclose(superpose(x @ turn + 3.0, x), x, atol=1e-12)
    assert np.abs(superpose(-x, x) - x).max() > 0.1


def test_changed_pairs() -> None:
    broken, formed = changed_pairs("[H:3][C:1]#[N:2]", "[C-:1]#[N+:2][H:3]")
    assert (broken, formed) == ({(0, 2)}, {(1, 2)})


def test_a_stretch_moves_one_fragment_rigidly() -> None:
    smiles = "[C:1]([H:3])([H:4])([H:5])[O:2][H:6]"
    assert fragment_rows(smiles, (0, 1)) == [1, 5]
    x = np.random.default_rng(1).normal(size=(6, 3))
    moved = stretched(x, (0, 1), [1, 5], 2.0)
    assert np.linalg.norm(moved[1] - moved[0]) == pytest.approx(2.0)
    np.testing.assert_allclose(moved[5] - moved[1], x[5] - x[1], atol=1e-14)
    np.testing.assert_array_equal(moved[[0, 2, 3, 4]], x[[0, 2, 3, 4]])
    r = distances(1.4)
    assert (np.diff(r) > 0).all()
    assert (r[0], r[-1]) == (0.8, 3.0)
    assert 1.4 in r


def test_shipped_scans_are_made_again_exactly(tmp_path: Path) -> None:
    with h5py.File(RESOURCES / "scans_geometries.hdf5") as shipped:
        table, molecules = BDE_FILE, MOLECULES_FILE
        stretch_bonds(table, molecules, tmp_path / "s.hdf5", bonds=list(shipped))
        with h5py.File(tmp_path / "s.hdf5") as made:
            for name in shipped:
                np.testing.assert_array_equal(
                    made[name]["conformations"], shipped[name]["conformations"]
                )
                x = made[name]["conformations"][()] * BOHR_ANG
                i, j = made[name]["bond"][()]
                r = np.linalg.norm(x[:, j] - x[:, i], axis=1)
                assert (np.diff(r) > 0).all()


def test_errors_are_one_line(tmp_path: Path, input_error: Callable[..., Any]) -> None:
    table, molecules = BDE_FILE, MOLECULES_FILE
    with input_error("'CH3-K'", "CH3-H", "--bonds"):
        stretch_bonds(table, molecules, tmp_path / "s.hdf5", bonds=["CH3-K"])
    with input_error("no such molecule"):
        stretch_bonds(table, molecules, tmp_path / "s.hdf5", bonds=["O=O"])
    with input_error("'CH3-H' is given twice"):
        stretch_bonds(table, molecules, tmp_path / "s.hdf5", bonds=["CH3-H", "CH3-H"])
    with input_error("ASE cannot read it"):
        stretch_bonds(table, RESOURCES / "scans.hdf5", tmp_path / "s.hdf5", bonds=["CH3-H"])
    with input_error("no such file"):
        stretch_bonds(table, tmp_path / "none.xyz", tmp_path / "s.hdf5", bonds=["CH3-H"])
    bare = tmp_path / "bare.xyz"
    bare.write_text("2\nno SMILES\nH 0 0 0\nH 0 0 0.74\n")
    with input_error("no such molecule"):
        stretch_bonds(table, bare, tmp_path / "s.hdf5", bonds=["CH3-H"])
    bare.unlink()
    with input_error("ring"):
        fragment_rows("[C:1]1([H:4])([H:5])[C:2]([H:6])=[C:3]1[H:7]", (0, 1))
    reactions = tmp_path / "r.csv"
    reactions.write_text("name,reactant,product\nx,[H:1][H:2],[H:1][F:2]\n")
    with input_error("line 2", "differ in atoms"):
        read_reactions(reactions)
    reactions.write_text(
        "name,reactant,product\nx,[H:1][H:2],[H:1][H:2]\nx,[H:1][H:2],[H:1][H:2]\n"
    )
    with input_error("twice"):
        read_reactions(reactions)
    with input_error("--images 3"):
        find_paths(reactions, tmp_path / "g.hdf5", images=3)
    assert [path.name for path in tmp_path.iterdir()] == ["r.csv"]
