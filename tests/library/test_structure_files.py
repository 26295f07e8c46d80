"""Files of programs and molfiles: no charge, unit, cell or element is lost on the way."""

import re
from pathlib import Path
from typing import Any

import ase.db
import ase.io
import numpy as np
import pytest
from ase.build import bulk
from ase.build import molecule as g2_molecule
from ase.spacegroup import Spacegroup, crystal
from ase.spacegroup.spacegroup import get_datafile
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from e3d.structure_files.images import images
from e3d.structure_files.programs import stated_by
from e3d.structures import Structure, from_file

LAMMPS = """LAMMPS data file via write_data, timestep = 0, units = real

3 atoms
2 atom types

0 10 xlo xhi
0 10 ylo yhi
0 10 zlo zhi

Masses

1 1.008
2 15.999

Atoms # full

1 1 2 -0.8 5 5 5.117 0 0 0
2 1 1 0.4 5 5.757 4.531 0 0 0
3 1 1 0.4 5 4.243 4.531 0 0 0
"""
LABELS = "Atom Type Labels\n\n1 H\n2 O\n\nMasses"
DUMP = """ITEM: UNITS
real
ITEM: TIMESTEP
0
ITEM: NUMBER OF ATOMS
2
ITEM: BOX BOUNDS ff ff ff
0 10
0 10
0 10
ITEM: ATOMS id type element x y z fx fy fz
1 1 O 5 5 5 0 0 9
2 2 H 5 5 5.96 0 0 -9
"""
COM = "%chk=w.chk\n#p B3LYP/6-31G* opt\n\nhydroxide\n\n-1 1\nO 0.0 0.0 0.0\nH 0.0 0.0 0.96\n\n"
LOG = """ Entering Gaussian System, Link 0=g16
 Charge = -1 Multiplicity = 1
                          Input orientation:
 ---------------------------------------------------------------------
 Center     Atomic      Atomic             Coordinates (Angstroms)
 Number     Number       Type             X           Y           Z
 ---------------------------------------------------------------------
      1          8           0        0.000000    0.000000    0.000000
      2          1           0        0.000000    0.000000    0.960000
 ---------------------------------------------------------------------
 SCF Done:  E(RB3LYP) =  -75.7264     A.U. after   10 cycles
"""
COORD = "$coord\n 0 0 0 o\n 0 0 1.814 h\n$eht charge=-1 unpaired=0\n$end\n"
OCTOPUS = """ExcessCharge = -1.0 # e
%Coordinates
 "O" | 0 | 0 | 0
 "H" | 0 | 0 | 0.96*angstrom
%
"""
NW = "charge -1\ngeometry units angstrom\n O 0 0 0\n H 0 0 0.96\nend\n\ntask scf\n"
PDB = "HETATM{0:5d} {1:<4s} UNL     1    {2:8.3f}{3:8.3f}{4:8.3f}  1.00  0.00          {1:>2s}{5}\n"
CRYST = "CRYST1{0:9.3f}{0:9.3f}{0:9.3f}  90.00  90.00  90.00 P 1           1\n"


def embedded(smiles: str) -> Chem.Mol:
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    rdDistGeom.EmbedMolecule(mol, randomSeed=1)
    return mol


def pdb(smiles: str, first: str = "  ") -> str:
    mol = embedded(smiles)
    rows = zip(mol.GetAtoms(), mol.GetConformer().GetPositions(), strict=True)
    lines = [
        PDB.format(k, atom.GetSymbol(), *x, first if k == 1 else "  ")
        for k, (atom, x) in enumerate(rows, start=1)
    ]
    return "".join([*lines, "END\n"])


def old_charges(block: str, **codes: str) -> str:
    """Move charges from ``M  CHG`` into the columns of the atoms, as molfiles once had them."""
    for line in re.findall(r"M  CHG.*\n", block):
        values = [int(one) for one in line.split()[3:]]
        block = block.replace(line, "")
        lines = block.splitlines(keepends=True)
        for row, charge in zip(values[::2], values[1::2], strict=True):
            at = lines[3 + row]
            lines[3 + row] = f"{at[:36]}{4 - charge:3d}{at[39:]}"
        block = "".join(lines)
    return block


OH = "OH\n\n\n  2  0  0  0  0  0  0  0  0  0999 V2000\n"
OH += "".join(f"{0:10.4f}{0:10.4f}{z:10.4f} {x}   0  0  0  0\n" for x, z in (("O", 0), ("H", 0.96)))
OH += "M  END\n"
CJSON = """{"chemicalJson": 1, "atoms": {"elements": {"number": [8, 1]},
"coords": {"3d": [0, 0, 0, 0, 0, 0.96]}}, "properties": {"totalCharge": -1}}
"""
ACETATE = Chem.MolToMolBlock(embedded("CC(=O)[O-]"))
READ = {
    "a.sdf": (ACETATE, "CC(=O)[O-]", False),
    "b.mol": (old_charges(ACETATE), "CC(=O)[O-]", False),
    "c.sdf": (Chem.MolToV3KMolBlock(embedded("CC(=O)[O-]")), "CC(=O)[O-]", False),
    "d.sdf": (old_charges(Chem.MolToMolBlock(embedded("C[N+](=O)[O-]"))), "C[N+](=O)[O-]", False),
    "e.sdf": (Chem.MolToMolBlock(embedded("[CH3]")), "[CH3]", False),
    "f.sdf": (OH + "> <charge>\n-1\n\n$$$$\n", "[OH-]", False),
    "a.com": (COM, "[OH-]", False),
    "a.cjson": (CJSON, "[OH-]", False),
    "a.log": (LOG, "[OH-]", False),
    "coord": (COORD, "[OH-]", False),
    "a.nwi": (NW, "[OH-]", False),
    "inp": (OCTOPUS, "[OH-]", False),
    "a.pdb": (pdb("[NH4+]", "1+"), "[NH4+]", False),
    "b.pdb": (CRYST.format(1) + pdb("CCO"), "CCO", False),
    "c.pdb": (CRYST.format(0) + pdb("CCO"), "CCO", False),
    "d.pdb": (CRYST.format(30) + pdb("CCO"), "C2H6O", True),
    "e.pdb": (CRYST.format(30).replace("P 1  ", "p 1 1 1") + pdb("CCO"), "C2H6O", True),
    "f.pdb": (CRYST.format(30).replace("P 1", "p 1") + pdb("CCO"), "C2H6O", True),
    "g.pdb": (pdb("O").replace("H    UNL", "DB   UNL").replace(" H  \n", " D  \n"), "O", False),
    "water.data": (LAMMPS, "H2O", True),
    "data.water": (LAMMPS, "H2O", True),
    "water.lmp": (LAMMPS.replace("1.008", "2.014"), "H2O", True),
    "a.lammps-data": (LAMMPS.replace("1.008", "3.024").replace("Masses", LABELS), "H2O", True),
    "a.lammpstrj": (DUMP, "HO", False),
}


@pytest.mark.parametrize("name", READ)
def test_charge_elements_and_cell_are_read(name: str, tmp_path: Path) -> None:
    text, smiles, periodic = READ[name]
    (tmp_path / name).write_text(text)
    (one,) = from_file(tmp_path / name)
    assert (one.smiles, any(one.pbc), one.intact) == (smiles, periodic, True)
    assert one.forces is None


STATED = {
    "aims-output": ("  Charged system requested: Charge =  -0.100000E+01.\n", {"charge": -1}),
    "cp2k-restart": ("     CHARGE  -1\n     MULTIPLICITY  2\n", {"charge": -1, "multiplicity": 2}),
    "dftb": ("Hamiltonian = DFTB {\n  Charge = -1.0\n}\n", {"charge": -1}),
    "onetep-in": ("charge : -1 ! e\n", {"charge": -1}),
}


@pytest.mark.parametrize("form", STATED)
def test_charges_that_a_line_states(form: str, tmp_path: Path) -> None:
    text, stated = STATED[form]
    (tmp_path / "file").write_text(text)
    assert stated_by(tmp_path / "file", form) == stated


HEAVY = Chem.MolToMolBlock(Chem.RemoveHs(embedded("CCO")))
REFUSED = {
    "a.sdf": (HEAVY, ["atom 1 (C) lacks hydrogens", "3 - expected all"]),
    "b.sdf": (Chem.MolToV3KMolBlock(Chem.RemoveHs(embedded("CCO"))), ["lacks hydrogens"]),
    "c.sdf": (ACETATE.replace(" O ", " R#"), ["no element that is sure"]),
    "d.sdf": (ACETATE.replace("V2000", "V4000"), ["RDKit cannot read it", "V3000"]),
    "e.sdf": (ACETATE + "> <charge>\n0\n\n$$$$\n", ["CHARGE = 0 and charge = -1"]),
    "a.com": (COM.replace("opt", "opt units=(au,rad)"), ["length_unit is 'au', expected Å"]),
    "b.com": (COM + "--Link1--\n" + COM, ["a second job"]),
    "a.log": (LOG + LOG.replace("-1 M", "0 M"), ["states charge 0 after -1"]),
    "coord": (COORD.replace("$coord", "$coord angs"), ["line 1", "'$coord angs'", "bohr"]),
    "b/coord": (COORD.replace("$eht", "$periodic 3\n$cell\n 9 9 9\n$eht"), ["'$periodic 3'"]),
    "a.nwi": (NW.replace("angstrom", "bohr"), ["length_unit is 'bohr', expected Å"]),
    "a.lammpstrj": (DUMP.replace("real", "electron"), ["units is 'bohr', expected Å"]),
    "b.lammpstrj": (DUMP.replace("real", "lj"), ["units is 'lj', expected Å"]),
    "water.data": (LAMMPS.replace("real", "electron"), ["units is 'bohr', expected Å"]),
    "b.data": (LAMMPS.replace("1.008", "3.024"), ["type 1 has mass 3.024, that of no element"]),
    "c.data": (LAMMPS.replace("1.008", "15.035"), ["type 1 has mass 15.035", "Labels` with"]),
    "d.data": (LAMMPS.replace("1.008", "40.0"), ["mass 40.0, that of Ar or Ca"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_be_read_wrongly_is_refused(name: str, tmp_path: Path, input_error: Any) -> None:
    text, words = REFUSED[name]
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text)
    with input_error(name, *words):
        list(from_file(tmp_path / name))


def test_data_of_a_row_count(tmp_path: Path) -> None:
    with ase.db.connect(str(tmp_path / "a.db")) as rows:
        ammonium = g2_molecule("CH4")
        ammonium.numbers[0], ammonium.positions = 7, ammonium.positions * 0.95
        rows.write(ammonium, data={"charge": 1})
    (one,) = from_file(tmp_path / "a.db")
    assert one.smiles == "[NH4+]"


@pytest.mark.parametrize(
    ("smiles", "heavy", "warned"),
    [
        ("CCO", True, True),
        ("OC(=O)c1ccccc1", True, True),
        ("CCO", False, False),
        ("N#CC#N", True, False),
        ("O=C=C=C=O", True, False),
        ("N#CC(C#N)=C(C#N)C#N", True, False),
        ("S=C=S", True, False),
        ("FC(F)(F)C(F)(F)F", True, False),
    ],
)
def test_missing_hydrogens_are_warned_of(
    smiles: str, heavy: bool, warned: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mol = embedded(smiles)
    (tmp_path / "a.xyz").write_text(Chem.MolToXYZBlock(Chem.RemoveHs(mol) if heavy else mol))
    (one,) = from_file(tmp_path / "a.xyz")
    assert isinstance(one, Structure)
    assert np.isfinite(one.positions).all()
    assert ("hydrogens may be missing" in caplog.text) == warned


CIF = """data_x
_cell_length_a 3.785
_cell_length_b 3.785
_cell_length_c 9.514
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_space_group_name_H-M_alt '{}'
_space_group_IT_number {}
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Ti1 Ti 0 0 0
"""
CUBIC = CIF.replace("9.514", "3.785")
OPERATIONS = (
    "".join(CIF.partition("loop_")[::2])
    .replace("_space_group", "#")
    .replace(
        "_atom_site_label",
        "loop_\n_symmetry_equiv_pos_as_xyz\nx,y,z\n-y,-x,z\nloop_\n_atom_site_label",
    )
)


SITES = CIF[CIF.index("loop_") : CIF.index("Ti1 Ti")]
CELL_KEYS = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")


def cell_of(number: int, setting: int) -> list[float]:
    """Return lengths and angles that a space group allows, as general as it does."""
    along_c = setting == 2 and number in (3, 4, 6, 10, 11)
    monoclinic = [5, 6, 7, 90, 90, 100] if along_c else [5, 6, 7, 90, 100, 90]
    trigonal = [5, 5, 7, 90, 90, 120] if setting == 1 else [5, 5, 5, 80, 80, 80]
    last = (2, 15, 74, 142, 194, 230)
    cells = ([5, 6, 7, 80, 95, 100], monoclinic, [5, 6, 7, 90, 90, 90], [5, 5, 7, 90, 90, 90])
    return [*cells, trigonal, [6, 6, 6, 90, 90, 90]][np.searchsorted(last, number)]


def listed(group: Spacegroup) -> str:
    """Return the operations of a space group as a CIF lists them."""
    rows = [
        ",".join(
            f"{t:+.6f}" + "".join(f"{n:+d}*{x}" for n, x in zip(row, "xyz", strict=True) if n)
            for row, t in zip(turn, shift, strict=True)
        )
        for turn, shift in zip(*group.get_op(), strict=True)
    ]
    text = "\n".join(rows).replace("1*", "")
    return f"loop_\n_symmetry_equiv_pos_as_xyz\n{text}"


def diamond(symbol: str, at: float) -> str:
    text = CUBIC.format(symbol, "?").replace("3.785", "5.43").replace("Ti1 Ti 0 0 0", "")
    return f"{text}Si1 Si {at} {at} {at}\n_chemical_formula_sum Si\n"


P1 = CUBIC.format("P 1", 1).replace("3.785", "8")
"""One titanium in a cell of 512 Å^3, 0.155 g/cm^3."""
DENSE = P1 + "_exptl_crystal_density_diffrn {}\n"


def sites(*rows: str, column: str = "disorder_group") -> str:
    """Return a crystal of these sites, with one column more."""
    return P1.replace("fract_z\n", f"fract_z\n_atom_site_{column}\n").replace(
        "Ti1 Ti 0 0 0\n", "".join(f"{row}\n" for row in rows)
    )


C1, O1, O2 = "C1 C .1 .1 .1", "O1 O .25 .1 .1", "O2 O .1 .25 .1"
IN_ANG = ("C1 C 1.2 1.2 1.2 .", "O1 O 1.2 1.2 2.5 .")
ALL_IN_ANG = "0 4.1 0\n0 4.1 1.5\n"

POSCAR = "x\n1.0\n{0} 0 0\n0 {0} 0\n0 0 {0}\n{1}\n{2}\n{3}\n0 0 0\n0.5 0.5 0.5\n"


POSCAR4 = POSCAR.format(4, "{1}", "Direct", "").replace("\n\n", "\n").replace("x\n", "{0}\n", 1)


LABELLED = POSCAR.format(4, "Na Cl", "1 1", "Direct").replace("0 0 0\n", "0 0 0 Na+\n")
LABELLED = LABELLED.replace("0.5 0.5 0.5", "0.5 0.5 0.5 Cl")
SELECTIVE = POSCAR.format(4, "Na Cl", "1 1", "Selective dynamics\nDirect")
SELECTIVE = SELECTIVE.replace("0 0 0\n", "0 0 0 T T F Na\n").replace("0.5\n", "0.5 F F F Cl ! x\n")


ESPRESSO = """&CONTROL
/
&SYSTEM
 ibrav=0, nat={2}, ntyp=2
 tot_charge = -1.0
/
&ELECTRONS
/
ATOMIC_SPECIES
{0} {1} O.UPF
H 1 H.UPF
CELL_PARAMETERS angstrom
9 0 0
0 9 0
0 0 9
ATOMIC_POSITIONS angstrom
{0} 0 0 0
H 0 0 1.2
K_POINTS gamma
"""


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.cif", CIF.format("P 1 21/a 1", 14), "no symmetry operations"),
        ("a.cif", CIF.format("P 1 1 21/b", 14), "no symmetry operations"),
        ("a.cif", CIF.format("P 1", 225), "no symmetry operations"),
        ("a.cif", CIF.format("Q", "?"), "space group 'Q' is no setting that ASE knows"),
        ("a.cif", CIF.format("F m -3 m", 225), "not those of space group 'F m -3 m'"),
        ("a.cif", CIF.format("R -3 m", 166), "not those of space group 'R -3 m'"),
        ("a.cif", OPERATIONS.replace("-y,-x,z", "z,x,y"), "not those of the symmetry operations"),
        ("a.cif", CIF.format("P 4", 75) + "_cell_volume 163\n", "_cell_volume is 163 Å^3, and"),
        ("a.cif", CIF.format("P 4", 75) + "_chemical_formula_sum 'Ti O2'\n", "the cell holds Ti"),
        ("a.cif", diamond("F d -3 m", 0.125) + "_cell_formula_units_Z 8\n", "its origin is anoth"),
        (
            "a.cif",
            DENSE.format(0.62),
            "density_diffrn is 0.62 g/cm^3, and the Ti in the cell has 0.15",
        ),
        ("a.cif", DENSE.format("0.62(1)"), "all but the asymmetric unit"),
        ("a.cif", P1 + "_chemical_formula_sum Ti\n_cell_formula_units_Z 4\n", "'Ti' times Z = 4"),
        ("a.cif", sites(C1 + " .", O1 + " 1", O2 + " 2"), "site 'O2' is of disorder group 2"),
        (
            "a.cif",
            sites(C1 + " A 1", O1 + " A 2", column="disorder_assembly\n_atom_site_disorder_group"),
            "is of disorder group 2, and others are of group 1",
        ),
        ("a.cif", sites(C1 + " d", O1 + " dum", column="calc_flag"), "calc_flag dum, so no atom"),
        ("a.cif", sites(C1 + " 1", O1 + " 0.00", column="occupancy"), "occupancy 0.0, so no atom"),
        ("a.cif", sites(*IN_ANG), "2 of 2 atoms have fractional coordinates beyond the cell"),
        (
            "POSCAR",
            POSCAR.format(9, "C O", "1 1", "Direct").partition("0 0 0\n0.5")[0] + ALL_IN_ANG,
            "these numbers are distances of bonds in Å",
        ),
        ("POSCAR", POSCAR4.format("N C in plane", "1 1"), "ASE would take N C"),
        ("POSCAR", POSCAR4.format("C N O", "1 1"), "line 1: there is no line of elements"),
        ("POSCAR", POSCAR4.format("NaCl", "1 1"), "an element for each of the 2 counts"),
        ("POSCAR", POSCAR4.format("Na Cl", "1 2"), "2 rows of atoms begin here"),
        ("POSCAR", POSCAR4.format("rock salt", "1 1"), "ASE cannot read it"),
        ("POSCAR", POSCAR.format(4, "Na Cl O", "1 1", "Direct"), "2 counts of atoms for the 3"),
        ("POSCAR", POSCAR.format(4, "Na Cl", "1 1", "Cartesian"), "half of a bond is none"),
        ("POSCAR", POSCAR.format(4, "C1 Cl", "1 1", "Direct"), "line 6: 'C1' is no chemical elem"),
        ("POSCAR", POSCAR.format(4, "Na Cl", "1 2", "Direct"), "2 rows of atoms begin here"),
        ("POSCAR", POSCAR.format(4, "Na", "1", "Direct"), "line 7 add up to 1"),
        ("POSCAR", LABELLED.replace("0.5 Cl", "0.5 Na"), "line 10: the row names Na"),
        ("POSCAR", SELECTIVE.replace("T F Na", "T F Cl"), "line 10: the row names Cl"),
        (
            "a.cif",
            CIF.format("P 4", 75).replace("0 0 0", "0 0 ?"),
            "fract_z has '?' - expected",
        ),
        ("a.cif", CIF.format("P 4", 75).replace("Ti1 Ti", "CL1 CL"), "has 'CL', which may be anot"),
        ("a.cif", CIF.format("P 4", 75).replace("Ti1 Ti", "X1 Q"), "type_symbol has 'Q', which"),
        ("a.pwi", ESPRESSO.format("O", 16, 1), "nat is 1, and ATOMIC_POSITIONS has 2 rows"),
        ("a.pwi", ESPRESSO.format("O", 16, 3), "nat is 3, and ATOMIC_POSITIONS has 2 rows"),
        (
            "a.pwi",
            ESPRESSO.format("CO", 12.011, 2),
            "read as Co, and its mass 12.011 is",
        ),
        (
            "a.pwi",
            ESPRESSO.format("Q1", 12.011, 2),
            "species 'Q1' with mass",
        ),
        ("a.pdb", CRYST.replace("P 1  ", "P 1 21 1 ").format(9) + PDB, "a part of the cell"),
    ],
)
def test_crystals_in_part_are_refused(
    name: str, content: str, text: str, tmp_path: Path, input_error: Any
) -> None:
    if name == "a.pdb":
        content = content.replace(PDB, PDB.format(1, "C", 1.0, 1.0, 1.0, "") + "END\n")
    (tmp_path / name).write_text(content)
    with input_error(name, text):
        list(from_file(tmp_path / name))


@pytest.mark.parametrize(
    ("name", "content", "formula"),
    [
        ("a.cif", CIF.format("P 4", 75), "Ti"),
        ("a.cif", CIF.format("P 1 2 1", 3), "Ti"),
        ("a.cif", CIF.format("P 4/n :1", 85), "Ti2"),
        ("a.cif", CIF.format("?", 75), "Ti"),
        ("a.cif", CIF.format("I 41/a m d :2", 141).replace("0 0 0", "0 .25 .375"), "Ti4"),
        ("a.cif", CIF.format("P 1 21/n 1", 14), "Ti2"),
        ("a.cif", CIF.format("P_1_21/c_1", "?"), "Ti2"),
        ("a.cif", CIF.format("I 4/m 2/m 2/m", 139), "Ti2"),
        ("a.cif", CUBIC.format("F m 3 m", "?"), "Ti4"),
        ("a.cif", CUBIC.format("F 4/m -3 2/m", 225), "Ti4"),
        ("a.cif", CUBIC.format("Fm-3m", 225), "Ti4"),
        ("a.cif", CUBIC.format("R -3 m", 166), "Ti"),
        ("a.cif", OPERATIONS, "Ti"),
        ("a.cif", OPERATIONS + "_space_group_name_H-M_alt 'an odd one'\n", "Ti"),
        ("a.cif", diamond("F d -3 m :2", 0.125) + "_cell_formula_units_Z 8\n", "Si8"),
        ("a.cif", diamond("F d -3 m", 0.0) + "_cell_formula_units_Z 8\n", "Si8"),
        ("a.cif", diamond("F d -3 m S", 0.0).replace("sum Si", "sum Si8"), "Si8"),
        ("a.cif", DENSE.format("0.155(2)"), "Ti"),
        ("a.cif", DENSE.format("?"), "Ti"),
        (
            "a.cif",
            DENSE.format(0.155) + "_chemical_formula_sum Ti\n_cell_formula_units_Z 4\n",
            "Ti",
        ),
        ("a.cif", sites(C1 + " .", O1 + " 1", O2 + " 1"), "CO2"),
        (
            "a.cif",
            sites(C1 + " A 1", O1 + " B 2", column="disorder_assembly\n_atom_site_disorder_group"),
            "CO",
        ),
        ("a.cif", sites(C1 + " d", O1 + " d", column="calc_flag"), "CO"),
        ("POSCAR", POSCAR4.format("Na Cl", "1 1 ! each"), "ClNa"),
        ("POSCAR", POSCAR.format(4, "Na Cl", "1 1", "Direct").replace("0.5", "3.5"), "ClNa"),
        ("POSCAR", POSCAR.format(4, "Na Cl", "1 1", "Direct"), "ClNa"),
        ("POSCAR", POSCAR.format(4, "Na Cl", "1 1", "Direct") + "\n0 0 0\n0 0 0\n", "ClNa"),
        ("POSCAR", POSCAR.format(4, "Na_pv/6a2f Cl", "1 1 ! each", "Direct"), "ClNa"),
        ("POSCAR", LABELLED, "ClNa"),
        ("POSCAR", SELECTIVE, "ClNa"),
        ("POSCAR", SELECTIVE.replace("F Na", "F").replace("F Cl", "F"), "ClNa"),
        ("a.pwi", ESPRESSO.format("Co", 58.93, 2), "HCo"),
        ("a.pwi", ESPRESSO.format("O", 1, 2), "HO"),
    ],
)
def test_whole_crystals_are_read(name: str, content: str, formula: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    assert [one.smiles for one in from_file(tmp_path / name)] == [formula]


def test_every_space_group_is_read_by_symbol_and_by_operations(tmp_path: Path) -> None:
    """In both of ASE's settings, against what ASE builds from the number."""
    table = re.findall(r"(?m)^(\d+) +(\S.*)\n +setting (\d)", Path(get_datafile()).read_text())
    assert len(table) == 274
    for number, symbol, setting in table:
        cell = cell_of(int(number), int(setting))
        group = Spacegroup(int(number), int(setting))
        right = crystal("Ti", [(0.13, 0.21, 0.37)], spacegroup=group, cellpar=cell)
        symmetry = f"_symmetry_space_group_name_H-M '{symbol}'\n_symmetry_space_group_setting "
        for text in (symmetry + setting, listed(group)):
            lengths = "".join(map("_cell_{} {}\n".format, CELL_KEYS, cell))
            (tmp_path / "a.cif").write_text(f"data_x\n{lengths}{text}\n{SITES}Ti Ti .13 .21 .37\n")
            (found,) = images(tmp_path / "a.cif")
            a, b = (np.sort(one.positions.round(6), axis=0) for one in (found, right))
            np.testing.assert_allclose(a, b, atol=1e-5, err_msg=f"{number} {symbol}:{setting}")


@pytest.mark.parametrize("marked", [False, True])
def test_an_origin_that_is_taken_is_said(
    marked: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.cif").write_text(diamond("F d -3 m" + " :2" * marked, 0.125))
    (one,) = from_file(tmp_path / "a.cif")
    assert len(one.atomic_numbers) == (8 if marked else 16)
    assert ("taken in its first origin" in caplog.text) != marked


def test_labels_of_other_elements_are_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.cif").write_text(sites("C1 N .1 .1 .1 .", "O1W O .25 .1 .1 ."))
    assert [one.smiles for one in from_file(tmp_path / "a.cif")] == ["NO"]
    assert "1 of 2 sites have a label that names another element" in caplog.text
    assert "C1 of N" in caplog.text


def test_the_charge_of_quantum_espresso(tmp_path: Path) -> None:
    (tmp_path / "a.pwi").write_text(ESPRESSO.format("O", 16, 2))
    (one,) = images(tmp_path / "a.pwi")
    assert one.info["charge"] == -1


def test_the_box_of_eon_is_periodic(tmp_path: Path) -> None:
    ase.io.write(tmp_path / "a.con", bulk("Cu", cubic=True), format="eon")
    (one,) = from_file(tmp_path / "a.con")
    assert one.pbc == (True, True, True)
