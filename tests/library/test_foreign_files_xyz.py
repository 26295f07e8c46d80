"""XYZ files of other people: every frame or an error, one set of labels, no lost charge or unit."""

import bz2
import logging
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ase.db
import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.build import molecule as g2_molecule
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator

from e3d.errors import InputError
from e3d.store.layouts.frames import NOT_CONVERGED
from e3d.structures import from_atoms, from_file
from e3d.units import unit_factor
from layout_fixtures import dropped, frames

WATER = """3
Properties=species:S:1:pos:R:3:forces:R:3 energy=-2000.5 {extra}
O 0.0 0.0 0.1 0.0 0.0 0.5
H 0.0 0.7 -0.5 0.0 0.1 -0.25
H 0.0 -0.7 -0.5 0.0 -0.1 -0.25
"""
CELL = 'Lattice="4 0 0 0 4 0 0 0 4" pbc="T T T" '


def water(extra: str = "") -> str:
    return WATER.format(extra=extra)


def columns(name: str, oxygen: str, hydrogen: str) -> str:
    """Return water with one more column."""
    head, comment, o, *h = water().splitlines()
    comment = comment.replace("forces:R:3", f"forces:R:3:{name}")
    return "\n".join([head, comment, f"{o} {oxygen}", *(f"{line} {hydrogen}" for line in h), ""])


@pytest.fixture(params=["dataset", "structures"])
def count(request: Any, tmp_path: Path, read_groups: Any) -> Callable[[str], int]:
    """Count the frames of a text as the two readers do: of a dataset, and of any command."""

    def read(text: str) -> int:
        path = tmp_path / "frames.xyz"
        path.write_bytes(text.encode())
        if request.param == "structures":
            return len(list(from_file(path)))
        groups = read_groups("extxyz", path)
        assert not dropped(groups)
        return frames(groups)

    return read


@pytest.fixture
def one(tmp_path: Path, read_groups: Any) -> Callable[[str], Any]:
    """Read the one group of a text."""

    def read(text: str) -> Any:
        (tmp_path / "frames.xyz").write_text(text)
        (group,) = read_groups("extxyz", tmp_path / "frames.xyz")
        return group

    return read


WHOLE = {
    "blank lines": (water() + "\n\n" + water(), 2),
    "blank lines and CRLF": ((water() + "\n" + water()).replace("\n", "\r\n"), 2),
    "no end of line": ((water() * 2)[:-1], 2),
    "byte order mark": ("\ufeff" + water(), 1),
    "blank lines at both ends": ("\n" + water() + " \n\n", 1),
    "a unit in words": (water().replace("-2000.5", "-2000.5 eV"), 1),
    "left-handed cell": (water(CELL.replace("4 0 0 0 4 0 0 0 4", "4 0 0 0 4 0 0 0 -4")), 1),
    "units in words": (water('units="eV, Angstrom"') + water("units=metal"), 2),
    "units by name": (water("energy_unit=eV forces_unit=eV/Angstrom length_unit=Å"), 1),
    "units in a comment": (water("energies in eV, forces in eV/Angstrom of Au"), 1),
    "no units": (water("unit_cell=none formula_units=4 unity=1 energies in water"), 1),
    "units of something else": (water("dipole_units=debye time_unit=fs"), 1),
    "charges of atoms": (water('charge_method=mbis mulliken_charges="0.1 0.2 -0.3"'), 1),
    "charges of atoms in a list": (water('charges="-1 0.5 0.5" atomic_charge_max=2'), 1),
    "no formal charges": (water('initial_charges="0 0 0"'), 1),
    "partial charges": (water('initial_charges="-0.8 0.4 0.4"'), 1),
    "partial charges of an ion": (water('initial_charges="-1.2 0.1 0.1" charge=-1'), 1),
    "as many electrons": (water("nelec=10"), 1),
    "neutral, a singlet": (water("0 1"), 1),
    "valence electrons": (water("nelect=8 charge=0"), 1),
    "a number of a frame": (water("frame 2 3"), 1),
    "elements by symbol and number": (columns("Z:I:1", "8", "1"), 1),
    "charges of nuclei": (columns("charge:R:1", "8", "1"), 1),
    "populations": (columns("mulliken_charges:R:1", "-1", "0"), 1),
    "electrons of Bader": (water(CELL + 'charges="7.2 0.4 0.4"'), 1),
    "no ion": (water("ion=F charged=False zwitterion=T ionic_radius=1 spin_state=low"), 1),
    "a plane": (water("plane 1 -1 0 of 3, at -5 K, E of a gas phase, f in place"), 1),
    "a title": (water("minimum energy structure, stress and forces test, pbc Lattice"), 1),
    "an energy in a title": (
        water("rel. energy -2 kcal/mol, water's at 5\" from bohr, 0.1 bohr"),
        1,
    ),
    "no charge within": (water(r'a="_JSON {\"charge\": 0, \"ion\": \"x\"}"'), 1),
    "words of a comment": (water("the charge and spin units of water"), 1),
}


@pytest.mark.parametrize("case", WHOLE)
def test_every_frame_is_read(case: str, count: Any) -> None:
    text, number = WHOLE[case]
    assert count(text) == number


def _cell(nine: str, pbc: str = "T T T") -> str:
    return water(f'Lattice="{nine}" pbc="{pbc}"')


REFERENCE = water("REF_energy=-1").replace("forces:R:3", "forces:R:3:REF_forces:R:3")
REFERENCE = REFERENCE.replace("0.5\n", "0.5 1 1 1\n").replace("-0.25\n", "-0.25 1 1 1\n")
IPI = "# CELL(abcABC): 15.0 15.0 16.0 90.0 90.0 60.0 Step: 0"
REFUSED = {
    "cut": (water() + water()[:-40], ["line 6", "truncated"]),
    "cut by lines": (water() + "".join(water().splitlines(True)[:-1]), ["line 6", "truncated"]),
    "names of atom types": (water().replace("O ", "OW "), ["'OW' is no chemical element"]),
    "UTF-16": (water().replace("3\n", "3\0\n", 1), ["bytes of zero", "UTF-8"]),
    "two elements": (columns("Z:I:1", "6", "1"), ["species is 'O' and Z is '6'", "Correct one"]),
    "text after the end": (water() + "end of file\n", ["line 6", "number of atoms"]),
    "count too small": (water().replace("3\n", "2\n", 1) + water(), ["line 5", "number of atoms"]),
    "count too large": (water().replace("3\n", "5\n", 1) + water(), ["frame 0"]),
    "count one too large": (water().replace("3\n", "4\n", 1) + water(), ["frame 0"]),
    "a key twice": (water("energy=-3"), ["energy is given twice"]),
    "flags without a cell": (water('pbc="T T T"'), ["cell vector of no length"]),
    "one flag too many": (_cell("4 0 0 0 4 0 0 0 0"), ["cell vector of no length"]),
    "zero cell": (_cell("0 0 0 0 0 0 0 0 0"), ["cell vector of no length"]),
    "flat cell": (_cell("4 0 0 8 0 0 0 0 4"), ["lie in one plane"]),
    "cell of 0.1 Å": (_cell("0.1 0 0 0 0.1 0 0 0 0.1"), ["0.1 Å", "0.5 to 1e+06"]),
    "unit cell of PDB": (_cell("1 0 0 0 1 0 0 0 1"), ["0.33 Å^3"]),
    "huge cell": (_cell("1e12 0 0 0 4 0 0 0 4"), ["1e+12 Å"]),
    "a cell in small letters": (water(CELL.replace("L", "l")), ["lattice is no key for a cell"]),
    "a cell by another name": (water(CELL.replace("Lattice", "cell")), ["cell is no key for a"]),
    "flags in words": (_cell("4 0 0 0 4 0 0 0 4", "no"), ["pbc is 'no'"]),
    "nan cell": (_cell("nan 0 0 0 4 0 0 0 4"), ["cell vector"]),
    "hartree": (water("energy_unit=Ha"), ["energy_unit is 'Ha'", "eV"]),
    "plural hartree": (water("energy_units=Ha"), ["energy_units is 'Ha'", "eV"]),
    "of a set": (water("REF_energy_units=hartree"), ["'hartree'"]),
    "units alone": (water("units=hartree"), ["units is 'hartree'", "eV"]),
    "lammps real": (water("units=real"), ["kcal/mol"]),
    "positions in nm": (water("length_unit=nm"), ["length_unit is 'nm'", "Å"]),
    "positions in bohr": (water("positions_unit=bohr"), ["positions_unit is 'bohr'", "Å"]),
    "forces in kcal/mol": (water("force_units=kcal/mol/A"), ["force_units", "eV/Å"]),
    "hartree in words": (water().replace("-2000.5", "-76.4 Ha"), ["energy in Ha", "expected eV"]),
    "the unit first": (water("unit_forces=Ha/bohr"), ["unit_forces is 'Ha/bohr'", "eV/Å"]),
    "units first": (water("units_energy=Ha"), ["units_energy is 'Ha'"]),
    "a letter": (water("F_unit=Ha/bohr"), ["F_unit is 'Ha/bohr'", "eV/Å"]),
    "a letter for the energy": (water("E_unit=kcal/mol"), ["E_unit is 'kcal/mol'"]),
    "a capital": (water("Units=hartree"), ["Units is 'hartree'"]),
    "run together": (water("unitEnergy=Ha"), ["unitEnergy is 'Ha'"]),
    "a set of labels": (water("dft_units=Ha"), ["dft_units is 'Ha'"]),
    "a letter for lengths": (water("R_unit=bohr"), ["R_unit is 'bohr'"]),
    "atomic units": (water("all in atomic units"), ["in atomic units", "Convert"]),
    "a letter in a comment": (water("E in Ha, F in Ha/bohr"), ["E in Ha", "expected eV"]),
    "units in words": (water("units: Ha, bohr"), ["units in Ha"]),
    "nine numbers": ("1\n10.0 0 0 0 10.0 0 0 0 10.0\nH 0 0 0\n", ["may be a cell", "Lattice"]),
    "bohr alone": (water("water (Bohr)"), ["'water (Bohr)' in the comment: lengths in bohr"]),
    "a cell in a title": (water("cell 10 10 10"), ["'cell 10 10 1' in the comment may be a cell"]),
    "a cell of Jmol": (water("jmol: unitcell {9 9 9 90 90 90}"), ["may be a cell", "Lattice"]),
    "i-PI without units": (water(IPI), ["i-PI", "positions{angstrom} cell{angstrom}"]),
    "a charge in JSON": (water("{'charge': -1}"), ["charge': -1", "`charge=-1`"]),
    "a charge in quotes": (water('"charge": -1'), ["charge", "-1"]),
    "a charge within": (water(r'a="_JSON {\"charge\": -1}"'), ["a: charge = -1 may be a charge"]),
    "a spin in JSON": (water('{"energy": 1, "multiplicity": 2}'), ['multiplicity": 2']),
    "a.u. in words": (water().replace("-2000.5", "-76.4 a.u."), ["energy in a.u."]),
    "a style": (water("unit_style=real"), ["unit_style is 'kcal/mol'"]),
    "a comment": (water("forces in Ha/bohr"), ["'forces in Ha/bohr'", "expected eV/A"]),
    "a comment on energies": (water("energies are in hartree."), ["energies in hartree"]),
    "a comment in quotes": (water('note="energy (kcal / mol)"'), ["energy in kcal / mol"]),
    "a comment of i-PI": (water("positions{atomic_unit}"), ["positions in atomic_unit"]),
    "a comment on the geometry": (water("geometry in Bohr"), ["geometry in Bohr"]),
    "a comment on lengths": (water("coordinates: bohr"), ["coordinates in bohr"]),
    "units that differ": (water("energy_unit=eV energy_units=Ha"), ["energy_units is 'Ha'"]),
    "unknown unit": (water("energy_unit=furlong"), ["'furlong'"]),
    "charges that differ": (water("charge=0 total_charge=-1"), ["charge = 0", "total_charge = -1"]),
    "half a charge": (water("total_charge=0.5"), ["total_charge = 0.5", "whole number"]),
    "a charge beyond the protons": (water("charge=1e30"), ["charge = 1000", "10 protons"]),
    "text charge": (water("net_charge=minus"), ["net_charge = 'minus'", "whole number"]),
    "unknown charge": (water("charge_state=-1"), ["charge_state = ", "Rename the key"]),
    "unknown spin": (water("spin_guess=2"), ["spin_guess = ", "`multiplicity`"]),
    "charge in words": (water("charge: -1"), ["'charge: -1'", "charge=-1"]),
    "chrg in words": (water("chrg -1"), ["'chrg -1'", "charge=-1"]),
    "a spin behind a charge": (water("charge 0 multiplicity 3"), ["'multiplicity 3'"]),
    "of Gaussian": (water("-1 1"), ["'-1 1' in the comment", "`charge=-1 multiplicity=1`"]),
    "a radical of Gaussian": (water("0 2"), ["'0 2' in the comment"]),
    "a number alone": (water("+1"), ["'+1' in the comment"]),
    "Gaussian, after a name": (water("water -1 1"), ["'-1 1' in the comment"]),
    "a charge in a title": (water('title="water, charge=-1"'), ["'charge=-1'"]),
    "an ion": (water("anion -1"), ["'anion -1'"]),
    "a flag": (water("charged=T"), ["charged = True may be a charge"]),
    "the number of an ion": (water("ion=-1"), ["ion = -1 may be a charge"]),
    "a spin by name": (water("spin_state=triplet"), ["spin_state = 'triplet' may be"]),
    "a charge and its sign": (water("charge_state=1-"), ["charge_state = '1-' may be"]),
    "whole charges of atoms": (
        columns("q:R:1", "-1", "0"),
        ["charges add up to -1", "no total charge is given"],
    ),
    "charges of a whole": (water("charges=-1"), ["charges = -1 may be a charge", "Rename"]),
    "charge and spin": (water('charge_mult="-1 2"'), ["charge_mult = ", "Rename"]),
    "an initial charge": (water("initial_charge=-1"), ["initial_charge = -1 may be"]),
    "initial charges of a whole": (water("initial_charges=-1"), ["initial_charges = -1 may be"]),
    "a charge of a species": (water("polyatomic_charge=-1"), ["polyatomic_charge = -1 may be"]),
    "an odd spelling": (water("mol_chg=-1"), ["mol_chg = -1 may be"]),
    "electrons of an anion": (water("n_electrons=11"), ["n_electrons = 11", "10 protons"]),
    "electrons and a charge": (water("nelec=9 charge=0"), ["nelec = 9", "a charge of 0 leave 10"]),
    "unpaired alpha": (water("n_alpha=6"), ["n_alpha = 6 may be"]),
    "two_s of other electrons": (water("two_s=1"), ["two_s = 1", "10 electrons"]),
    "formal charges": (
        water('initial_charges="-1 0 0" charge=0'),
        ["charge = 0 and sum of initial_charges = -1"],
    ),
    "partial charges of an ion": (
        water('initial_charges="-1.2 0.1 0.1"'),
        ["initial_charges add up to -1", "Give `charge`"],
    ),
    "charge of the SMILES": (water('smiles="[O:1]([H:2])[H:3]" charge=-1'), ["charge = -1", "+0"]),
    "no multiplicity": (water("multiplicity=0"), ["multiplicity = 0"]),
    "spin of other electrons": (water("spin=2"), ["spin = 2", "10 electrons"]),
    "spin of a half": (water("total_spin=0.5"), ["total_spin = 0.5"]),
    "unpaired electrons": (water("uhf=1"), ["uhf = 1", "10 electrons"]),
    "spins that differ": (water("multiplicity=3 spin=1"), ["multiplicity = 3, spin = 1"]),
    "two sets": (REFERENCE, ["energy and REF_energy differ"]),
    "energy of another set": (water().replace("energy=", "REF_energy="), ["REF_energy and forces"]),
    "forces of another set": (water().replace("forces:R", "REF_forces:R"), ["REF_forces"]),
    "a flag for an energy": (water().replace("-2000.5", "T"), ["energy is no array of numbers"]),
    "a text for an energy": (water().replace("-2000.5", "low"), ["energy is no array of numbers"]),
    "two energies": (water().replace("-2000.5", '"-1 -2"'), ["energy has shape (2,)"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_be_read_wrongly_is_refused(case: str, count: Any, input_error: Any) -> None:
    text, texts = REFUSED[case]
    with input_error("frames.xyz", *texts):
        count(text)


TWICE = {
    "another number of atoms": (water("natoms=4"), "natoms is 4, the rest of the record gives 3"),
    "the same in capitals": (water("N_Atoms=4"), "n_atoms is 4"),
    "of a crystal": (water(CELL + "nsites=6"), "nsites is 6, the rest of the record gives 3"),
    "another formula": (water("formula=C6H6"), "formula is C6H6"),
    "another energy": (water("energy_per_atom=-660.0"), "energy_per_atom is -660"),
}
AGREE = (
    *("natoms=3 formula=H2O energy_per_atom=-666.8333", "formula=water nelements=2"),
    *('natoms="2 1"', "energy_per_atom=unknown", CELL + "formula=CO natoms=3"),
    *("n_atoms=T", "converged=T scf_converged=True", "ionic_converged=F converged_steps=0"),
)


@pytest.mark.parametrize("case", TWICE)
def test_what_a_frame_says_twice(case: str, one: Any, input_error: Any) -> None:
    text, said = TWICE[case]
    with input_error("frames.xyz frame 0", said, "Correct or remove one"):
        one(text)


@pytest.mark.parametrize("extra", AGREE)
def test_what_a_frame_says_twice_and_agrees(extra: str, one: Any) -> None:
    group = one(water(extra))
    assert (len(group.energy), group.dropped) == (1, {})


@pytest.mark.parametrize("key", ["converged=F", "scf_converged=False", "Is-Converged=0"])
def test_frames_that_did_not_converge(key: str, one: Any) -> None:
    group = one(water(key) + water())
    assert (len(group.energy), group.dropped) == (1, {NOT_CONVERGED: 1})


def test_levels_of_theory_of_frames(one: Any) -> None:
    text = water('level_of_theory="PBE0 / def2-SVP" method=md functional=7')
    assert one(text).levels == (("level_of_theory", "PBE0 / def2-SVP"), ("method", "md"))


@pytest.mark.parametrize(
    "key",
    [
        "charge",
        "total_charge",
        "tot_charge",
        "net_charge",
        "q",
        "Charge",
        "totalCharge",
        "chg",
        "CHRG",
    ],
)
def test_a_charge_in_every_spelling(key: str, one: Any) -> None:
    assert one(water(f"{key}=-1")).charge == -1


@pytest.mark.parametrize(
    ("extra", "multiplicity"),
    [
        ("multiplicity=3", 3),
        ("spin_multiplicity=3", 3),
        ("mult=3", 3),
        ("spin=3", 3),  # OMol25, fairchem
        ("total_spin=3", 3),  # MACE
        ("total_charge=-1 total_spin=2", 2),
        ("uhf=2", 3),
        ("two_s=2", 3),
        ("unpaired_electrons=2", 3),
        ("spin=0", 1),
        ("spin=1", 1),
        ("multiplicity=3 spin=2", 3),  # beside the multiplicity, it can only be 2S
        ("charge=0", None),
    ],
)
def test_a_spin_in_every_spelling(extra: str, multiplicity: int | None, one: Any) -> None:
    assert one(water(extra)).multiplicity == multiplicity


@pytest.mark.parametrize(("charges", "total"), [("-1 0 0", -1), ("1 -1 0", 0), ("0 0 0", None)])
def test_formal_charges_add_up(charges: str, total: int | None, tmp_path: Path, one: Any) -> None:
    atoms = g2_molecule("H2O")
    atoms.set_initial_charges([float(text) for text in charges.split()])
    atoms.calc = SinglePointCalculator(atoms, energy=-1.0, forces=np.zeros((3, 3)))
    ase.io.write(tmp_path / "a.xyz", atoms, format="extxyz")
    assert one((tmp_path / "a.xyz").read_text()).charge == total


def test_a_cell_of_ipi_is_read(tmp_path: Path) -> None:
    text = water(f"{IPI} positions{{angstrom}} cell{{angstrom}}")
    (tmp_path / "a.xyz").write_text(text)
    (structure,) = from_file(tmp_path / "a.xyz")
    expected = [[15, 0, 0], [7.5, 15 * 0.75**0.5, 0], [0, 0, 16]]
    np.testing.assert_allclose(structure.cell, expected, atol=1e-12)
    assert structure.pbc == (True, True, True)


def test_deuterium_is_hydrogen(tmp_path: Path) -> None:
    """ASE knows no D; its energies and forces are those of H."""
    path = tmp_path / "heavy.xyz"
    path.write_text(water("comment=D2O").replace("\nH ", "\nD ", 1))
    (structure,) = from_file(path)
    assert structure.atomic_numbers.tolist() == [8, 1, 1]


def test_a_word_of_a_title_is_no_label(one: Any) -> None:
    assert one(water("the energy of a stress test")).energy.tolist() == [-2000.5]


def test_a_charge_reaches_the_bonds(tmp_path: Path) -> None:
    """Perceived as neutral, ammonium has no bonds."""
    ammonium = Atoms("NH4", positions=g2_molecule("CH4").positions * 0.95)
    ammonium.info["total_charge"] = 1
    ase.io.write(tmp_path / "a.xyz", ammonium, format="extxyz")
    (structure,) = from_file(tmp_path / "a.xyz")
    assert structure.smiles == "[NH4+]"


def test_sets_of_other_names_are_not_read(one: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        group = one(water("dft_energy=-1 mace_energy=-2") * 2)
    assert group.energy.tolist() == [-2000.5] * 2
    assert caplog.messages[0].endswith("not read: dft_energy, mace_energy")
    assert len(caplog.messages) == 1
    other = one(water().replace("energy=", "dft_energy=").replace("forces:R", "dft_forces:R"))
    assert dropped([other]) == {
        "frames without energy or forces (dft_energy, dft_forces are not read)": 1
    }
    slopes = one(water().replace("forces:R", "gradient:R"))
    assert dropped([slopes]) == {
        "frames without energy or forces (gradient are not read; forces are minus the gradient)": 1
    }
    mixed = one(water().replace("forces:R", "dft_forces:R"))
    assert frames([mixed]) == 0


def test_a_complete_set_comes_before_a_part(one: Any) -> None:
    text = water("REF_energy=-1")
    assert one(text).energy.tolist() == [-2000.5]
    swapped = text.replace("energy=-2000.5", "energy=-3").replace("forces:R", "REF_forces:R")
    assert one(swapped).energy.tolist() == [-1.0]


def test_a_set_that_is_there_twice_is_one(one: Any) -> None:
    same = REFERENCE.replace("REF_energy=-1", "REF_energy=-2000.5")
    rows = [line.replace("1 1 1", " ".join(line.split()[4:7])) for line in same.splitlines()]
    assert one("\n".join(rows) + "\n").energy.tolist() == [-2000.5]


def test_a_calculator_at_work_is_no_set_of_labels() -> None:
    copper = bulk("Cu", cubic=True)
    copper.info["REF_energy"], copper.arrays["REF_forces"] = -14.0, np.ones((4, 3))
    copper.calc = EMT()
    copper.get_forces()
    assert from_atoms(copper).energy == -14.0
    results = copper.calc.results
    copper.calc = SinglePointCalculator(copper, energy=results["energy"], forces=results["forces"])
    with pytest.raises(InputError, match="energy and REF_energy differ"):
        from_atoms(copper)


def test_single_atoms_need_no_forces(one: Any) -> None:
    atom = '1\nProperties=species:S:1:pos:R:3 REF_energy=-13.6 pbc="F F F"\nH 0 0 0\n'
    group = one(atom)
    assert (group.energy.tolist(), group.forces.tolist()) == ([-13.6], [[[0.0, 0.0, 0.0]]])


KBAR = '"-251.0 13.7 73.4 13.7 -229.2 -11.8 73.4 -11.8 55.7"'


@pytest.mark.parametrize("stress", [KBAR, '"-8 0 0 0 -8 0 0 0 -8"', '"-25.1 0 0 0 -22 0 0 0 5.6"'])
def test_a_stress_in_kbar_or_gpa_is_refused(stress: str, one: Any, input_error: Any) -> None:
    with input_error("frame 0", "eV/Å^3", "kbar or GPa"):
        one(water(CELL + f"stress={stress}"))


def test_a_stress_is_symmetric(one: Any, input_error: Any) -> None:
    for unit in ("", " stress_unit=eV/A^3"):
        with input_error("frame 0", "stress is not symmetric, component 12"):
            one(water(CELL + 'stress="0.1 0.05 0 0 0.1 0 0 0 0.1"' + unit))


def test_large_stresses_that_are_real_are_read(one: Any) -> None:
    dense = 'Lattice="2.4 0 0 0 2.4 0 0 0 2.4" pbc="T T T" '
    for stress in (3.1, -3.1):  # 500 GPa
        tensor = f'stress="{stress} 0 0 0 {stress} 0 0 0 {stress}"'
        assert one(water(dense + tensor)).stress[0, 0, 0] == stress
    said = one(water(CELL + "stress_unit=eV/A^3 stress=" + KBAR))
    assert said.stress[0, 0, 0] == -251.0


@pytest.mark.parametrize(("force", "factor"), [(150.0, 1.0), (3.0, 1.0), (150.0, 160.2177)])
def test_the_stress_of_a_squeezed_bond_in_a_large_box(
    force: float, factor: float, one: Any, input_error: Any
) -> None:
    """It is r F / V; two atoms of 15,625 Å^3 have 66 eV each. In GPa it is refused."""
    length, volume = 0.88, 25.0**3
    stress = -factor * length * force / volume
    text = (
        '2\nLattice="25 0 0 0 25 0 0 0 25" pbc="T T T" energy=-9 '
        f'stress="0 0 0 0 0 0 0 0 {stress}" Properties=species:S:1:pos:R:3:forces:R:3\n'
        f"N 0 0 0 0 0 {-force}\nN 0 0 {length} 0 0 {force}\n"
    )
    if factor == 1.0:
        assert one(text).stress[0, 2, 2] == pytest.approx(stress)
    else:
        with input_error("frame 0", "kbar or GPa"):
            one(text)


@pytest.mark.parametrize("name", ["frames.xyz.bz2", "frames.xyz.xz"])
def test_other_compressions(name: str, tmp_path: Path, input_error: Any) -> None:
    packed = (bz2 if name.endswith("bz2") else lzma).compress((water() * 9).encode())
    (tmp_path / name).write_bytes(packed)
    assert len(list(from_file(tmp_path / name))) == 9
    (tmp_path / name).write_bytes(packed[:-9])
    with input_error(name, "damaged or cut short"):
        list(from_file(tmp_path / name))


def _molfile(path: Path, **change: str) -> Path:
    ase.io.write(path, g2_molecule("NH3"), format="sdf")
    text = path.read_text()
    for old, new in change.values():
        text = text.replace(old, new)
    path.write_text(text)
    return path


def test_molfiles_lose_neither_molecules_nor_charge(tmp_path: Path, input_error: Any) -> None:
    path = _molfile(tmp_path / "a.sdf")
    (ammonia,) = from_file(path)
    assert ammonia.smiles == "N"
    whole = path.read_text()
    path.write_text(whole * 3)
    with input_error("a.sdf", "holds 3 molecules"):
        list(from_file(path))
    path.write_text(whole.replace("M  END", "M  CHG  1   1   1\nM  END"))
    (charged,) = from_file(path)
    assert charged.bonds is None, "NH3 with a charge of +1 is not ammonia"
    lines = whole.splitlines()
    lines[1] = "     RDKit          2D"
    path.write_text("\n".join(lines) + "\n")
    with input_error("a.sdf", "drawing in two dimensions"):
        list(from_file(path))


def test_databases_keep_what_is_said_of_a_row(tmp_path: Path) -> None:
    with ase.db.connect(str(tmp_path / "a.db")) as rows:
        rows.write(Atoms("NH4", g2_molecule("CH4").positions * 0.95), key_value_pairs={"q": 1})
        rows.write(g2_molecule("H2O"))
    assert [one.smiles for one in from_file(tmp_path / "a.db")] == ["[NH4+]", "O"]


def test_atoms_that_are_there_in_part_are_refused(tmp_path: Path, input_error: Any) -> None:
    half = bulk("Cu", cubic=True)
    ase.io.write(tmp_path / "a.cif", half, format="cif")
    text = (tmp_path / "a.cif").read_text()
    (tmp_path / "a.cif").write_text(text.replace("  1.0000\n", "  0.5000\n", 1))
    row = "HETATM    1  O {0}HOH     1       {1}.000   0.000   0.119  0.50  0.00           O\n"
    (tmp_path / "a.pdb").write_text(row.format("A", 0) + row.format("B", 1) + "END\n")
    for name in ("a.cif", "a.pdb"):
        with input_error(name, "partly occupied"):
            list(from_file(tmp_path / name))


@pytest.mark.parametrize(
    ("quantity", "unit", "factor"),
    [
        ("length", "nanometers", 10.0),
        ("length", "Å", 1.0),
        ("length", "a.u.", 0.529177210903),
        ("length", "m", None),
        ("energy", "kcal mol^-1", 0.0433641043),
        ("energy", "kilojoule_per_mole", 0.0103642697),
        ("energy", "meV", 1e-3),
        ("energy", "MeV", None),
        ("energy", "", None),
        ("force", "Eh/bohr", 51.422067476),
        ("force", "kJ mol^-1 nm^-1", 0.00103642697),
        ("force", "kcal/(mol*A)", 0.0433641043),
        ("force", "hartree / angstrom", 27.211386246),
        ("force", "hartree", None),
        ("stress", "kB", 0.000624150907),
        ("stress", "eV A^-3", 1.0),
        ("stress", "eV/A", None),
    ],
)
def test_spellings_of_units(quantity: Any, unit: str, factor: float | None) -> None:
    expected = factor if factor is None else pytest.approx(factor, rel=1e-8)
    assert unit_factor(quantity, unit) == expected
