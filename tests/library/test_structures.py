"""Structures from a store and from files: labels, bonds, flags, and one-line errors."""

from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.build import molecule as g2_molecule
from ase.calculators.singlepoint import SinglePointCalculator

from e3d import tables
from e3d.atoms import warn_of_charge
from e3d.chemistry import equivalent_bonds, molecule
from e3d.connectivity import geometric_bonds
from e3d.fields import Store as F
from e3d.named_bonds import BDE_FILE, MOLECULES_FILE
from e3d.store.reader import StoreReader
from e3d.structures import from_atoms, from_file, from_store, structures_of


def _write(path: Path, *frames: Atoms) -> Path:
    ase.io.write(path, list(frames), format="extxyz")
    return path


def test_a_store_gives_labels_bonds_and_flags(prepared: Any) -> None:
    with StoreReader(prepared.store) as reader:
        broken = int(np.flatnonzero(reader[F.INTACT] == 0)[0])
        frames = [7, 3, broken]
        structures = list(from_store(reader, frames))
        energy, groups = reader[F.ENERGY], [reader.group_smiles[reader.group[f]] for f in frames]
    assert [s.frame for s in structures] == frames
    assert [s.energy for s in structures] == energy[frames].tolist()
    assert [s.intact for s in structures] == [True, True, False]
    for structure, smiles in zip(structures, groups, strict=True):
        assert structure.mapped_smiles == smiles
        assert structure.bonds == molecule(smiles).bonds
        assert structure.positions.dtype == structure.forces.dtype == np.float64
        assert (
            structure.forces.shape
            == structure.positions.shape
            == (len(structure.atomic_numbers), 3)
        )
        assert structure.cell is None
        assert structure.pbc == (False, False, False)


def test_bonds_are_perceived_where_no_smiles_is_given(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.xyz", g2_molecule("CH3OH"), g2_molecule("C2H4"))
    methanol, ethene = from_file(path)
    assert (methanol.smiles, ethene.smiles) == ("CO", "C=C")
    assert sorted(bond.bond_type for bond in ethene.bonds or ()) == ["C-H"] * 4 + ["C=C"]
    assert methanol.intact
    assert (methanol.frame, ethene.frame) == (0, 1)
    assert methanol.energy is None
    assert methanol.forces is None


def test_a_smiles_in_the_file_decides_the_bonds(tmp_path: Path) -> None:
    atoms = g2_molecule("H2O")
    atoms.info["smiles"] = "[O:1]([H:2])[H:3]"
    stretched = atoms.copy()
    stretched.positions[1] += 2.0
    a, b = from_file(_write(tmp_path / "a.xyz", atoms, stretched))
    assert a.bonds == b.bonds == molecule("[O:1]([H:2])[H:3]").bonds
    assert (a.intact, b.intact) == (True, False)


def test_a_charged_molecule_needs_its_charge(tmp_path: Path) -> None:
    methane = g2_molecule("CH4")
    ammonium = Atoms("NH4", positions=methane.positions * 0.95, info={"charge": 1})
    bare = Atoms("NH4", positions=methane.positions * 0.95)
    charged, neutral = from_file(_write(tmp_path / "a.xyz", ammonium, bare))
    assert charged.smiles == "[NH4+]"
    assert neutral.bonds is None


def test_a_periodic_structure_is_bonded_by_distance(tmp_path: Path) -> None:
    (salt,) = from_file(_write(tmp_path / "a.xyz", bulk("MgO", "rocksalt", a=4.21)))
    assert salt.bonds is None
    assert salt.mapped_smiles is None
    assert salt.pbc == (True, True, True)
    assert salt.cell is not None
    assert salt.cell.shape == (3, 3)
    assert salt.smiles == "MgO"


def test_geometric_bonds() -> None:
    reach = 1.25 * (0.76 + 0.66)  # covalent radii of C and O, Cordero 2008
    carbon, oxygen = np.full(4, 6), np.full(4, 8)
    r = np.array([1.4, 2.2, reach - 1e-6, reach + 1e-6])
    expected = [True, False, True, False]
    assert (
        geometric_bonds(carbon, oxygen, r).tolist()
        == geometric_bonds(oxygen, carbon, r).tolist()
        == expected
    )


def test_a_lone_atom_has_no_bonds(tmp_path: Path) -> None:
    (atom,) = from_file(_write(tmp_path / "a.xyz", Atoms("C")))
    assert atom.bonds is None
    assert atom.smiles == "C"


def test_files_that_cannot_be_used(tmp_path: Path, input_error: Any) -> None:
    with input_error("none.xyz", "no such file"):
        list(from_file(tmp_path / "none.xyz"))
    (tmp_path / "junk.xyz").write_text("3\n\nH 0 0\nwhat\n")
    (tmp_path / "empty.xyz").write_text("")
    (tmp_path / "unknown.abc").write_text("??")
    for name, text in (
        ("junk.xyz", "line 1: the frame has 3 of 4 lines"),
        ("empty.xyz", "holds no frames"),
        ("unknown.abc", "extended XYZ"),
    ):
        with input_error(name, text):
            list(from_file(tmp_path / name))


@pytest.mark.parametrize(
    ("info", "texts"),
    [
        ({"smiles": "[O:2]([H:1])[H:3]"}, ["do not follow the map numbers", "row k-1"]),
        ({"smiles": "CO"}, ["its smiles 'CO' has 6 atoms", "the frame's 3"]),
        ({"smiles": "[O:1]("}, ["cannot be read"]),
        ({"charge": "plus one"}, ["charge = 'plus one'", "whole number"]),
        ({"charge": "0.5"}, ["charge = 0.5", "whole number"]),
    ],
)
def test_an_error_names_file_and_frame(
    info: dict[str, str], texts: list[str], tmp_path: Path, input_error: Any
) -> None:
    atoms = g2_molecule("H2O")
    bad = atoms.copy()
    bad.info.update(info)
    with input_error("a.xyz frame 1", *texts):
        list(from_file(_write(tmp_path / "a.xyz", atoms, bad)))


@pytest.mark.parametrize("x", ["nan", "inf", "-1e12"])
def test_positions_must_be_numbers(x: str, tmp_path: Path, input_error: Any) -> None:
    (tmp_path / "a.xyz").write_text(f'1\nProperties=species:S:1:pos:R:3 pbc="F F F"\nH {x} 0 0\n')
    with input_error("a.xyz frame 0", "not numbers"):
        list(from_file(tmp_path / "a.xyz"))


def test_a_flat_cell_is_refused(tmp_path: Path, input_error: Any) -> None:
    flat = Atoms("H", cell=[[5, 0, 0], [5, 0, 0], [0, 0, 5]], pbc=True)
    with input_error("a.xyz frame 0", "lie in one plane"):
        list(from_file(_write(tmp_path / "a.xyz", flat)))


def test_a_name_may_have_an_at_sign(tmp_path: Path) -> None:
    """ASE takes what follows it for the number of a frame."""
    path = _write(tmp_path / "run@1.xyz", g2_molecule("H2O"), g2_molecule("CH4"))
    assert [structure.smiles for structure in from_file(path)] == ["O", "C"]


def test_the_shipped_relaxed_molecules_hold_every_closed_shell_named_bond(root: Path) -> None:
    structures = {s.smiles: s for s in from_file(MOLECULES_FILE)}
    assert all(structure.intact for structure in structures.values())
    named = tables.read(BDE_FILE, columns=("bond", "smiles", "multiplicity"))
    assert len(named) == 63
    closed = named[named["multiplicity"] == 1]
    for bond, smiles in zip(closed["bond"], closed["smiles"], strict=True):
        hits = [s for s in structures.values() if equivalent_bonds(smiles, s.mapped_smiles or "")]
        assert len(hits) == 1, bond


def test_frames_of_a_store_come_in_the_order_asked_for(prepared: Any) -> None:
    """Read together, in any order and repeatedly, they are what the store has frame by frame."""
    rng = np.random.default_rng(0)
    with StoreReader(prepared.store) as reader:
        asked = [*rng.integers(0, len(reader), size=300).tolist(), 5, 5]
        structures = list(from_store(reader, asked))
        assert [structure.frame for structure in structures] == asked
        for structure in structures:
            frame = reader.frame(structure.frame)
            assert structure.energy == frame.energy
            assert structure.forces is not None
            np.testing.assert_array_equal(structure.positions, frame.positions)
            np.testing.assert_array_equal(structure.forces, frame.forces)
            np.testing.assert_array_equal(structure.atomic_numbers, frame.atomic_numbers)
        assert list(from_store(reader, [])) == []


@pytest.mark.parametrize("names", [("energy", "forces"), ("REF_energy", "REF_forces")])
def test_labels_of_a_file_are_carried(names: tuple[str, str], tmp_path: Path) -> None:
    forces = np.arange(9.0).reshape(3, 3)
    water, alone = g2_molecule("H2O"), g2_molecule("H2O")
    if names[0] == "energy":
        water.calc = SinglePointCalculator(water, energy=-3.5, forces=forces)
        alone.calc = SinglePointCalculator(alone, energy=2.0)
    else:
        water.info[names[0]], alone.info[names[0]] = -3.5, 2.0
        water.arrays[names[1]] = forces
    both, one = from_file(_write(tmp_path / "a.xyz", water, alone))
    assert (both.energy, one.energy) == (-3.5, 2.0)
    np.testing.assert_allclose(both.forces, forces, atol=1e-8)
    assert one.forces is None


def test_results_of_other_positions_are_no_labels() -> None:
    water = g2_molecule("H2O")
    water.calc = SinglePointCalculator(water, energy=-3.5, forces=np.zeros((3, 3)))
    assert from_atoms(water).energy == -3.5
    water.positions[0] += 0.1
    moved = from_atoms(water)
    assert moved.energy is None
    assert moved.forces is None


@pytest.mark.parametrize(
    ("info", "text"),
    [
        ({"REF_energy": "much"}, "energy is no array of numbers"),
        ({"REF_energy": 1.0, "energy_unit": "hartree"}, "energy_unit is 'hartree', expected eV"),
        ({"REF_energy": float("nan")}, "energy with values that are not finite"),
    ],
)
def test_labels_that_cannot_be_used(info: dict[str, Any], text: str, input_error: Any) -> None:
    water = g2_molecule("H2O")
    water.info.update(info)
    with input_error("H2O (frame 0)", text):
        from_atoms(water)


@pytest.mark.parametrize("factor", [0.1, 0.001])
@pytest.mark.parametrize("pbc", [False, True])
def test_atoms_on_top_of_each_other_are_refused(
    factor: float, pbc: bool, tmp_path: Path, input_error: Any
) -> None:
    """Coordinates in nm, as in a store: the same words."""
    water = g2_molecule("H2O", cell=[9, 9, 9], pbc=pbc)
    water.positions *= factor
    with input_error("x.xyz frame 0", "atoms 0 and 1 (O, H) are", "at least 0.3", "nm"):
        list(from_file(_write(tmp_path / "x.xyz", water)))


def test_atoms_near_across_a_face_are_refused(input_error: Any) -> None:
    with input_error("atoms 0 and 1 (C, C) are 0.2 Å apart"):
        from_atoms(Atoms("CC", [[0.1, 0, 0], [4.9, 0, 0]], cell=[5, 5, 5], pbc=True))


@pytest.mark.parametrize(("factor", "warned"), [(1.8897, True), (1.0, False)])
def test_a_molecule_without_bonds_is_warned_of(
    factor: float, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    ethanol = g2_molecule("CH3CH2OH")
    ethanol.positions *= factor
    from_atoms(ethanol)
    assert ("no two atoms are near enough to be bonded" in caplog.text) == warned


OF_ETHER = "[C:1]([H:4])([H:5])([H:6])[O:3][C:2]([H:7])([H:8])[H:9]"


@pytest.mark.parametrize("key", ["smiles", "SMILES", "Smiles"])
def test_a_smiles_of_an_isomer_is_warned_of(
    key: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its atoms fit those of ethanol row by row, its bonds do not; the frames are counted."""
    ethanol = g2_molecule("CH3CH2OH")
    ethanol.info[key] = OF_ETHER
    found = list(from_file(_write(tmp_path / "x.xyz", ethanol, ethanol)))
    assert [one.smiles for one in found] == ["COC"] * 2
    assert not any(one.intact for one in found)
    assert "2 of 2 frames do not have the bonds of their SMILES" in caplog.text


def test_two_smiles_are_refused(input_error: Any) -> None:
    with input_error("has two SMILES", OF_ETHER):
        from_atoms(Atoms(g2_molecule("H2"), info={"smiles": "[H:1][H:2]", "SMILES": OF_ETHER}))


DUMP = """ITEM: TIMESTEP
0
ITEM: NUMBER OF ATOMS
3
ITEM: BOX BOUNDS ff ff ff
-10 10
-10 10
-10 10
ITEM: ATOMS id {0} x y z
1 {1} 0 0 0.1193
2 {2} 0 0.7632 -0.477
3 {2} 0 -0.7632 -0.477
"""
PDB_LINE = (
    "HETATM    {0} {1:<4s} HOH     1       0.000{2:8.3f}{3:8.3f}  1.00  0.00          {4:>2s}\n"
)


def _pdb(*names: str, elements: str = "OHH") -> str:
    rows = zip(
        range(1, 4), names, (0, 0.763, -0.763), (0.119, -0.477, -0.477), elements, strict=True
    )
    return "".join(PDB_LINE.format(*row) for row in rows)


WITHOUT_ELEMENTS = {
    "a.lammpstrj": (DUMP.format("type", 1, 2), "line 9", "no column `element`"),
    "b.lammpstrj": (DUMP.format("mass", 16.0, 1.0), "line 9", "no column `element`"),
    "a.pdb": (_pdb(" CA ", " HA ", " HB ", elements="   "), "line 1: atom 'CA'", "columns 77-78"),
    "b.pdb": (_pdb("O", "H1", "H2", elements="OH "), "line 3: atom 'H2'", "columns 77-78"),
    "c.pdb": (
        _pdb("O", "H1", "H2").replace("   HOH", "  AHOH").replace("H2  A", "H2  B"),
        "alternate positions A, B",
    ),
    "a.gro": ("w\n1\n    1CL     CL1   1   0.0   0.0   0.012\n 2 2 2\n", "no elements", "XYZ"),
    "a.lammps-data": ("LAMMPS\n\n1 atoms\n1 atom types\n\nAtoms # atomic\n\n1 1 0 0 0\n", "no"),
}


@pytest.mark.parametrize("name", WITHOUT_ELEMENTS)
def test_elements_are_not_guessed(name: str, tmp_path: Path, input_error: Any) -> None:
    text, *words = WITHOUT_ELEMENTS[name]
    (tmp_path / name).write_text(text)
    with input_error(name, "expected", *words):
        list(from_file(tmp_path / name))


@pytest.mark.parametrize(
    ("name", "text", "frames", "periodic"),
    [
        ("a.lammpstrj", DUMP.format("element", "O", "H"), 1, False),
        ("a.pdb", _pdb("O", "H1", "H2"), 1, False),
        ("b.pdb", 2 * (_pdb("O", "H1", "H2") + "ENDMDL\n") + "END\n", 2, False),
        (
            "c.pdb",
            "CRYST1    9.000    9.000    9.000  90.00  90.00  90.00 P 1\n"
            + 2 * (_pdb("O", "H1", "H2") + "ENDMDL\n"),
            2,
            True,
        ),
    ],
)
def test_files_with_elements_are_read(
    name: str, text: str, frames: int, periodic: bool, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text)
    found = list(from_file(tmp_path / name))
    assert [one.atomic_numbers.tolist() for one in found] == [[8, 1, 1]] * frames
    assert [any(one.pbc) for one in found] == [periodic] * frames


def test_a_file_without_structures_is_refused(tmp_path: Path, input_error: Any) -> None:
    (tmp_path / "w.data").write_text("LAMMPS data\n\n0 atoms\n")  # ASE takes it for RuNNer's
    with input_error("w.data", "finds no structure"):
        list(from_file(tmp_path / "w.data"))


def test_an_occupancy_above_one_is_no_part_of_an_atom(tmp_path: Path, input_error: Any) -> None:
    ase.io.write(tmp_path / "a.cif", bulk("Cu", cubic=True), format="cif")
    text = (tmp_path / "a.cif").read_text()
    (tmp_path / "a.cif").write_text(text.replace("  1.0000\n", "  2.0000\n", 1))
    with input_error("a.cif", "occupancy 2 - expected 1"):
        list(from_file(tmp_path / "a.cif"))


def test_atoms_after_the_last_model_are_not_lost(tmp_path: Path, input_error: Any) -> None:
    water = _pdb("O", "H1", "H2")
    (tmp_path / "a.pdb").write_text(water + "ENDMDL\n" + water)
    with input_error("a.pdb", "3 atoms stand after the last END"):
        list(from_file(tmp_path / "a.pdb"))


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("positions", np.zeros((3, 3)) + 1j, "complex128"),
        ("positions", np.arange(6.0).reshape(2, 3), "positions (2, 3)"),
        ("numbers", np.array([8.4, 1.0, 1.0]), "float64 atomic numbers"),
    ],
)
def test_arrays_that_are_no_geometry_are_refused(
    name: str, value: Any, text: str, input_error: Any
) -> None:
    atoms = g2_molecule("H2O")
    atoms.arrays[name] = value
    with input_error("H2O", text, "expected (3, 3) real numbers"):
        from_atoms(atoms)


@pytest.mark.parametrize("given", [None, 3, [[g2_molecule("H2O")]], np.zeros((3, 3)), {"a": "O"}])
def test_what_is_no_structure_is_refused(given: Any, input_error: Any) -> None:
    with input_error("is no structure", "flat list"):
        list(structures_of(given))


def test_one_object_in_several_places_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """Frames of a trajectory that were appended without a copy are all the last one."""
    atoms, frames = g2_molecule("H2O"), []
    for _ in range(3):
        atoms.positions[0, 2] += 0.01
        frames.append(atoms)
    assert len(list(structures_of(frames))) == 3
    assert "3 entries are 1 Atoms objects" in caplog.text
    caplog.clear()
    list(structures_of([frame.copy() for frame in frames]))
    assert not caplog.text


def test_a_charged_species_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    warn_of_charge.cache_clear()
    list(structures_of(["[NH4+]", "[NH4+]", "C[NH2+]CC([O-])=O"]))
    assert caplog.text.count("[NH4+]: has charge +1") == 1
    assert "has charge" not in caplog.text.replace("[NH4+]: has charge", "")
