"""A plain SMILES is matched to the geometry of its frame."""

import logging
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from e3d.errors import InputError
from e3d.structures import from_atoms, from_file


def shuffled(atoms: Atoms, seed: int) -> Atoms:
    return atoms[np.random.default_rng(seed).permutation(len(atoms))]


@pytest.mark.parametrize(
    ("name", "smiles"),
    [("CH3CHO", "CC=O"), ("C2H4", "C=C"), ("CH3CN", "CC#N"), ("C6H6", "c1ccccc1"), ("H2O", "[H]O")],
)
def test_bonds_are_those_of_the_mapped_smiles_in_any_order_of_atoms(name: str, smiles: str) -> None:
    for seed in range(3):
        atoms = shuffled(molecule(name), seed)
        perceived = from_atoms(atoms)
        atoms.info["smiles"] = smiles
        matched = from_atoms(atoms)
        assert matched.bonds == perceived.bonds
        assert matched.smiles == perceived.smiles
        assert matched.intact


def test_a_molecule_far_from_the_origin_is_matched() -> None:
    atoms = molecule("CH3CHO")
    atoms.positions += 1e8  # where RDKit itself finds no bonds
    atoms.info["smiles"] = "CC=O"
    assert from_atoms(atoms).bonds == from_atoms(molecule("CH3CHO")).bonds


def test_the_orders_are_those_of_the_smiles_where_a_geometry_has_none() -> None:
    radical = molecule("CH3")
    assert from_atoms(radical).bonds is None
    radical.info["smiles"] = "[CH3]"
    bonds = from_atoms(radical).bonds
    assert bonds is not None
    assert [bond.bond_type for bond in bonds] == ["C-H"] * 3


@pytest.mark.parametrize(
    ("smiles", "said"),
    [
        (
            "CC",
            "its smiles 'CC' has 8 atoms, hydrogens among them, and other ones than the frame's 9",
        ),
        ("COC", "the geometry does not have the bonds of its smiles 'COC'"),
        ("C(", "cannot be read"),
    ],
)
def test_a_smiles_of_another_molecule_is_refused(smiles: str, said: str) -> None:
    ethanol = molecule("CH3CH2OH")
    ethanol.info["smiles"] = smiles
    with pytest.raises(InputError) as caught:
        from_atoms(ethanol)
    assert said in str(caught.value)


def test_bonds_without_orders_are_said_once_for_a_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "radicals.xyz"
    ase.io.write(path, [molecule(name) for name in ("CH3", "CH4", "OH", "CH3", "H")])
    with caplog.at_level(logging.WARNING):
        assert [frame.bonds is None for frame in from_file(path)] == [True, False, True, True, True]
    (said,) = [r.getMessage() for r in caplog.records if "bond orders" in r.getMessage()]
    assert said.startswith(f"3 of 5 frames, for one {path} frame 0: bond orders not perceived")
    assert "set `charge`" in said
