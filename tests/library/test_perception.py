"""Bonds from a geometry: what a SMILES says, whatever the order of atoms and the neighbours."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from functools import lru_cache

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule as g2_molecule
from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

from conftest import map_atoms
from e3d.chemistry import Molecule, molecule, perception
from e3d.chemistry.perception import perceive
from e3d.structures import structures_of

HEXANITRATE = "O(CC(C(C(C(CO[N+](=O)[O-])" + "O[N+](=O)[O-])" * 4 + "[N+](=O)[O-]"
MOLECULES = [
    # expanded octets and charge separation: what xyz2mol draws otherwise or not at all
    *["S=C=S", "O=S=O", "O=S(=O)=O", "CS(C)=O", "CS(C)(=O)=O", "CS(N)(=O)=O", "CS(C)(=N)=O"],
    *["OS(=O)(=O)O", "COP(=O)(OC)OC", "CP(C)(C)=S", "C[Se](C)=O", "O=S1(=O)C=CC=C1", "c1ccsc1"],
    *["[O-][O+]=O", "N#[N+][O-]", "CN=[N+]=[N-]", "C=[N+]=[N-]", "C[N+]#[C-]", "[C-]#[O+]"],
    *["CC#[N+][O-]", "C[N+](C)(C)[O-]", "[O-][n+]1ccccc1", "O=[N+]([O-])c1ccc(N)cc1"],
    *["Cc1c([N+](=O)[O-])cc([N+](=O)[O-])cc1[N+](=O)[O-]", "ClP1(Cl)=NP(Cl)(Cl)=NP(Cl)(Cl)=N1"],
    # a three-ring of P-O-P is none
    "COP(=O)(O)OP(=O)(O)OP(=O)(O)O",
    # ions, alone and in salts
    *["CC(=O)[O-]", "NC(N)=[NH2+]", "COP(=O)([O-])[O-]", "[O-]S(=O)(=O)c1ccccc1", "Cn1cc[nH+]c1"],
    *["[O-][Cl+3]([O-])([O-])O", "[N-]=[N+]=[N-]", "CC(=O)[O-].[Na+]", "CC(=O)[O-].C[NH3+]"],
    # drawings of equal cost: the graph decides, not the order of its atoms
    *["CCN(C)C(C)=[N+](C)C", "CCCN(C)C(N(C)C)=[N+](C)CC", "CCN1C=C[N+](C)=C1"],
    *["[OH3+].O.O", "[K+].[K+].[O-]S(=O)(=O)[O-]", "[Ne].C"],
    # double bonds where the geometry has them
    *[
        "C1=CC=CC=CC=C1",
        "C1=CC=C1",
        "C1=CC2=CC=CC2=C1",
        "O=C1C=CC(=O)C=C1",
        "Cn1cnc2c1c(=O)[nH]cn2",
    ],
]


def _types(known: Molecule) -> dict[tuple[int, int], str]:
    return {(bond.i, bond.j): bond.bond_type for bond in known.bonds}


@lru_cache
def _embedded(smiles: str) -> tuple[np.ndarray, np.ndarray, Molecule]:
    """Return a force field's geometry, fragments 5 Å apart, and what the SMILES says."""
    known = molecule(map_atoms(smiles))
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert rdDistGeom.EmbedMolecule(mol, randomSeed=7) == 0
    if rdForceFieldHelpers.MMFFHasAllMoleculeParams(mol):
        rdForceFieldHelpers.MMFFOptimizeMolecule(mol)
    positions = mol.GetConformer().GetPositions()
    for k, rows in enumerate(Chem.GetMolFrags(mol)):
        place = np.array([5.0 * k, 0, 0]) if k else positions[list(rows)].mean(axis=0)
        positions[list(rows)] += place - positions[list(rows)].mean(axis=0)
    return np.array(known.atomic_numbers), positions, known


@pytest.mark.parametrize("smiles", MOLECULES)
def test_a_geometry_has_the_bonds_of_its_smiles(smiles: str) -> None:
    numbers, positions, known = _embedded(smiles)
    found = perceive(numbers, positions, known.charge)
    assert found is not None
    assert _types(molecule(found)) == _types(known)
    assert molecule(found).components == known.components
    assert molecule(found).charge == known.charge


@pytest.mark.parametrize("smiles", MOLECULES)
def test_bonds_depend_neither_on_the_order_of_atoms_nor_on_copies(smiles: str) -> None:
    numbers, positions, known = _embedded(smiles)
    expected = _types(known)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(numbers))
        found = perceive(numbers[order], positions[order], known.charge)
        assert found is not None
        back = {
            (int(min(order[i], order[j])), int(max(order[i], order[j]))): kind
            for (i, j), kind in _types(molecule(found)).items()
        }
        assert back == expected
    apart = np.ptp(positions, axis=0).max() + 4.0
    copies = np.concatenate([positions + np.array([apart * k, 0, 0]) for k in range(3)])
    found = perceive(np.tile(numbers, 3), copies, 3 * known.charge)
    assert found is not None
    assert Counter(_types(molecule(found)).values()) == Counter(
        {kind: 3 * n for kind, n in Counter(expected.values()).items()}
    )


@pytest.mark.parametrize(
    ("name", "types"),
    [
        ("CS2", {"C=S": 2}),
        ("SO2", {"O=S": 2}),
        ("C2H6SO", {"C-H": 6, "C-S": 2, "O=S": 1}),
        ("P2", {"P#P": 1}),
    ],
)
def test_known_molecules(name: str, types: dict[str, int]) -> None:
    atoms = g2_molecule(name)
    found = perceive(atoms.numbers, atoms.positions, charge=0)
    assert found is not None
    assert Counter(_types(molecule(found)).values()) == types


def test_the_short_bonds_of_a_ring_are_double() -> None:
    """Cyclooctatetraene drawn either way round, from geometries turned by one atom."""
    numbers, positions, known = _embedded("C1=CC=CC=CC=C1")
    order = [*range(1, 8), 0, *range(9, 16), 8]
    turned = perceive(numbers[order], positions[order], 0)
    assert turned is not None
    doubles = {pair for pair, kind in _types(known).items() if kind == "C=C"}
    found = {pair for pair, kind in _types(molecule(turned)).items() if kind == "C=C"}
    assert found == {tuple(sorted(((i - 1) % 8, (j - 1) % 8))) for i, j in doubles}
    assert found.isdisjoint(doubles)


@pytest.mark.parametrize(
    ("atoms", "charge"),
    [
        (("OH",), 0),
        (("CH3",), 0),
        (("CH3OH",), 1),
        (("CH3", "CH3"), 0),  # not CH3+ and CH3-
        (("NO2", "NO2"), 0),
        (("CH3", "Cl"), 0),
        (("H", "H"), 0),
        (("CH2_s3B1d",), 0),
    ],
)
def test_radicals_have_no_structure(atoms: tuple[str, ...], charge: int) -> None:
    frame = Atoms()
    for k, name in enumerate(atoms):
        one = g2_molecule(name)
        one.translate([6.0 * k, 0, 0])
        frame += one
    assert perceive(frame.numbers, frame.positions, charge) is None


def _many(smiles: str, n: int) -> tuple[np.ndarray, np.ndarray]:
    numbers, positions, _ = _embedded(smiles)
    apart = np.ptp(positions, axis=0).max() + 4.0
    return np.tile(numbers, n), np.concatenate(
        [positions + np.array([apart * k, 0, 0]) for k in range(n)]
    )


@pytest.mark.parametrize(
    ("smiles", "n", "nitro", "seconds"),
    [("C[N+](=O)[O-]", 8, 16, 5), ("C[N+](=O)[O-]", 64, 128, 5), (HEXANITRATE, 1, 12, 20)],
)
def test_many_nitro_groups_take_no_time(smiles: str, n: int, nitro: int, seconds: int) -> None:
    numbers, positions = _many(smiles, n)
    start = time.perf_counter()
    found = perceive(numbers, positions, 0)
    assert found is not None
    assert Counter(_types(molecule(found)).values())["N:O"] == nitro
    # 0.2 s on an idle core; eight molecules took minutes where all valences were combined
    assert time.perf_counter() - start < seconds


def test_a_fullerene_ends() -> None:
    atoms = g2_molecule("C60")
    start = time.perf_counter()
    found = perceive(atoms.numbers, atoms.positions, 0)
    assert found is not None
    assert Counter(_types(molecule(found)).values()) == {"C:C": 90}
    assert time.perf_counter() - start < 30, "2 s on an idle core"


_ENDLESS = """
import signal, sys
import numpy as np
import scipy.optimize  # which a first search imports: a signal would end that, not the search
from e3d.chemistry import lewis
from e3d.conformer import conformer
from e3d.chemistry.perception import perceive
def end(number, frame):
    raise SystemExit(7)
signal.signal(signal.SIGTERM, end)
print("started", flush=True)
while True:
    lewis._solved.cache_clear()
    {call}
"""


def test_it_ends_on_a_signal() -> None:
    """In the middle of a search for orders, and of an embedding that takes seconds."""
    numbers, positions = _many(HEXANITRATE, 2)
    perceiving = f"perceive(np.array({numbers.tolist()}), np.array({positions.tolist()}), 0)"
    embedding = f"conformer({'C' * 120!r})"
    for call in (perceiving, embedding):
        with subprocess.Popen(
            [sys.executable, "-c", _ENDLESS.format(call=call)],
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        ) as child:
            try:
                assert child.stdout is not None
                assert child.stdout.readline() == b"started\n"
                time.sleep(0.5)
                start = time.perf_counter()
                child.send_signal(signal.SIGTERM)
                assert child.wait(20) == 7
                assert time.perf_counter() - start < 2, call[:10]
            finally:
                child.kill()


def test_one_line_says_where_no_bonds_are_perceived(caplog: pytest.LogCaptureFixture) -> None:
    perception._warn_once.cache_clear()
    frames = [g2_molecule("C2H5") for _ in range(3)]
    frames += [g2_molecule("H"), g2_molecule("CH3OH")]
    structures = list(structures_of(frames))
    assert [one.bonds is None for one in structures] == [True, True, True, True, False]
    (record,) = caplog.records
    for text in ("C2H5, charge 0", "closed shells", "C~H", "`smiles`", "`charge`"):
        assert text in record.getMessage()


def test_a_frame_of_many_atoms_is_perceived(caplog: pytest.LogCaptureFixture) -> None:
    perception._warn_once.cache_clear()
    numbers, positions = _many("O", 667)
    found = perception.perceive_or_warn(numbers[:1998], positions[:1998], 0)
    assert found is not None
    assert not caplog.records
    assert perception.perceive_or_warn(numbers, positions, 0) is None
    assert "up to 2000 atoms" in caplog.text


@pytest.mark.parametrize("far", [1e5, 1e7])
def test_bonds_do_not_depend_on_where_a_molecule_is(far: float) -> None:
    atoms = g2_molecule("CH3CH2OH")
    here = perceive(atoms.numbers, atoms.positions, 0)
    assert here is not None
    assert perceive(atoms.numbers, atoms.positions + far, 0) == here
