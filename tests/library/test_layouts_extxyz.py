"""Extended XYZ: where labels are found, what is periodic, what is dropped and what is refused."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from layout_fixtures import dropped, frames

WATER = """3
Properties=species:S:1:pos:R:3:forces:R:3 energy=-2000.5 {extra}
O 0.0 0.0 0.1 0.0 0.0 0.5
H 0.0 0.7 -0.5 0.0 0.1 -0.25
H 0.0 -0.7 -0.5 0.0 -0.1 -0.25
"""
CELL = 'Lattice="4 0 0 0 5 0 1 0 6" pbc="T T F" stress=".1 .2 .3 .2 .4 .5 .3 .5 .6"'

STRESS_EV_PER_ANG3 = [[0.1, 0.2, 0.3], [0.2, 0.4, 0.5], [0.3, 0.5, 0.6]]


@pytest.fixture
def xyz_file(tmp_path: Path) -> Callable[..., Path]:
    def write_text(text: str, name: str = "frames.xyz") -> Path:
        path = tmp_path / name
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return path

    return write_text


def water(extra: str = "") -> str:
    return WATER.format(extra=extra)


def test_a_molecule(xyz_file: Any, read_groups: Any) -> None:
    (group,) = read_groups(
        "extxyz", xyz_file(water('smiles="[O:1]([H:2])[H:3]" charge=0 multiplicity=1') * 2)
    )
    assert (len(group.energy), group.energy[1]) == (2, -2000.5)
    np.testing.assert_array_equal(group.positions[1, 2], [0.0, -0.7, -0.5])
    np.testing.assert_array_equal(group.forces[0, 0], [0.0, 0.0, 0.5])
    assert (group.smiles, group.charge, group.multiplicity) == ("[O:1]([H:2])[H:3]", 0, 1)
    assert (group.cell, group.pbc, group.stress) == (None, None, None)
    assert (group.name, group.subset) == ("H2O", "frames")


def test_a_periodic_cell(xyz_file: Any, read_groups: Any) -> None:
    (group,) = read_groups("extxyz", xyz_file(water(CELL + " config_type=bulk charge=-1")))
    np.testing.assert_array_equal(group.cell[0], [[4, 0, 0], [0, 5, 0], [1, 0, 6]])
    np.testing.assert_array_equal(group.stress[0], STRESS_EV_PER_ANG3)
    assert group.pbc.tolist() == [[True, True, False]]
    assert (group.name, group.subset, group.charge) == ("H2O", "bulk", -1)


def test_names_are_reduced_only_for_cells(xyz_file: Any, read_groups: Any) -> None:
    two = "2\n{}Properties=species:S:1:pos:R:3:forces:R:3 energy=-1\nH 0 0 0 0 0 0\nH 0 0 1 0 0 0\n"
    groups = read_groups(
        "extxyz", xyz_file(two.format("") + two.format('Lattice="4 0 0 0 4 0 0 0 4" '))
    )
    assert [group.name for group in groups] == ["H2", "H"]


def test_labels_under_other_names(xyz_file: Any, read_groups: Any) -> None:
    text = water(CELL.replace("stress", "REF_stress")).replace("forces:R", "REF_forces:R")
    (group,) = read_groups("extxyz", xyz_file(text.replace("energy=", "REF_energy=")))
    assert group.energy.tolist() == [-2000.5]
    assert group.forces[0, 0, 2] == 0.5
    np.testing.assert_array_equal(group.stress[0], STRESS_EV_PER_ANG3)


def test_runs_of_like_frames(xyz_file: Any, read_groups: Any) -> None:
    other = "1\nProperties=species:S:1:pos:R:3:forces:R:3 energy=-1\nHe 0 0 0 0 0 0\n"
    groups = read_groups(
        "extxyz", xyz_file(water() * 2 + other + water() + water(CELL) + water("charge=1"))
    )
    assert [(g.name, len(g.energy), g.cell is None) for g in groups] == [
        ("H2O", 2, True),
        ("He", 1, True),
        ("H2O", 1, True),
        ("H2O", 1, False),
        ("H2O", 1, True),
    ]


def test_frames_without_labels_are_dropped_and_counted(xyz_file: Any, read_groups: Any) -> None:
    bare = "1\nProperties=species:S:1:pos:R:3\nHe 0 0 0\n"
    no_forces = "2\nProperties=species:S:1:pos:R:3 energy=-1\nHe 0 0 0\nHe 0 0 3\n"
    groups = read_groups("extxyz", xyz_file(water() + bare + no_forces + water() + bare))
    assert (frames(groups), dropped(groups)) == (2, {"frames without energy or forces": 3})
    only = read_groups("extxyz", xyz_file(bare * 2))
    assert (frames(only), dropped(only)) == (0, {"frames without energy or forces": 2})


def test_blank_lines_do_not_end_the_file(xyz_file: Any, read_groups: Any) -> None:
    """ASE's reader stops there without a word."""
    assert frames(read_groups("extxyz", xyz_file(water() + "\n\n" + water()))) == 2


def test_gzip(xyz_file: Any, read_groups: Any) -> None:
    assert frames(read_groups("extxyz", xyz_file(water() * 3, "frames.xyz.gz"))) == 3


def test_what_ase_writes_comes_back(read_groups: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    atoms = Atoms("FeO2", positions=rng.random((3, 3)), cell=np.diag([4.0, 5.0, 6.0]), pbc=True)
    stress = rng.normal(size=6, scale=0.01)
    atoms.calc = SinglePointCalculator(
        atoms, energy=-3.25, forces=rng.normal(size=(3, 3)), stress=stress
    )
    write(tmp_path / "ase.xyz", [atoms, atoms], format="extxyz")
    (group,) = read_groups("extxyz", tmp_path / "ase.xyz")
    written = 1e-8  # ASE writes eight decimals
    np.testing.assert_allclose(group.positions[1], atoms.positions, atol=written)
    np.testing.assert_allclose(group.forces[1], atoms.get_forces(), atol=written)
    np.testing.assert_allclose(group.stress[1], atoms.get_stress(voigt=False), atol=written)
    # control: the order of VASP (xy, yz, zx after the diagonal) is another tensor
    assert not np.isclose(group.stress[1, 0, 1], stress[3], atol=1e-3)


def test_units_that_are_said_must_be_ev_and_angstrom(
    xyz_file: Any, read_groups: Any, input_error: Any
) -> None:
    said = "energy_unit=eV forces_unit=eV/A stress_unit=eV/A^3"
    assert frames(read_groups("extxyz", xyz_file(water(said)))) == 1
    for key, unit in (("energy_unit", "Ha"), ("forces_unit", "kcal/mol/A"), ("stress_unit", "GPa")):
        source = xyz_file(water() + water(f"{key}={unit}"))
        with input_error(str(source), "frame 1", key, repr(unit), "eV"):
            read_groups("extxyz", source)


BAD = {
    "truncated": (water() + water()[:-40], ["line 6", "3 of 4 lines", "truncated"]),
    "half a line": (
        water() + water().rsplit(" ", 2)[0] + "\n",
        ["frame 1 at line 6", "ASE cannot read it"],
    ),
    "no count": (water() + "three\n" + water(), ["line 6", "'three'", "number of atoms"]),
    "no atoms": ("0\n\n" + water(), ["line 1", "'0'", "number of atoms"]),
    "no number": (water().replace("0.7", "x.y"), ["frame 0 at line 1", "ASE cannot read it"]),
    "no element": (
        water().replace("O 0", "O1 0"),
        ["line 1", "'O1' is no chemical"],
    ),
    "empty": ("", ["holds no frames"]),
    "half a charge": (water("charge=0.5"), ["frame 0", "charge = 0.5", "whole number"]),
    "text charge": (water("charge=minus"), ["frame 0", "charge = 'minus'", "whole number"]),
    "short stress": (water(CELL).replace(".1 .2 .3 .2 .4 .5 .3 .5 .6", ".1 .2 .3"), ["frame 0"]),
    "nan energy": (
        water().replace("-2000.5", "nan"),
        ["H2O", "energy of conformation 0 is not finite"],
    ),
    "nan force": (
        water().replace("0.25", "nan"),
        ["H2O", "forces of conformation 0 is not finite"],
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_read_is_refused_by_frame(
    case: str, xyz_file: Any, read_groups: Any, input_error: Any
) -> None:
    text, texts = BAD[case]
    with input_error(*texts):
        read_groups("extxyz", xyz_file(text))


def test_a_missing_file(read_groups: Any, input_error: Any, tmp_path: Path) -> None:
    with input_error("missing.xyz", "no such file"):
        read_groups("extxyz", tmp_path / "missing.xyz")
