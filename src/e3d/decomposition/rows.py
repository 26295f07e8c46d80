"""A row for every bonded pair: batch by batch, or in memory as one table."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from e3d.arrays import Ints, Masks
from e3d.decomposition.bonds import BondTyper
from e3d.edges import EdgeEnergies
from e3d.errors import InputError
from e3d.fields import Column as C
from e3d.graphs import Batch
from e3d.keys import Vocabulary
from e3d.pairs import Pairs, check_sum_rule, pair_up
from e3d.potential import EdgePotential
from e3d.structures import Source, Structure, structures_of

Columns = dict[str, NDArray[Any]]
Texts = dict[str, list[str]]

INTEGERS = (C.I, C.J, C.S_X, C.S_Y, C.S_Z, C.Z_I, C.Z_J)
FLOATS = (C.R, C.EPS_IJ, C.EPS_JI, C.BOND_ENERGY, C.ASYMMETRY)
ROW = (C.FRAME, C.MOLECULE, *INTEGERS, C.BOND_TYPE, C.FINE_TYPE, *FLOATS, C.INTACT)
"""The columns of a bonded pair, in order."""


def decompose(model: EdgePotential, structures: Source | Iterable[Source]) -> pd.DataFrame:
    """Return the bond energies of a model: one row for each bonded pair of each structure.

    Parameters
    ----------
    model
        What :func:`e3d.load` returns, or any other :class:`~e3d.potential.EdgePotential`.
    structures
        ASE ``Atoms``, the path of a store or of a file ASE reads, a SMILES, or several of these.

    Returns
    -------
    DataFrame
        Columns :data:`ROW`: number of the frame, SMILES, atoms i and j of the frame with the cell
        shift of j, atomic numbers, bond type, plain and with hybridisation, distance in Å, in eV
        both edge energies, D = -(sum) and their difference, and whether the frame has exactly the
        bonds of its SMILES.

    Raises
    ------
    InputError
        If the model is none, there is no structure, one cannot be used, or the edge energies of one
        do not add up to the model's total.
    """
    if not hasattr(model, "edge_energies"):
        raise InputError(
            f"model: {type(model).__name__} has no edge energies - expected what e3d.load returns. "
            "Load the model's file, and give the model before the structures."
        )
    decomposer = Decomposer(model)
    parts = [batch.columns for batch in decomposer.batches(structures_of(structures))]
    if not parts:
        raise InputError("no structures to decompose. Give at least one.")
    columns: Columns = {name: np.concatenate([part[name] for part in parts]) for name in ROW}
    for name, texts in decomposer.texts().items():
        columns[name] = np.array(texts, dtype=object)[columns[name]]
    return pd.DataFrame({str(name): values for name, values in columns.items()})


@dataclass(frozen=True)
class DecomposedBatch:
    """The pairs of a batch: P pairs, B of them bonds; F frames.

    Parameters
    ----------
    structures, edges
        What the batch was made of, and the energies of its edges.
    pairs, bonds, bonded
        All pairs, those that are bonds, and which these are (P,).
    molecule
        Number of each frame's molecule (F,).
    violation
        The largest violation of the sum rule, eV.
    columns
        Columns :data:`ROW` of the bonds, each (B,); texts as numbers into
        :meth:`Decomposer.texts`.
    """

    structures: tuple[Structure, ...]
    edges: EdgeEnergies
    pairs: Pairs
    bonds: Pairs
    bonded: Masks
    molecule: Ints
    violation: float
    columns: Columns


class Decomposer:
    """Decomposes structures batch by batch; molecules and bond types are numbered over all."""

    def __init__(self, model: EdgePotential) -> None:
        self._model, self._typer = model, BondTyper()
        self.molecules: Vocabulary[str] = Vocabulary()
        """Canonical SMILES or formulas, by the number that batches hold."""

    def batches(self, structures: Iterable[Structure]) -> Iterator[DecomposedBatch]:
        """Yield the pairs of batch after batch.

        Raises
        ------
        InputError
            If the sum rule fails on a frame, or a structure cannot be used.
        """
        for batch in self._model.batches(structures):
            yield self._decompose(batch)

    @property
    def labels(self) -> list[tuple[str, str]]:
        """Bond type and finer type, by the number that batches hold."""
        return self._typer.labels.names

    def texts(self) -> Texts:
        """Return the texts that columns of batches number; these lists only ever grow."""
        kinds, fine = [label[0] for label in self.labels], [label[1] for label in self.labels]
        return {C.MOLECULE: self.molecules.names, C.BOND_TYPE: kinds, C.FINE_TYPE: fine}

    def _decompose(self, batch: Batch) -> DecomposedBatch:
        structures, edges = batch.structures, self._model.edge_energies(batch)
        violation = check_sum_rule(edges, [structure.label for structure in structures])
        pairs = pair_up(edges)
        rows, labels = self._typer.bonded(structures, edges, pairs)
        bonded = np.zeros(len(pairs.i), dtype=bool)
        bonded[rows] = True
        bonds = pairs.take(rows)
        start, z = edges.frame_ptr[bonds.frame], edges.atomic_numbers
        molecule = np.array([self.molecules.code(one.smiles) for one in structures])
        s_x, s_y, s_z = bonds.cell_shift.T
        columns: Columns = {
            C.FRAME: np.array([structure.frame for structure in structures])[bonds.frame],
            C.MOLECULE: molecule[bonds.frame],
            **{C.I: bonds.i - start, C.J: bonds.j - start, C.S_X: s_x, C.S_Y: s_y, C.S_Z: s_z},
            **{C.Z_I: z[bonds.i], C.Z_J: z[bonds.j], C.BOND_TYPE: labels, C.FINE_TYPE: labels},
            **{C.R: bonds.r, C.EPS_IJ: bonds.eps_ij, C.EPS_JI: bonds.eps_ji},
            **{C.BOND_ENERGY: bonds.bond_energy, C.ASYMMETRY: bonds.asymmetry},
            C.INTACT: np.array([structure.intact for structure in structures])[bonds.frame],
        }
        return DecomposedBatch(
            structures, edges, pairs, bonds, bonded, molecule, violation, columns
        )
