"""Isolated atoms: where they come from, and that the table is read only when it is needed."""

import csv
import math
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from e3d.chemistry import number
from e3d.theory import (
    AIMNET2,
    GFN2,
    ISOLATED_ATOMS_FILE,
    SPICE,
    disagreement,
    read_theories,
    theories,
)
from e3d.units import HARTREE_EV

MPTRJ, MATPES_PBE, ANI = "PBE (MPtrj, GGA and GGA+U mixed)", "PBE (MatPES)", "wB97x/6-31G(d)"
# hartree; "self-interaction atomic energies" at ANI's level, by Gaussian (isayev/ANI1_dataset)
ANI_HARTREE = {"H": -0.500607632585, "C": -37.8302333826, "N": -54.5680045287, "O": -75.0362229210}


def test_every_theory_says_its_source() -> None:
    assert {SPICE.name, GFN2.name, AIMNET2, MPTRJ, MATPES_PBE, ANI} == set(theories())
    for name in (AIMNET2, MPTRJ, MATPES_PBE, ANI):
        assert theories()[name].name == name
        assert len(theories()[name].source) > 20
    assert "PBE" not in theories()  # the same functional at two settings is two theories
    with pytest.raises(KeyError):
        theories()[
            "r2SCAN (MatPES)"
        ]  # its atoms are in no source at hand; better none than another code's


def test_atoms_are_elements_with_finite_energies() -> None:
    with ISOLATED_ATOMS_FILE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(number(row["element"]) and math.isfinite(float(row["energy_eV"])) for row in rows)
    assert len({(row["theory"], row["element"]) for row in rows}) == len(rows)
    assert [len(theories()[name].isolated_atom_energy) for name in (ANI, MPTRJ, MATPES_PBE)] == [
        5,
        89,
        89,
    ]


@pytest.mark.parametrize(("name", "file"), [(MPTRJ, "MPTrj.yaml"), (MATPES_PBE, "MatPES.yaml")])
def test_the_table_is_what_nequip_ships(name: str, file: str) -> None:
    spec = find_spec("nequip")  # importing it takes seconds
    assert spec is not None
    assert spec.origin is not None
    text = (Path(spec.origin).parent / "data" / "dataset_stats" / file).read_text(encoding="utf-8")
    shipped = yaml.safe_load(re.sub(r"\$\{.*?\}", "x", text))["isolated_atom_energies"]
    assert theories()[name].isolated_atom_energy == shipped
    other = theories()[MATPES_PBE if name == MPTRJ else MPTRJ].isolated_atom_energy
    assert other != shipped, "control"


def test_ani_and_transition1x_are_one_level_of_theory() -> None:
    """Two codes (ORCA and Gaussian) agree on their atoms within 1 meV, so one set serves both."""
    ours = theories()[ANI].isolated_atom_energy
    worst = max(abs(ours[element] - energy * HARTREE_EV) for element, energy in ANI_HARTREE.items())
    assert worst < 1e-3, worst


@pytest.mark.parametrize(
    ("stated", "theory", "expected"),
    [
        *((name, name, "none") for name in theories()),
        *((name, other, "sure") for name in theories() for other in theories() if name != other),
        ("wB97M-D3(BJ)/def2-TZVPPD, PySCF 2.5 with density fitting", SPICE.name, "none"),
        ("ωB97M-D3BJ / def2-TZVPPD", SPICE.name, "none"),
        ("wb97m-d3bj_def2-tzvppd", SPICE.name, "none"),
        ("Psi4: wB97M-D3(BJ)", SPICE.name, "none"),
        ("wB97x/6-31G*", ANI, "none"),
        ("wB97x_6-31G(d)", ANI, "none"),
        ("gfn2", GFN2.name, "none"),
        ("GFN2 xTB", GFN2.name, "none"),
        ("DFT", SPICE.name, "none"),
        ("RKS", SPICE.name, "none"),
        ("PBE", MATPES_PBE, "none"),
        ("pbe+U", MPTRJ, "none"),
        ("GGA_U", MATPES_PBE, "none"),
        ("PBE0/def2-SVP", SPICE.name, "sure"),
        ("PBE0", MATPES_PBE, "sure"),
        ("PBE", "r2SCAN (MatPES)", "sure"),
        ("GFN1-xTB", GFN2.name, "sure"),
        ("B3LYP/6-31G*", SPICE.name, "sure"),
        ("wB97M-V/def2-TZVPD", SPICE.name, "sure"),
        ("wB97M-D3(BJ)/def2-SVP", SPICE.name, "perhaps"),
        ("a functional of the future", SPICE.name, "perhaps"),
        ("PBE0/def2-SVP", "mine", "perhaps"),
        ("PBE", "a level of my own", "perhaps"),
    ],
)
def test_levels_that_files_state(stated: str, theory: str, expected: str) -> None:
    assert disagreement(stated, theory) == expected


def test_a_bad_table_is_refused_in_one_line(tmp_path: Path, input_error: Any) -> None:
    with input_error("missing.csv", "FileNotFoundError"):
        read_theories(tmp_path / "missing.csv")
    table = tmp_path / "table.csv"
    for text, reason in (
        ("theory,element,source\nA,H,me\n", "energy_eV"),
        ("theory,element,energy_eV,source\nA,H,x,me\n", "'x'"),
    ):
        table.write_text(text)
        with input_error(str(table), reason):
            read_theories(table)


def test_importing_reads_nothing() -> None:
    code = "import sys; import e3d.theory as t; "
    code += "print(t.theories.cache_info().currsize, 'pandas' in sys.modules)"
    folder = Path(__file__).parents[2] / "workflow"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["0", "False"]
