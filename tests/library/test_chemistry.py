"""Bond types, atom order, charge and spin from SMILES; equivalent bonds; geometry checks."""

import time
from collections import Counter
from typing import Any

import numpy as np
import pytest
from ase.build import molecule as g2_molecule
from ase.data import covalent_radii
from rdkit import Chem

from e3d.chemistry import (
    bond_type,
    canonical_smiles,
    equivalent_bonds,
    flat,
    molecule,
    number,
    parse,
    symbol,
)
from e3d.chemistry.perception import perceive
from e3d.connectivity import BROKEN_FACTOR, FORMED_FACTOR, bonds_intact

TYPES = {
    "C": {"C-H": 4},
    "CC": {"C-C": 1, "C-H": 6},
    "C=C": {"C=C": 1, "C-H": 4},
    "C#C": {"C#C": 1, "C-H": 2},
    "[H][H]": {"H-H": 1},
    "[C-]#[O+]": {"C#O": 1},
    "O=C=O": {"C=O": 2},
    "CO": {"C-H": 3, "C-O": 1, "H-O": 1},
    "C#N": {"C#N": 1, "C-H": 1},
    "NN": {"H-N": 4, "N-N": 1},
    "BrCl": {"Br-Cl": 1},  # alphabetical by symbol, not by atomic number
    "C[Si](C)(C)Cl": {"C-H": 9, "C-Si": 3, "Cl-Si": 1},
    "c1ccccc1": {"C:C": 6, "C-H": 6},
    "c1ccncc1": {"C:C": 4, "C:N": 2, "C-H": 5},
    # resonance merges what is equivalent once orders and charges are forgotten
    "C[N+](=O)[O-]": {"C-H": 3, "C-N": 1, "N:O": 2},
    "CC(=O)[O-]": {"C-C": 1, "C-H": 3, "C:O": 2},
    "CC(N)=[NH2+]": {"C-C": 1, "C-H": 3, "C:N": 2, "H-N": 4},
    "NC(N)=[NH2+]": {"C:N": 3, "H-N": 6},
    "[O-][N+](=O)c1ccccc1": {"C:C": 6, "C-H": 5, "C-N": 1, "N:O": 2},
    # ... and nothing else: the two nitrogens of the next one differ, and so do its bonds
    "CNC(C)=[NH2+]": {"C-C": 1, "C-H": 6, "C-N": 2, "C=N": 1, "H-N": 3},
    "[NH3+]CC(=O)NCC(=O)[O-]": {"C-C": 2, "C-H": 4, "C-N": 3, "C:O": 2, "C=O": 1, "H-N": 4},
    "CC(N)=O": {"C-C": 1, "C-H": 3, "C-N": 1, "C=O": 1, "H-N": 2},
    "CC(=O)O": {"C-C": 1, "C-H": 3, "C-O": 1, "C=O": 1, "H-O": 1},
    "COC=O": {"C-H": 4, "C-O": 2, "C=O": 1},
    "NC(N)=O": {"C-N": 2, "C=O": 1, "H-N": 4},
    "C[N+](C)(C)[O-]": {"C-H": 9, "C-N": 3, "N-O": 1},
    "[O-][n+]1ccccc1": {"C:C": 4, "C:N": 2, "C-H": 5, "N-O": 1},
    "[NH3+]CC(=O)[O-]": {"C-C": 1, "C-H": 2, "C-N": 1, "C:O": 2, "H-N": 3},
}


@pytest.mark.parametrize("smiles", TYPES)
def test_bond_types(smiles: str, mapped: Any) -> None:
    assert Counter(bond.bond_type for bond in molecule(mapped(smiles)).bonds) == TYPES[smiles]


FINE = {
    "C": {"Csp3-H": 4},
    "C=CC": {"Csp2=Csp2": 1, "Csp2-Csp3": 1, "Csp2-H": 3, "Csp3-H": 3},
    "C#N": {"Csp#Nsp": 1, "Csp-H": 1},
    "c1ccccc1C": {"Csp2:Csp2": 6, "Csp2-Csp3": 1, "Csp2-H": 5, "Csp3-H": 3},
    "CO": {"Csp3-H": 3, "Csp3-Osp3": 1, "H-Osp3": 1},
}


@pytest.mark.parametrize("smiles", FINE)
def test_finer_types_add_the_hybridisation(smiles: str, mapped: Any) -> None:
    bonds = molecule(mapped(smiles)).bonds
    assert Counter(bond.fine_type for bond in bonds) == FINE[smiles]


def test_bond_type_does_not_depend_on_the_order_of_atoms() -> None:
    assert bond_type(8, 1) == bond_type(1, 8) == "H-O"
    assert bond_type(17, 6, "=") == "C=Cl"


def test_map_numbers_give_the_rows_in_whatever_order_the_atoms_are_written() -> None:
    straight = molecule("[C:1]([O:2][H:3])([H:4])([H:5])[H:6]")
    shuffled = molecule("[H:3][O:2][C:1]([H:5])([H:4])[H:6]")
    assert straight.atomic_numbers == shuffled.atomic_numbers == (6, 8, 1, 1, 1, 1)
    assert straight.bonds == shuffled.bonds
    assert straight.bond_index.tolist() == [[0, 1], [0, 3], [0, 4], [0, 5], [1, 2]]
    renamed = molecule("[C:6]([O:1][H:2])([H:3])([H:4])[H:5]")
    assert renamed.atomic_numbers == (8, 1, 1, 1, 1, 6)
    assert {tuple(pair) for pair in renamed.bond_index.tolist()} == {
        (0, 1),
        (0, 5),
        (2, 5),
        (3, 5),
        (4, 5),
    }
    assert renamed.smiles == straight.smiles == "CO"


@pytest.mark.parametrize(
    "smiles", ["C", "[H][H]", "Br", "c1ccccc1", "[C-]#[O+]", "O=C=O", "N[C@@H](C)C(=O)O", "C.O"]
)
def test_canonical_smiles_forget_map_numbers_and_hydrogens(smiles: str, mapped: Any) -> None:
    canonical = molecule(mapped(smiles)).smiles
    assert ":" not in canonical
    assert canonical == canonical_smiles(parse(smiles)) == canonical_smiles(parse(canonical))


def test_clusters_are_sets_of_components(mapped: Any) -> None:
    cluster = molecule(mapped("O.c1ccccc1.O.C[N+](=O)[O-]"))
    assert cluster.components == ("C[N+](=O)[O-]", "O", "c1ccccc1")
    assert set(cluster.smiles.split(".")) == set(cluster.components)
    for name in cluster.components:
        assert molecule(mapped(name)).components == (name,)


@pytest.mark.parametrize(
    ("smiles", "charge", "multiplicity"),
    [
        ("C", 0, 1),
        ("[NH4+]", 1, 1),
        ("CC(=O)[O-]", -1, 1),
        ("[CH3]", 0, 2),
        ("[CH2]", 0, 3),
        ("[C-]#[O+]", 0, 1),
    ],
)
def test_charge_and_spin(smiles: str, charge: int, multiplicity: int, mapped: Any) -> None:
    parsed = molecule(mapped(smiles))
    assert (parsed.charge, parsed.multiplicity) == (charge, multiplicity)


BAD_SMILES = {
    "C1CC": "cannot be read",
    "[C:1](": "cannot be read",
    "C(C)(C)(C)(C)C": "cannot be read",
    "": "map numbers must be 1..N",
    "C": "map numbers must be 1..5",
    "[CH4:1]": "map numbers must be 1..5",
    "[H:1][H:3]": "map numbers must be 1..2",
    "[H:1][H:1]": "map numbers must be 1..2",
    "[H:1][H]": "map numbers must be 1..2",
}


@pytest.mark.parametrize("smiles", BAD_SMILES)
def test_a_bad_mapped_smiles_is_refused(smiles: str, input_error: Any) -> None:
    with input_error(repr(smiles), BAD_SMILES[smiles]):
        molecule(smiles)


def _elements(smiles: str, pairs: frozenset[tuple[int, int]]) -> Counter[str]:
    kinds = {(bond.i, bond.j): bond.fine_type for bond in molecule(smiles).bonds}
    return Counter(kinds[pair] for pair in pairs)


@pytest.mark.parametrize(
    ("named", "smiles", "expected"),
    [
        ("[CH3:1][H:2]", "C", {"Csp3-H": 4}),
        ("[H:2][CH3:1]", "C", {"Csp3-H": 4}),
        ("C[CH:1](C)[H:2]", "CCC", {"Csp3-H": 2}),
        ("CC[CH2:1][H:2]", "CCC", {"Csp3-H": 6}),
        ("c1ccccc1[CH2:1][H:2]", "Cc1ccccc1", {"Csp3-H": 3}),
        ("[CH3:1][c:2]1ccccc1", "Cc1ccccc1", {"Csp2-Csp3": 1}),
        ("c1cccc[c:1]1[H:2]", "c1ccccc1", {"Csp2-H": 6}),
        ("O=[C:1]=[O:2]", "O=C=O", {"Csp=Osp2": 2}),
        ("[C-:1]#[O+:2]", "[C-]#[O+]", {"Csp#Osp": 1}),
        ("[CH3:1][N+:2](=O)[O-]", "C[N+](=O)[O-]", {"Csp3-Nsp2": 1}),
        ("[H:1][H:2]", "[H][H]", {"H-H": 1}),
        ("C[C:1](C)(C)[H:2]", "CC(C)C", {"Csp3-H": 1}),
        ("[CH3:1][H:2]", "CC", {}),  # another molecule
        ("[CH3:1][OH:2]", "COC", {}),
        ("[CH3:1][H:2]", "C.O", {}),  # a cluster is another molecule
    ],
)
def test_equivalent_bonds(named: str, smiles: str, expected: dict[str, int], mapped: Any) -> None:
    frame = mapped(smiles)
    pairs = equivalent_bonds(named, frame)
    assert all(i < j for i, j in pairs)
    assert _elements(frame, pairs) == expected


def test_equivalent_bonds_follow_the_rows_of_the_frame() -> None:
    assert equivalent_bonds("[CH3:1][OH:2]", "[H:3][O:2][C:1]([H:5])([H:4])[H:6]") == {(0, 1)}
    assert equivalent_bonds("[CH3:1][OH:2]", "[H:3][O:6][C:1]([H:5])([H:4])[H:2]") == {(0, 5)}


@pytest.mark.parametrize(
    "named", ["C[H]", "[CH3:1]C", "[CH3:1][CH2:3]C", "[CH3:1]C[CH3:2]", "[CH3:1][CH2:2][CH3:3]"]
)
def test_a_named_bond_needs_two_bonded_atoms(named: str, input_error: Any, mapped: Any) -> None:
    with input_error(repr(named), "map numbers 1 and 2", "two bonded atoms"):
        equivalent_bonds(named, mapped("C"))


def test_bonds_intact() -> None:
    numbers, bonds = np.array([8, 1, 1]), np.array([[0, 1], [0, 2]])
    oh, hh = covalent_radii[8] + covalent_radii[1], 2 * covalent_radii[1]

    frames = []
    for r in (0.96, BROKEN_FACTOR * oh - 0.01, BROKEN_FACTOR * oh + 0.01):
        frames.append([[0, 0, 0], [r, 0, 0], [0, 0.96, 0]])
    for apart in (FORMED_FACTOR * hh + 0.01, FORMED_FACTOR * hh - 0.01):
        frames.append([[0, 0, 0], [0.9, apart / 2, 0], [0.9, -apart / 2, 0]])
    assert bonds_intact(np.array(frames, dtype=float), numbers, bonds).tolist() == [
        True,
        True,
        False,
        True,
        False,
    ]


def test_bonds_intact_without_bonds_or_pairs() -> None:
    none = np.zeros((0, 2), dtype=np.int64)
    assert bonds_intact(np.zeros((2, 1, 3)), np.array([18]), none).tolist() == [True, True]
    apart = np.array([[[0, 0, 0], [0, 0, 3.0]], [[0, 0, 0], [0, 0, 0.7]]])
    assert bonds_intact(apart, np.array([1, 1]), none).tolist() == [True, False]
    assert bonds_intact(np.zeros((0, 2, 3)), np.array([1, 1]), none).tolist() == []


@pytest.mark.parametrize(
    ("name", "smiles"),
    [
        ("CH4", "C"),
        ("C2H4", "C=C"),
        ("CH3CONH2", "CC(N)=O"),
        ("CO", "[C-]#[O+]"),
        ("H2O", "O"),
        ("C6H6", "c1ccccc1"),
    ],
)
def test_perceive_reads_the_bonds_from_the_geometry(name: str, smiles: str) -> None:
    atoms = g2_molecule(name)
    found = perceive(atoms.numbers, atoms.positions, charge=0)
    assert found is not None
    parsed = molecule(found)
    assert parsed.smiles == smiles
    assert parsed.atomic_numbers == tuple(atoms.numbers.tolist())


def test_perceive_gives_up_quietly() -> None:
    oh = np.array([[0, 0, 0], [0, 0, 0.97]])
    assert perceive(np.array([8, 1]), oh, charge=0) is None, "a radical"
    assert perceive(np.array([6]), np.zeros((1, 3)), charge=0) is None, (
        "RDKit would make it methane"
    )
    assert perceive(np.array([0, 1]), oh, charge=0) is None, "a dummy atom"


def test_symbols(input_error: Any) -> None:
    assert [symbol(z) for z in (1, 6, 17, 53)] == ["H", "C", "Cl", "I"]
    assert [number(element) for element in ("H", "C", "Cl", "I")] == [1, 6, 17, 53]
    for name in ("X", "cl", "Hx"):
        with input_error(repr(name), "not a chemical symbol"):
            number(name)


def test_stereochemistry_decides_neither_component_nor_named_bond(mapped: Any) -> None:
    """An enantiomer of a held-out molecule has the same energies: it must not be trained on."""
    left, right, flat_one = (
        molecule(mapped(s)) for s in ("C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O", "CC(N)C(=O)O")
    )
    assert left.components == right.components == flat_one.components
    assert left.smiles != right.smiles
    trans = "[H:3]/[N:1]=[N:2]/[H:4]"
    assert flat("N=N") == molecule(trans).components[0]
    assert equivalent_bonds("[NH:1]=[NH:2]", trans) == {(0, 1)}
    assert molecule(trans).components != molecule(mapped("NN")).components


SPELLINGS = [
    ("CS(C)=O", "C[S+](C)[O-]"),
    ("CS(C)(=O)=O", "C[S+2](C)([O-])[O-]", "C[S+](C)(=O)[O-]"),
    ("S=C=S", "[S-]C#[S+]"),
    ("O=S=O", "O=[S+][O-]"),
    ("CP(C)(C)=O", "C[P+](C)(C)[O-]"),
    ("COP(=O)(O)O", "CO[P+]([O-])(O)O"),
    ("CS(N)(=O)=O", "C[S+2](N)([O-])[O-]"),
    ("C[N+](=O)[O-]", "CN(=O)=O", "C[N+]([O-])=O"),
    ("CN=[N+]=[N-]", "C[N-][N+]#N", "CN=N#N"),
    ("C=[N+]=[N-]", "[CH2-][N+]#N"),
    ("C[n+]1cc([O-])on1", "C[N+]1=NOC([O-])=C1"),
    ("[O-][n+]1ccccc1", "O=n1ccccc1"),
    ("CC(N)=[OH+]", "CC(N)=[OH+]", "CC(=[NH2+])O"),
    ("CNC(C)=[NH2+]", "C[NH+]=C(C)N"),
    ("Cn1cc[nH+]c1", "C[n+]1cc[nH]c1"),
    ("N#CC=C[O-]", "N#C[CH-]C=O"),
    ("O", "[2H]O[2H]", "[H]O[H]", "[OH2]", "[18OH2]"),
    ("CO", "[13CH3]O", "[2H]C([2H])([2H])O", "[CH3:7][OH:2]"),
    ("[H][H]", "[2H][2H]", "[3H][H]"),
    ("Cc1ccccc1O", "CC1=CC=CC=C1O", "CC1=C(O)C=CC=C1"),
    ("CC(=O)[O-].[Na+]", "[Na+].CC([O-])=O", "[23Na+].CC(=O)[O-]"),
]


@pytest.mark.parametrize("spellings", SPELLINGS)
def test_spellings_of_a_molecule_are_one(spellings: tuple[str, ...], mapped: Any) -> None:
    known = [molecule(mapped(smiles)) for smiles in spellings]
    assert len({one.smiles for one in known}) == 1
    assert len({one.components for one in known}) == 1
    assert len({(one.charge, one.multiplicity) for one in known}) == 1
    types = [Counter(bond.fine_type for bond in one.bonds) for one in known]
    assert all(one == types[0] for one in types)
    assert len({flat(smiles) for smiles in spellings}) == 1
    assert canonical_smiles(parse(known[0].smiles)) == known[0].smiles


@pytest.mark.parametrize("smiles", ["[CH3]", "[O][O]", "[Fe+2]", "C[Mg]Br", "N->[Zn+2]", "[He]"])
def test_what_has_no_lewis_structure_stays_as_drawn(smiles: str, mapped: Any) -> None:
    """Radicals and metals."""
    drawn = Chem.MolFromSmiles(mapped(smiles), sanitize=True)
    assert molecule(mapped(smiles)).charge == Chem.GetFormalCharge(drawn)
    assert molecule(mapped(smiles)).multiplicity == 1 + sum(
        atom.GetNumRadicalElectrons() for atom in drawn.GetAtoms()
    )


def test_stereochemistry_survives_another_drawing(mapped: Any) -> None:
    one, other = (f"N[{tag}H](C)C(=O)C" for tag in ("C@@", "C@"))
    known = [molecule(mapped(half + "[S+](C)[O-]")).smiles for half in (one, other)]
    assert known == [canonical_smiles(parse(half + "S(C)=O")) for half in (one, other)]
    assert known[0] != known[1]


MANY_ALIKE = {
    "[O-]S(=O)(=O)c1ccccc1": {"C:C": 6, "C-H": 5, "C-S": 1, "O:S": 3},
    "COP(=O)([O-])[O-]": {"C-H": 3, "C-O": 1, "O-P": 1, "O:P": 3},
    "O=P([O-])([O-])[O-]": {"O:P": 4},
    "O=[N+]([O-])OCC(O[N+](=O)[O-])CO[N+](=O)[O-]": {
        **{"C-C": 2, "C-H": 5, "C-O": 3, "N-O": 3, "N:O": 6},
    },
    "CN(C)C=C" + "C=C" * 12 + "C=[N+](C)C": {"C-H": 39, "C-N": 4, "C:C": 26, "C:N": 2},
    "C1=CC=CC=CC=C1": {"C-C": 4, "C=C": 4, "C-H": 8},
    "[O-]C(=O)C1=CC=CC=CC=C1": {"C-C": 5, "C=C": 4, "C-H": 7, "C:O": 2},
    "OS(=O)(=O)O": {"H-O": 2, "O-S": 2, "O=S": 2},
}


@pytest.mark.parametrize("smiles", MANY_ALIKE)
def test_bonds_that_symmetry_makes_equal_have_one_type(smiles: str, mapped: Any) -> None:
    bonds = molecule(mapped(smiles)).bonds
    assert Counter(bond.bond_type for bond in bonds) == MANY_ALIKE[smiles]
    merged = {bond.fine_type for bond in bonds if ":" in bond.bond_type}
    assert len(merged) == len({bond.bond_type for bond in bonds if ":" in bond.bond_type})


def test_many_charged_groups_take_no_time(mapped: Any) -> None:
    smiles = mapped("O=[N+]([O-])OC" + "C(O[N+](=O)[O-])" * 40 + "C")
    start = time.perf_counter()
    types = Counter(bond.bond_type for bond in molecule(smiles).bonds)
    assert types["N:O"] == 82
    assert time.perf_counter() - start < 10, "0.1 s on an idle core"


def test_equivalent_bonds_of_a_symmetric_molecule(mapped: Any) -> None:
    """Hexamethylbenzene has 559,872 symmetries; a nitro group has two equal bonds."""
    smiles = mapped("Cc1c(C)c(C)c(C)c(C)c1C")
    found = equivalent_bonds("c1(C)c(C)c(C)c(C)c(C)c1[CH2:1][H:2]", smiles)
    assert _elements(smiles, found) == {"Csp3-H": 18}
    nitro = mapped("C[N+](=O)[O-]")
    assert len(equivalent_bonds("C[N+:1](=O)[O-:2]", nitro)) == 2
    prismane = mapped("C12C3C1C1C2C31")
    sides = equivalent_bonds("[CH:1]12[CH:2]3C1C1C2C31", prismane)
    across = equivalent_bonds("[CH:1]12C3C1C1[CH:2]2C31", prismane)
    assert sorted((len(sides), len(across))) == [3, 6]
    assert sides.isdisjoint(across)
