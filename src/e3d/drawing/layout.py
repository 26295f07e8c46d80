"""Coordinates in 2-D, from RDKit."""

from typing import Final

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdCoordGen, rdDepictor

from e3d.arrays import Floats

BOND_ANG: Final = 1.5
"""Mean length of a drawn bond."""
_BETTER: Final = 0.1
"""How much farther apart, in bonds, the second layout must set its nearest atoms to be taken."""


def lay_out(mol: Chem.Mol) -> Floats:
    """Return 2-D coordinates (atoms, 2) in Å, by the layout of RDKit that sets atoms apart.

    Bonds are 1.5 Å long on average.
    """
    layouts = []
    for place in (rdDepictor.Compute2DCoords, rdCoordGen.AddCoords):
        copy = Chem.Mol(mol)
        place(copy)
        xy = np.array(copy.GetConformer().GetPositions()[:, :2], dtype=np.float64)
        first, second = np.triu_indices(len(xy), k=1)
        distances = np.linalg.norm(xy[first] - xy[second], axis=1)
        bonds = [
            np.linalg.norm(xy[b.GetBeginAtomIdx()] - xy[b.GetEndAtomIdx()]) for b in copy.GetBonds()
        ]
        mean = float(np.mean(bonds)) if bonds else BOND_ANG
        nearest = float(distances.min(initial=np.inf)) / mean
        layouts.append((nearest, xy * (BOND_ANG / mean)))
    (nearest, default), (other, alternative) = layouts
    return np.asarray(alternative if other > nearest + _BETTER else default)
