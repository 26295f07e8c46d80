"""Isolated atoms: of files, of theories, of another level, ions among them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from e3d.store.convert import write_store
from e3d.theory import SPICE
from e3d.units import HARTREE_EV
from mutation_fixtures import rewritten


def _atom_file(path: Path, *energies: float, **box: Any) -> Path:
    atoms = [Atoms("O", **box) for _ in energies]
    for atom, energy in zip(atoms, energies, strict=True):
        atom.calc = SinglePointCalculator(atom, energy=energy, forces=np.zeros((1, 3)))
    write(path, atoms, format="extxyz")
    return path


@pytest.mark.parametrize("box", [{}, {"cell": [9, 9, 9], "pbc": True}], ids=["free", "in a box"])
def test_single_atoms_tell_isolated_atoms_of_another_level(
    box: dict[str, Any], tmp_path: Path, input_error: Any
) -> None:
    """An excited atom is data; an atom below the isolated one is not, even as a duplicate."""
    source = _atom_file(tmp_path / "atoms.xyz", -2039.0, -2041.0, **box)
    entry: Any = {"layout": "extxyz", "theory": "mine"}
    with input_error("atoms.xyz", "a single O atom", ", 1 eV below", "another level"):
        write_store(source, tmp_path / "a.h5", isolated_atom_energy={"O": -2040.0}, **entry)
    report = write_store(source, tmp_path / "a.h5", isolated_atom_energy={"O": -2041.1}, **entry)
    assert report.binding_energy_eV == pytest.approx([2.1, 2.1])


ION = "1\nProperties=species:S:1:pos:R:3 energy=-2717.4 charge=-1 multiplicity=1\nF 0 0 0\n"
ATOM = "1\nProperties=species:S:1:pos:R:3 energy=-2714.0\nF 0 0 0\n"
FCC = (
    '1\nLattice="0 2 2 2 0 2 2 2 0" pbc="T T T" Properties=species:S:1:pos:R:3:forces:R:3 '
    "energy=-2718.0\nF 0 0 0 0 0 0\n"
)


def test_ions_and_crystals_are_no_isolated_atoms(
    tmp_path: Path, input_error: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Fluoride lies below fluorine, and so does any crystal of one atom in its cell."""
    source, atoms = tmp_path / "source.xyz", tmp_path / "atoms.xyz"
    source.write_text(ATOM.replace("2714.0", "2713.5"))
    entry: Any = {"layout": "extxyz", "theory": "mine", "isolated_atoms": atoms}
    atoms.write_text(ION + ATOM + FCC)
    report = write_store(source, tmp_path / "store.h5", **entry)
    assert report.binding_energy_eV == pytest.approx([0.5, 0.5])
    assert "left out: F of charge -1, crystals of F" in caplog.text
    atoms.write_text(ION)
    with input_error("atoms.xyz", "no single atom, only F of charge -1"):
        write_store(source, tmp_path / "other.h5", **entry)


def _stated(element: str, *states: tuple[float, int | str]) -> str:
    head = "1\nProperties=species:S:1:pos:R:3"
    return "".join(
        f"{head} energy={energy} multiplicity={spin}\n{element} 0 0 0\n".replace(
            "multiplicity= ", ""
        )
        for energy, spin in states
    )


@pytest.mark.parametrize(
    ("element", "states", "texts"),
    [
        ("H", [(-13.6, 2)], None),
        ("C", [(-1030.0, 3)], None),
        ("C", [(-1029.0, 1), (-1030.0, 3)], None),  # the lowest counts
        ("C", [(-1030.0, " ")], None),
        ("N", [(-1485.0, 4)], None),
        ("Sn", [(-1000.0, 3)], None),
        ("Fe", [(-1000.0, 7)], None),  # 5 in the ground state: no rule knows metals
        ("O", [(-2041.0, 2)], ["O: multiplicity 2 with 8 electrons", "an odd one"]),
        ("C", [(-1030.0, 3), (-1029.0, 2)], ["C: multiplicity 2 with 6 electrons"]),
        ("Fe", [(-1000.0, 2)], ["Fe: multiplicity 2 with 26 electrons"]),
        ("C", [(-1029.0, 1)], ["isolated atom C: its multiplicity is 1 - 3 in the ground state"]),
        ("N", [(-1485.0, 2)], ["isolated atom N: its multiplicity is 2 - 4 in the ground state"]),
        ("O", [(-2041.0, 1)], ["isolated atom O: its multiplicity is 1 - 3", "excited state"]),
        ("He", [(-79.0, 3)], ["isolated atom He: its multiplicity is 3 - 1"]),
        ("Se", [(-1000.0, 5)], ["isolated atom Se: its multiplicity is 5 - 3"]),
    ],
)
def test_stated_spins_of_isolated_atoms(
    element: str, states: Any, texts: list[str] | None, tmp_path: Path, input_error: Any
) -> None:
    source, atoms = tmp_path / "source.xyz", tmp_path / "atoms.xyz"
    atoms.write_text(_stated(element, *states))
    source.write_text(_stated(element, (min(states)[0] + 0.1, " ")))
    entry: Any = {"layout": "extxyz", "theory": "mine", "isolated_atoms": atoms}
    if texts is None:
        assert write_store(source, tmp_path / "store.h5", **entry).frames == 1
    else:
        with input_error("atoms.xyz", *texts):
            write_store(source, tmp_path / "store.h5", **entry)


@pytest.mark.parametrize("energy", [2040.0, float("nan")])
def test_isolated_atoms_are_bound(energy: float, tmp_path: Path, input_error: Any) -> None:
    source = _atom_file(tmp_path / "atoms.xyz", -2041.0)
    with input_error("isolated atom O", "negative"):
        write_store(
            source,
            tmp_path / "a.h5",
            layout="extxyz",
            theory="mine",
            isolated_atom_energy={"O": energy},
        )


def test_isolated_atoms_in_hartree(singles: list[Atoms], tmp_path: Path, input_error: Any) -> None:
    path = rewritten(singles, tmp_path / "single.xyz", lambda arrays: None)
    atoms = {e: energy / HARTREE_EV for e, energy in SPICE.isolated_atom_energy.items()}
    with input_error("if the isolated atoms are in hartree"):
        write_store(path, tmp_path / "a.h5", layout="extxyz", isolated_atom_energy=atoms)


def test_labels_of_another_level(singles: list[Atoms], tmp_path: Path, input_error: Any) -> None:
    path = rewritten(singles, tmp_path / "single.xyz", lambda arrays: None)
    with input_error(f"with the isolated atoms of theory '{SPICE.name}'"):
        write_store(path, tmp_path / "a.h5", layout="extxyz", theory="GFN2-xTB")


def test_isolated_atoms_unlike_those_of_the_level_are_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = _atom_file(tmp_path / "atoms.xyz", -2041.0)
    write_store(source, tmp_path / "a.h5", layout="extxyz", isolated_atom_energy={"O": -2041.0})
    assert "O +2.93" in caplog.text
