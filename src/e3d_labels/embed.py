"""Molecules in three dimensions: RDKit embedding and GFN2-xTB, for relaxing and for sampling.

tblite is loaded only when a calculator is asked for.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from ase import Atoms
from ase.optimize import BFGS
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from e3d.arrays import Floats
from e3d.chemistry import parse
from e3d.errors import InputError
from e3d_labels.programs import require

FORCE_TOLERANCE = 1e-3
"""Largest force (eV/Å) at which a geometry counts as relaxed."""
_MAX_STEPS = 1000
_LOWER_EV = 1e-6
_GAP_ANG = 3.0
"""Between molecules of one SMILES: further than bonds reach, near enough to attract."""


def embed(smiles: str, *, conformers: int, seed: int) -> tuple[str, list[Atoms]]:
    """Return the mapped SMILES and up to ``conformers`` embeddings in its row order.

    The atoms come in the order of ``smiles``, then its hydrogens; ``seed`` fixes RDKit's embedding.
    Molecules of one SMILES (``O.O``) stand side by side.

    Raises
    ------
    InputError
        If RDKit cannot embed the molecule.
    """
    mol = Chem.AddHs(parse(smiles))
    numbers = [atom.GetAtomicNum() for atom in mol.GetAtoms()]
    found = list(rdDistGeom.EmbedMultipleConfs(mol, numConfs=conformers, randomSeed=seed))
    if not found:
        raise InputError(f"{smiles}: RDKit cannot embed it in three dimensions. Leave it out.")
    for atom in mol.GetAtoms():
        atom.SetAtomMapNum(atom.GetIdx() + 1)
    parts = Chem.GetMolFrags(mol)
    frames = [
        Atoms(numbers, positions=_side_by_side(mol.GetConformer(k).GetPositions(), parts))
        for k in found
    ]
    return Chem.MolToSmiles(mol), frames


def _side_by_side(positions: Floats, parts: Sequence[Sequence[int]]) -> Floats:
    """Return positions (N, 3), Å, with molecules along x: RDKit puts all around the origin.

    ``parts`` are the rows of each; the first stays where it is.
    """
    moved = np.array(positions)
    for before, part in pairwise(map(list, parts)):
        moved[part, 0] += moved[before, 0].max() + _GAP_ANG - moved[part, 0].min()
    return moved


def xtb(charge: int = 0, multiplicity: int = 1) -> Any:
    """Return a GFN2-xTB calculator for ASE.

    Raises
    ------
    InputError
        If tblite is not installed.
    """
    require("tblite")
    from tblite.ase import TBLite

    return TBLite(method="GFN2-xTB", charge=charge, multiplicity=multiplicity, verbosity=0)


def lowest_minimum(frames: list[Atoms], *, charge: int = 0, multiplicity: int = 1) -> Atoms:
    """Relax every frame in place by GFN2-xTB; return the lowest, the first of equal ones."""
    best = frames[0]
    for atoms in frames:
        atoms.calc = xtb(charge, multiplicity)
        BFGS(atoms, logfile=None).run(fmax=FORCE_TOLERANCE, steps=_MAX_STEPS)
        if atoms.get_potential_energy() < best.get_potential_energy() - _LOWER_EV:
            best = atoms
    return best
