"""One geometry of a molecule from its SMILES alone: RDKit's embedding, relaxed by a force field.

It is a stand-in for a geometry at the model's level of theory: lengths of bonds, and so D, are
those of the force field.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import Any, Final, TypeVar

import numpy as np
from ase import Atoms
from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

from e3d.chemistry import SmilesError, parse
from e3d.errors import InputError

log = logging.getLogger(__name__)

_T = TypeVar("_T")
_SEED: Final = 0
_MAX_STEPS = 10_000
_MAX_ATOMS = 500
"""Embedding takes time as the third power of the number of atoms: 20 s for 500, measured."""


def conformer(smiles: str) -> Atoms:
    """Return one conformer with ``info["smiles"]``, mapped, and ``info["charge"]``.

    Atoms with map numbers come first, in the order of these; then the others of the SMILES, and
    hydrogens that it does not spell out. Embedded by ETKDGv3 with a fixed seed, and relaxed by
    MMFF94 or, where that lacks an atom, by UFF; fragments relax together. Of stereochemistry that
    the SMILES leaves open, RDKit chooses one form.

    Raises
    ------
    InputError
        If RDKit cannot read or embed the SMILES, it has more than 500 atoms, neither force field
        has its atoms, or its map numbers are not 1..n.

    Examples
    --------
    >>> conformer("[OH:2][CH3:1]").symbols[:2]
    Symbols('CO')
    """
    mol = _ordered(Chem.AddHs(parse(smiles)), smiles)
    if mol.GetNumAtoms() > _MAX_ATOMS:
        short = f"{smiles[:40]}..." if len(smiles) > 40 else smiles
        raise _no_geometry(short, f"it has {mol.GetNumAtoms()} atoms, at most {_MAX_ATOMS} do")
    settings = rdDistGeom.ETKDGv3()
    settings.randomSeed = _SEED  # type: ignore[assignment]
    if _interruptible(lambda: rdDistGeom.EmbedMolecule(mol, settings)) != 0:
        raise _no_geometry(smiles, "RDKit cannot embed it in three dimensions")
    field = _interruptible(lambda: _relax(mol, smiles))
    stereo = [found.specified for found in Chem.FindPotentialStereo(mol)]
    chosen = ", stereochemistry as RDKit chose it" * (Chem.StereoSpecified.Unspecified in stereo)
    log.info("%s: its geometry is a conformer of the force field %s%s", smiles, field, chosen)
    for atom in mol.GetAtoms():
        atom.SetAtomMapNum(atom.GetIdx() + 1)
    return Atoms(
        numbers=[atom.GetAtomicNum() for atom in mol.GetAtoms()],
        positions=np.array(mol.GetConformer().GetPositions()),
        info={"smiles": Chem.MolToSmiles(mol), "charge": Chem.GetFormalCharge(mol)},
    )


def is_smiles(text: str) -> bool:
    """Say whether a text is a SMILES of at least one atom.

    >>> is_smiles("CCO"), is_smiles("ethanol.xyz")
    (True, False)
    """
    try:
        return not any(map(str.isspace, text)) and parse(text).GetNumAtoms() > 0
    except SmilesError:
        return False


def _ordered(mol: Chem.Mol, smiles: str) -> Chem.Mol:
    """Put the atoms with map numbers first, in the order of these."""
    numbers = [atom.GetAtomMapNum() for atom in mol.GetAtoms()]
    mapped = sorted(number for number in numbers if number)
    if mapped != list(range(1, len(mapped) + 1)):
        raise InputError(
            f"SMILES {smiles!r}: map numbers {mapped} - allowed: 1..{len(mapped)}, each once, as "
            "number k names atom k-1. Number the atoms again, or remove the numbers."
        )
    order = sorted(range(len(numbers)), key=lambda k: numbers[k] or len(numbers) + k)
    return Chem.RenumberAtoms(mol, order)


def _interruptible(call: Callable[[], _T]) -> _T:
    """Return ``call()``, made in a thread: RDKit's loops see no signals, the main thread does."""
    future: Future[_T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except Exception as error:  # noqa: BLE001 - raised again where the result is asked for
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future.result()


def _relax(mol: Chem.Mol, smiles: str) -> str:
    """Relax the embedded molecule in place; return the force field's name."""
    steps: dict[str, Any] = {"maxIters": _MAX_STEPS, "ignoreInterfragInteractions": False}
    if rdForceFieldHelpers.MMFFHasAllMoleculeParams(mol):
        name, failed = "MMFF94", rdForceFieldHelpers.MMFFOptimizeMolecule(mol, **steps)
    elif rdForceFieldHelpers.UFFHasAllMoleculeParams(mol):
        name, failed = "UFF", rdForceFieldHelpers.UFFOptimizeMolecule(mol, **steps)
    else:
        raise _no_geometry(smiles, "neither MMFF94 nor UFF has all of its atoms")
    if failed:
        raise _no_geometry(smiles, f"{name} does not relax it")
    return name


def _no_geometry(smiles: str, reason: str) -> InputError:
    return InputError(
        f"SMILES {smiles!r}: {reason}, so E3D has no geometry for it. Give a file with one."
    )
