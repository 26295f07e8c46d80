"""Morse potentials of a YAML file: bond energies in closed form, and an independent calculator."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.morse import MorsePotential

import e3d
from e3d.cli import main
from e3d.fields import MEANS_FILE
from e3d.fields import Column as C
from e3d.structures import from_atoms
from model_fixtures import NAMED

PAIRS = {"C-H": (4.3, 1.09, 1.9), "C-C": (3.6, 1.54, 1.8), "H-H": (4.5, 0.74, 1.9)}
R_MAX = 6.0


def write(path: Path, pairs: dict[str, tuple[float, float, float]], r_max: float = R_MAX) -> Path:
    names = "depth_eV", "length_ang", "steepness_per_ang"
    lines = [
        f"  {pair}: {{{', '.join(f'{n}: {v}' for n, v in zip(names, values, strict=True))}}}"
        for pair, values in pairs.items()
    ]
    path.write_text("\n".join([f"r_max_ang: {r_max}", "pairs:", *lines]) + "\n")
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "morse.pair.yaml", PAIRS)


def morse(r: float, depth: float, length: float, steepness: float) -> float:
    value: float = depth * ((1 - np.exp(-steepness * (r - length))) ** 2 - 1)
    return value


def test_bond_energies_are_the_negative_potential(path: Path) -> None:
    bonds = e3d.decompose(e3d.load(path), [molecule("CH4"), molecule("C2H6")])
    assert len(bonds) == 4 + 7
    for row in bonds.itertuples():
        values = PAIRS[row.bond_type]
        expected = morse(R_MAX, *values) - morse(row.r_ang, *values)
        assert row.bond_energy_eV == pytest.approx(expected, abs=1e-12)
    assert bonds["asymmetry_eV"].abs().max() == 0


def test_energies_and_forces_are_those_of_ase(tmp_path: Path) -> None:
    """Carbon as a diamond, with atoms that see their own images; ASE cuts off smoothly, far out."""
    depth, length, steepness = PAIRS["C-C"]
    crystal = bulk("C", "diamond", 3.57) * (2, 1, 1)
    crystal.rattle(0.05, seed=0)
    model = e3d.load(write(tmp_path / "carbon.pair.yaml", {"C-C": PAIRS["C-C"]}, r_max=16.0))
    crystal.calc = MorsePotential(
        epsilon=depth, r0=length, rho0=steepness * length, rcut1=15.9 / length, rcut2=16.0 / length
    )
    [batch] = model.batches([from_atoms(crystal)])
    energy, forces = model.energies_and_forces(batch)
    # both neglect what lies beyond: 2 depth exp(-steepness (16 - length)) for each pair
    np.testing.assert_allclose(energy, crystal.get_potential_energy(), rtol=0, atol=1e-6)
    np.testing.assert_allclose(forces, crystal.get_forces(), rtol=0, atol=1e-8)
    assert np.abs(forces).max() > 0.1


def test_elements_without_parameters_are_not_known_and_other_pairs_do_not_interact(
    tmp_path: Path,
) -> None:
    model = e3d.load(write(tmp_path / "two.pair.yaml", {"C-H": PAIRS["C-H"]}))
    assert (model.type_names, model.n_parameters) == (("H", "C"), 3)
    water = from_atoms(molecule("H2O"))
    assert model.unknown(water) == ["O"]
    [batch] = model.batches([water])
    for energies in (model.edge_energies, model.energies_and_forces):
        with pytest.raises(e3d.InputError, match="does not know O; it knows H, C"):
            energies(batch)
    [batch] = model.batches([from_atoms(Atoms("H2", [[0, 0, 0], [0, 0, 0.74]]))])
    assert model.edge_energies(batch).eps.tolist() == [0.0, 0.0]


def test_the_command_line_takes_it(path: Path, tmp_path: Path) -> None:
    arguments = [str(path), str(NAMED), "--skip-unknown-elements", "-o", str(tmp_path / "out")]
    assert main(["decompose", *arguments]) == 0
    means = pd.read_csv(tmp_path / "out" / "named-bonds" / MEANS_FILE)
    single = means[means[C.BOND_TYPE] == "C-H"]
    assert len(single)
    assert single[C.BOND_ENERGY].between(4.0, 4.3).all()


GOOD = "{depth_eV: 4, length_ang: 1, steepness_per_ang: 2}"
WRONG = {
    "pairs: [": "not valid YAML",
    "r_max_ang: 5": "has r_max_ang, expected r_max_ang, pairs",
    f"r_max_ang: -5\npairs: {{C-H: {GOOD}}}": "r_max_ang is -5 - allowed: a number from 0.1",
    "r_max_ang: 5\npairs: []": r"pairs is \[\]",
    f"r_max_ang: 5\npairs: {{CH: {GOOD}}}": "CH is no pair of elements",
    f"r_max_ang: 5\npairs: {{C-Xx: {GOOD}}}": "C-Xx is no pair of elements",
    f"r_max_ang: 5\npairs: {{X-X: {GOOD}}}": "X-X is no pair of elements",
    f"r_max_ang: 5\npairs: {{C-H: {GOOD}, C-H: {GOOD}}}": "'C-H' stands there a second time",
    f"r_max_ang: 5\npairs: {{C-H: {GOOD}, H-C: {GOOD}}}": "H-C stands there twice",
    "r_max_ang: 5\npairs: {C-H: 4}": "C-H: is 4. Write its depth_eV",
    "r_max_ang: 5\npairs: {C-H: {depth: 4}}": "C-H: has depth, expected depth_eV",
    f"r_max_ang: 5\npairs: {{C-H: {GOOD.replace('2', '.inf')}}}": "steepness_per_ang is inf",
    f"r_max_ang: 5\npairs: {{C-H: {GOOD.replace('1,', '109,')}}}": "length_ang is 109 - allowed: a",
    f"r_max_ang: 5\npairs: {{C-H: {GOOD.replace('4', '415')}}}": "depth_eV is 415 - allowed: a",
    f"r_max_ang: 5\npairs: {{C-H: {GOOD.replace('2', '400')}}}": "steepness_per_ang is 400 - ",
    f"r_max_ang: 0.9\npairs: {{C-H: {GOOD}}}": "length_ang is 1 - allowed: less than r_max_ang",
    f"r_max_ang: 5\npairs: {{C-H: {GOOD.replace('2', '20')}}}": r"is .* eV at 0.3 Å - allowed: up",
    f"r_max_ang: 5\npairs: {{C-H: {GOOD.replace('2', 'true')}}}": "steepness_per_ang is True",
}


@pytest.mark.parametrize("content", WRONG)
def test_other_contents_are_refused_in_one_line(content: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.pair.yaml"
    path.write_text(content)
    with pytest.raises(e3d.InputError, match=WRONG[content]) as caught:
        e3d.load(path)
    assert "\n" not in str(caught.value)
