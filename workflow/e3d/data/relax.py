"""Relaxed geometries of the named bonds' molecules: RDKit embedding, then GFN2-xTB (tblite).

Made once and shipped as ``resources/named_bonds.xyz``; needs the ``labels`` extra (tblite).
"""

import logging
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms
from ase.optimize import BFGS
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from e3d import provenance, tables
from e3d.chemistry import canonical_smiles, parse
from e3d.errors import InputError

log = logging.getLogger(__name__)

FORCE_TOLERANCE = 1e-3
"""Largest force component (eV/Å) at which a geometry counts as relaxed."""
EMBED_SEED = 7
_CONFORMERS = 8
_MAX_STEPS = 1000


def relax_named(table: Path, output: Path) -> list[Atoms]:
    """Write one relaxed frame per closed-shell molecule of a table of named bonds.

    The table needs the columns ``smiles`` and ``multiplicity``. Of a few embedded conformers the
    one lowest in GFN2-xTB energy is kept. Open-shell molecules are left out and logged: the
    training sets hold none.
    """
    rows = tables.read(table, columns=("smiles", "multiplicity"))
    closed = rows[rows["multiplicity"] == 1]
    for smiles in rows.loc[rows["multiplicity"] != 1, "smiles"]:
        log.info("%s: open shell, left out", smiles)
    names = sorted({canonical_smiles(Chem.AddHs(parse(smiles))) for smiles in closed["smiles"]})
    frames = [relax(name) for name in names]
    with provenance.atomic(output) as temporary:
        ase.io.write(temporary, frames, format="extxyz", write_results=False)
    provenance.record(output, inputs=[table], settings={"method": "GFN2-xTB", "fmax": FORCE_TOLERANCE})
    return frames


def relax(smiles: str) -> Atoms:
    """Return the GFN2-xTB minimum of a molecule, with its mapped SMILES in ``info``.

    Raises
    ------
    InputError
        If tblite is not installed or the molecule cannot be embedded.
    """
    try:
        from tblite.ase import TBLite
    except ImportError:
        raise InputError(
            "relaxing needs tblite, which is not installed. Install the extra: pip install -e '.[labels]'."
        ) from None
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    conformers = list(rdDistGeom.EmbedMultipleConfs(mol, numConfs=_CONFORMERS, randomSeed=EMBED_SEED))
    if not conformers:
        raise InputError(f"{smiles}: RDKit cannot embed it in three dimensions. Leave it out.")
    for atom in mol.GetAtoms():
        atom.SetAtomMapNum(atom.GetIdx() + 1)
    best: Atoms | None = None
    for index in conformers:
        atoms = Atoms(
            numbers=[atom.GetAtomicNum() for atom in mol.GetAtoms()],
            positions=np.array(mol.GetConformer(index).GetPositions()),
        )
        atoms.calc = TBLite(method="GFN2-xTB", verbosity=0)
        BFGS(atoms, logfile=None).run(fmax=FORCE_TOLERANCE, steps=_MAX_STEPS)
        if best is None or atoms.get_potential_energy() < best.get_potential_energy() - 1e-6:
            best = atoms
    assert best is not None  # there is at least one conformer
    return Atoms(best.numbers, best.positions, info={"smiles": Chem.MolToSmiles(mol), "name": smiles})
