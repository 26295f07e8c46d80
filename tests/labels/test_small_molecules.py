"""Molecules in strata, and conformations along normal modes."""

from pathlib import Path
from typing import Any

import ase
import numpy as np
import pytest
from ase import units
from rdkit import Chem

from e3d.chemistry import molecule
from e3d.units import BOHR_ANG
from e3d_labels.embed import xtb
from e3d_labels.enumerate import STRATA, enumerate_molecules, stratum
from e3d_labels.molecule_list import read_molecules
from e3d_labels.sample import COLD_K, HOT_K, Recipe, sample


@pytest.mark.parametrize(
    ("smiles", "name"),
    [
        ("CCC", "alkane"),
        ("CC=C", "allylic"),
        ("C=C", "alkene"),
        ("C#CC", "alkyne"),
        ("C=CC=C", "conjugated"),
        ("Cc1ccccc1", "benzylic"),
        ("c1ccoc1", "aromatic"),
        ("C1CC1", "strained-ring"),
        ("NCC#N", "captodative"),
        ("CNN", "heteroatom-heteroatom"),
        ("CC(C)=O", "carbonyl"),
        ("CC#N", "nitrile"),
        ("CC=NC", "imine"),
        ("CSC", "sulfur"),
        ("CN", "amine"),
        ("CCl", "halide"),
        ("COC", "alcohol-ether"),
    ],
)
def test_strata(smiles: str, name: str) -> None:
    assert stratum(Chem.MolFromSmiles(smiles)) == name


def test_a_list_of_molecules(tmp_path: Path) -> None:
    counts = enumerate_molecules(tmp_path / "a.smi", n=200, largest=5, seed=1)
    enumerate_molecules(tmp_path / "b.smi", n=200, largest=5, seed=1)
    enumerate_molecules(tmp_path / "c.smi", n=200, largest=5, seed=2)
    text = (tmp_path / "a.smi").read_text()
    assert text == (tmp_path / "b.smi").read_text()
    assert text != (tmp_path / "c.smi").read_text()
    entries = read_molecules(tmp_path / "a.smi")
    assert len(entries) == sum(counts.values()) == 200
    assert sum(n > 0 for n in counts.values()) >= len(STRATA) - 2, "few are as small as that"
    for entry in entries:
        mol = Chem.MolFromSmiles(entry.smiles)
        assert 3 <= mol.GetNumHeavyAtoms() <= 5
        assert Chem.GetFormalCharge(mol) == 0


def test_a_long_enumeration_says_how_far_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("e3d_labels.each_molecule.FIRST_S", 0.0)
    with caplog.at_level("INFO"):
        enumerate_molecules(tmp_path / "a.smi", n=50, largest=3, seed=1)
    assert "3 heavy atoms: 1 smaller molecules grown" in caplog.text
    assert "steps of a choice done" in caplog.text


@pytest.mark.parametrize("largest", [2, 10])
def test_sizes_that_cannot_be_enumerated(largest: int, tmp_path: Path, input_error: Any) -> None:
    with input_error(f"--largest {largest}", "3 to 9 heavy atoms"):
        enumerate_molecules(tmp_path / "a.smi", n=10, largest=largest, seed=0)


def test_normal_modes_have_the_energy_of_their_temperature() -> None:
    """Half of kT for each vibration, of water: stiff, so harmonic within a few per cent."""
    found = sample("O", Recipe(50, 0, "normal-modes"))
    numbers = np.array(molecule(found.smiles).atomic_numbers)
    energies = []
    for conformation in found.conformations:
        atoms = ase.Atoms(numbers, conformation * BOHR_ANG)
        atoms.calc = xtb()
        energies.append(atoms.get_potential_energy())
    above = np.array(energies) - min(energies)
    hot, cold = above[:25].mean(), above[25:].mean()
    # 25 draws of three modes: the mean is known within 25 %; the lowest is not quite the minimum
    assert hot == pytest.approx(1.5 * units.kB * HOT_K, rel=0.5)
    assert cold == pytest.approx(1.5 * units.kB * COLD_K, rel=0.5)
    centres = found.conformations.mean(axis=1)
    mass = np.where(numbers == 1, 1.008, 15.999)
    moved = np.average(found.conformations, axis=1, weights=mass)
    assert np.ptp(moved, axis=0).max() < 1e-5, "the centre of mass stays"
    assert np.ptp(centres, axis=0).max() > 1e-3


def test_dynamics_are_found_again() -> None:
    """Samples by dynamics have the keys that they had before there was another way."""
    from e3d_labels.sample import _settings

    assert _settings(Recipe(4, 3)) == {"method": "GFN2-xTB", "conformations": 4, "seed": 3}
