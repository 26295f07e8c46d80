"""No row of atoms is lost, and no atom is taken for another, in files of programs."""

from pathlib import Path
from typing import Any

import pytest

from e3d.structure_files.images import images
from e3d.structures import from_file
from e3d.units import BOHR_ANG

GEN = "3 C\nO H\n1 1 0 0 0.119\n2 2 0 0.763 -0.477\n3 2 0 -0.763 -0.477\n"
XSF = (
    "CRYSTAL\nPRIMVEC\n9 0 0\n0 9 0\n0 0 9\nPRIMCOORD\n3 1\n"
    "8 5 5 5.119\n1 5 5.763 4.523\n1 5 4.237 4.523\n"
)
FORT34 = (
    "3 1 1\n9 0 0\n0 9 0\n0 0 9\n1\n1 0 0\n0 1 0\n0 0 1\n0 0 0\n3\n"
    "8 5 5 5.119\n1 5 5.763 4.523\n1 5 4.237 4.523\n"
)
LAMMPS = (
    "units = real\n\n3 atoms\n2 atom types\n\n0 9 xlo xhi\n0 9 ylo yhi\n0 9 zlo zhi\n\nMasses\n\n"
    "1 1.008\n2 15.999\n\nAtoms # atomic\n\n1 2 5 5 5.119\n2 1 5 5.763 4.523\n3 1 5 4.237 4.523\n"
    "\nVelocities\n\n1 0 0 0\n2 0 0 0\n3 0 0 0\n"
)
SHELX = (
    "TITL w\nCELL 0.71 9 9 9 90 90 90\nLATT -1\nSFAC O H\nO 1 0.5 0.5 0.513 1.0\n"
    "H 2 0.5 0.585 0.447 1.0\nH 2 0.5 0.415 0.447 1.0\nEND\n"
)
CONFIG = (
    "water\n 0 1 3\n9 0 0\n0 9 0\n0 0 9\n"
    "OW 1\n0 0 0.119\nHW 2\n0 0.763 -0.477\nHW 3\n0 -0.763 -0.477\n"
)
G96 = "TITLE\nw\nEND\nPOSITION\n" + "".join(
    f"    1 SOL   {name:<6s}{k:5d}    0.500000000{y:15.9f}    0.500000000\n"
    for k, (name, y) in enumerate([("OW", 0.5), ("HW1", 0.59), ("HW2", 0.41)], start=1)
)
CAR = "!BIOSYM archive 3\nPBC=ON\nw\n!DATE\nPBC" + "{:10.4f}" * 6 + " (P1)\n"
CAR = CAR.format(9, 9, 9, 90, 90, 90) + "".join(
    f"{name:<5s}{5.0:15.9f}{y:15.9f}{z:15.9f} XXXX 1      xx      {name[0]:<2s}  0.000\n"
    for name, y, z in (("O1", 5, 5.119), ("H1", 5.763, 4.523), ("H2", 4.237, 4.523))
)
CAR += "end\nend\n"
NW = "start w\ngeometry units angstrom\n O 0.0 0.0 0.119\n H 0.0 0.763 -0.477\n{}end\ntask scf\n"
SECOND = " H 0.0 -0.763 -0.477\n"
NWCHEM = NW.format(SECOND)
XDATCAR = (
    "water\n 1.0\n9.0 0.0 0.0\n0.0 9.0 0.0\n0.0 0.0 9.0\n O H\n 1 2\n"
    "Direct configuration=     1\n"
    "  0.50000000  0.50000000  0.51300000\n"
    "  0.50000000  0.58500000  0.44700000\n"
    "  0.50000000  0.41500000  0.44700000\n"
)
ABINIT = (
    "# acell 5 5 5\n! acell 6 6 6\nntypat 2\nznucl 8 1\nnatom 3\ntypat 1 2*2\nacell 3*18.9\n"
    "rprim 1 0 0  0 1.0d0 0  0 0 2/2\nxangst\n 3*5.0 ! O\n5 5.763 4.404\n5 4.237 4.404\n"
)
GAUSSIAN = "# HF\n\nw\n\n0 1\nO{0} 0.0 0.0 0.1\nH{0} 0.0 0.763 -0.5\nH{0} 0.0 -0.763 -0.5\n\n"
CUBE = (
    "w\nz\n 3 0 0 0\n{0}2 9 0 0\n{0}2 0 9 0\n{0}2 0 0 9\n"
    "8 8 9 9 9.2\n1 1 9 10.44 8.1\n1 1 9 7.56 8.1\n0 0 0 0 0 0\n0 0\n"
)

RIGHT = {
    "XDATCAR": XDATCAR,
    "a.cube": CUBE.format(""),
    "a.abi": ABINIT,
    "b.abi": ABINIT.replace("3*18.9", "18.9 18.9 18.9 spgroup 1 ndtset 1"),
    "a.com": GAUSSIAN.format(""),
    "a.gen": GEN,
    "b.gen": GEN.replace("3 C", "3 S") + "0 0 0\n9 0 0\n0 9 0\n0 0 9\n",
    "a.xsf": XSF,
    "fort.34": FORT34,
    "a.lammps-data": LAMMPS,
    "a.car": CAR,
    "a.res": SHELX,
    "CONFIG": CONFIG,
    "a.g96": G96 + "END\n",
    "a.nwi": NWCHEM,
    "b.nwi": NWCHEM.replace("end\n", "end\n\n"),
    "c.nwi": NWCHEM.replace(" O ", " o1 ").replace(" H ", " h "),
    "d.nwi": NWCHEM.replace("0.477\n", "0.477 mass 2.014\n"),
    "e.nwi": NW.format(SECOND + "\n bqO 0.0 0.0 3.0\n X 0.0 0.0 4.0\n symmetry c1\n"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_every_atom_is_read(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(RIGHT[name])
    (atoms,) = images(path)
    assert atoms.get_chemical_formula() == "H2O"


def test_numbers_of_abinit_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.abi"
    path.write_text(ABINIT + "charge 1\n")
    (atoms,) = images(path)
    assert atoms.cell.lengths() == pytest.approx([18.9 * BOHR_ANG] * 3)
    assert atoms.positions[0] == pytest.approx([5, 5, 5])
    assert atoms.get_distance(0, 1) == pytest.approx(0.968, abs=1e-3)
    assert atoms.info["charge"] == 1


REFUSED = {
    "XDATCAR": (XDATCAR[:-36], ["line 8", "2 rows", "add up to 3", "still being written"]),
    "b/XDATCAR": (XDATCAR[:-3], ["line 11", "ends within this line"]),
    "c/XDATCAR": (XDATCAR[:60], ["no frame begins", "Direct configuration="]),
    "d/XDATCAR": (XDATCAR + "Direct configuration=     2\n 0.5 0.5 0.5\n", ["line 12", "1 rows"]),
    "a.cube": (CUBE.format("-"), ["line 4", "lengths are in Å", "expected bohr"]),
    "a.com": (GAUSSIAN.format(" -1"), ["line 6", "holds an atom fixed"]),
    "b.com": (GAUSSIAN.format(" 0"), ["line 6", "holds an atom fixed"]),
    "a.abi": (ABINIT + "scalecart 3*2\n", ["line 13", "scalecart", "a scale of the cell"]),
    "b.abi": (ABINIT + "spgroup 225\n", ["line 13", "symmetry multiplies"]),
    "c.abi": (ABINIT + "acell2 3*20\n", ["line 13", "'acell2'", "one geometry"]),
    "d.abi": (ABINIT.replace("xangst", "xcart") + "angstrom\n", ["Write `xangst`"]),
    "e.abi": (ABINIT.replace("2/2", "2/0"), ["line 8", "'2/0' is no number"]),
    "a.unheard": ("no structure", ["ASE cannot read it: no format has this name"]),
    "a.gen": (GEN.replace("3 C", "2 C"), ["line 1", "states 2 atoms", "3 rows"]),
    "a.xsf": (XSF.replace("3 1\n", "2 1\n"), ["line 7", "states 2 atoms", "3 rows"]),
    "fort.34": (FORT34.replace("\n3\n", "\n2\n"), ["line 10", "states 2 atoms", "3 rows"]),
    "a.lammps-data": (LAMMPS.replace("3 atoms", "2 atoms"), ["line 3", "states 2", "3 rows"]),
    "b.lammps-data": (LAMMPS.replace("3 atoms", "4 atoms"), ["line 3", "states 4", "3 rows"]),
    "a.res": (SHELX.replace("LATT -1", "LATT -1\nSYMM X, 1-Y, Z"), ["line 4", "SYMM", "part"]),
    "b.res": (SHELX.replace("LATT -1", "LATT 4"), ["line 3", "LATT 4", "all atoms"]),
    "CONFIG": (CONFIG.replace("OW", "CL"), ["line 6", "'CL' may be C or Cl"]),
    "a.g96": (G96.replace("OW ", "NA+") + "END\n", ["line 5", "'NA+' may be N or Na"]),
    "a.car": (CAR.replace("P1", "FM-3M"), ["line 5", "space group 'FM-3M'", "all atoms"]),
    "a.nwi": (NW.format(" symmetry c2v\n"), ["line 5", "symmetry c2v", "all atoms"]),
    "b.nwi": (NW.format(" zmatrix\n  O\n  H 1 0.96\n end\n"), ["line 5", "zmatrix"]),
    "c.nwi": (NWCHEM.replace(" O ", " OW "), ["line 3", "'OW' is no chemical element"]),
    "d.nwi": (NWCHEM + NWCHEM, ["line 9", "begins another geometry"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_atoms_that_would_be_lost_or_changed_are_refused(
    name: str, tmp_path: Path, input_error: Any
) -> None:
    content, texts = REFUSED[name]
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    with input_error(name, *texts):
        list(images(path))


def test_numbers_in_ang_that_a_file_calls_bohr_are_refused(
    tmp_path: Path, input_error: Any
) -> None:
    path = tmp_path / "coord"
    path.write_text("$coord\n 0 0 0.119 o\n 0 0.763 -0.477 h\n 0 -0.763 -0.477 h\n$end\n")
    with input_error("as near as 0.53", "bohr"):
        list(from_file(path))
