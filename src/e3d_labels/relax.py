"""Relaxed geometries of the molecules of named bonds: RDKit embedding, then GFN2-xTB (tblite).

Made once and shipped as ``src/e3d/named_bonds/named_bonds.xyz``.
"""

import logging
from pathlib import Path

import ase.io
from ase import Atoms
from rdkit import Chem

from e3d import provenance, tables
from e3d.chemistry import canonical_smiles, parse
from e3d_labels.embed import FORCE_TOLERANCE, embed, lowest_minimum
from e3d_labels.molecule_list import require_neutral

log = logging.getLogger(__name__)

EMBED_SEED = 7
_CONFORMERS = 8


def relax_named(table: Path, output: Path) -> list[Atoms]:
    """Write one relaxed frame per closed-shell molecule of a table of named bonds.

    The table needs the columns ``smiles`` and ``multiplicity``. Several embedded conformers are
    relaxed, and the one lowest in GFN2-xTB energy is kept. Open-shell molecules are left out and
    logged: the training sets hold none.
    """
    rows = tables.read(table, columns=("smiles", "multiplicity"))
    closed = rows[rows["multiplicity"] == 1]
    for smiles in rows.loc[rows["multiplicity"] != 1, "smiles"]:
        log.info("%s: open shell, left out", smiles)
    names = sorted({canonical_smiles(Chem.AddHs(parse(smiles))) for smiles in closed["smiles"]})
    frames = [relax(name) for name in names]
    with provenance.atomic(output) as temporary:
        ase.io.write(temporary, frames, format="extxyz", write_results=False)
    settings = {"method": "GFN2-xTB", "fmax": FORCE_TOLERANCE}
    provenance.record(output, inputs=[table], settings=settings)
    return frames


def relax(smiles: str) -> Atoms:
    """Return the GFN2-xTB minimum of a molecule, with its mapped SMILES in ``info``.

    Raises
    ------
    InputError
        If tblite is not installed, or the molecule is an ion, has open shells or cannot be
        embedded.
    """
    require_neutral(smiles, "a table of named bonds")
    mapped, frames = embed(smiles, conformers=_CONFORMERS, seed=EMBED_SEED)
    best = lowest_minimum(frames)
    return Atoms(best.numbers, best.positions, info={"smiles": mapped, "name": smiles})
