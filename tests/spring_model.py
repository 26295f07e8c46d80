"""Molecules held by springs: small labelled frames that could be real."""

from functools import cache

import numpy as np
from rdkit import Chem
from rdkit.Chem import AllChem

from e3d.arrays import Floats

_STIFFNESS = 2.0  # eV/Å^2
_APART_ANG = 5.0


@cache
def rest_geometry(smiles: str) -> Floats:
    """Return coordinates (N, 3), Å, in the order of the map numbers; molecules stand in a row."""
    parameters = Chem.SmilesParserParams()
    parameters.removeHs = False
    mol = Chem.MolFromSmiles(smiles, parameters)
    positions = np.zeros((mol.GetNumAtoms(), 3))
    atoms: list[tuple[int, ...]] = []
    for k, part in enumerate(Chem.GetMolFrags(mol, asMols=True, fragsMolAtomMapping=atoms)):
        AllChem.EmbedMolecule(part, randomSeed=7)  # type: ignore[attr-defined]
        positions[list(atoms[k])] = part.GetConformer().GetPositions()
        positions[list(atoms[k]), 2] += k * _APART_ANG
    order = np.argsort([atom.GetAtomMapNum() for atom in mol.GetAtoms()])
    return np.asarray(positions[order])


def spring_labels(positions: Floats, rest: Floats) -> tuple[Floats, Floats]:
    """Return energies (M,), eV, and forces (M, N, 3), eV/Å, of springs between all atoms.

    ``positions`` (M, N, 3) and ``rest`` (N, 3) in Å.
    """
    vectors = positions[:, :, None] - positions[:, None]
    lengths = np.linalg.norm(vectors, axis=-1)
    stretch = lengths - np.linalg.norm(rest[:, None] - rest, axis=-1)
    pull = stretch / np.where(lengths > 0, lengths, 1.0)
    forces = -_STIFFNESS * (pull[..., None] * vectors).sum(axis=2)
    return 0.25 * _STIFFNESS * (stretch**2).sum(axis=(1, 2)), forces
