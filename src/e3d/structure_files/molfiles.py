"""The molecule of a molfile or SDF, V2000 or V3000, through RDKit: ASE reads no charge, no bond."""

import io
import re
from pathlib import Path
from typing import Final

import numpy as np
from ase import Atoms
from rdkit import Chem, RDLogger

from e3d.chemistry import SmilesError, molecule
from e3d.errors import InputError
from e3d.store.files.compressed import open_stream
from e3d.store.layouts.charge_words import meaning

_STATES: Final = ("charge", "multiplicity", "spin", "unpaired")


def molfile(path: Path) -> Atoms:
    """Return the one molecule of a file, with ``charge`` and, if it has bonds, mapped ``smiles``.

    Bonds that RDKit finds no valence for, as those of many metals, are left out.

    Raises
    ------
    InputError
        If RDKit cannot read it, it holds several molecules or a drawing, or lacks atoms that its
        bonds ask for.
    """
    with open_stream(path) as stream, io.TextIOWrapper(stream, errors="replace") as lines:
        text = lines.read()
    molecules = len(re.findall(r"(?m)^M  END", text))
    if molecules > 1:
        raise InputError(
            f"{path}: holds {molecules} molecules - expected one. Write one file for each, or "
            "convert it to extended XYZ."
        )
    RDLogger.DisableLog("rdApp.*")  # type: ignore[attr-defined]
    mol = Chem.MolFromMolBlock(text, sanitize=False, removeHs=False)
    if mol is None or not mol.GetNumAtoms():
        raise InputError(
            f"{path}: RDKit cannot read it, or it has no atoms - expected a molfile, V2000 or "
            "V3000. Write it again, or convert it to extended XYZ."
        )
    if text.splitlines()[1][20:22] == "2D":
        raise InputError(
            f"{path}: is a drawing in two dimensions - expected a geometry. Embed it, or give its "
            "SMILES instead."
        )
    for atom in mol.GetAtoms():
        if not atom.GetAtomicNum() or atom.HasQuery():
            raise InputError(
                f"{path}: atom {atom.GetIdx() + 1} has no element that is sure - expected one. "
                "Name it."
            )
    charge = Chem.GetFormalCharge(mol)
    stated = {"charge": charge} if charge or mol.GetNumBonds() else {}
    return Atoms(
        numbers=[atom.GetAtomicNum() for atom in mol.GetAtoms()],
        positions=np.array(mol.GetConformer().GetPositions()),
        info=_fields(text) | stated | _smiles(mol, path),
    )


def _fields(text: str) -> dict[str, str]:
    """Return the data fields of an SDF that state charge or spin."""
    fields = re.findall(r"(?m)^>.*<([^>\n]+)>.*\n(.*)", text)
    # in capitals: beside ``charge``, with which it is then compared
    return {key.upper(): value for key, value in fields if meaning(key) in _STATES}


def _smiles(mol: Chem.Mol, path: Path) -> dict[str, str]:
    """Return the mapped SMILES of bonds that make sense, nothing if there are none."""
    drawn = Chem.Mol(mol)
    try:
        Chem.SanitizeMol(drawn)
    except (ValueError, RuntimeError):
        return {}
    if not drawn.GetNumBonds():
        return {}
    for atom in drawn.GetAtoms():
        if atom.GetTotalNumHs():
            raise InputError(
                f"{path}: atom {atom.GetIdx() + 1} ({atom.GetSymbol()}) lacks hydrogens by its "
                f"bonds, {atom.GetTotalNumHs()} - expected all, with their positions. Add them, "
                "or state a radical (M  RAD) or a charge (M  CHG)."
            )
        atom.SetAtomMapNum(atom.GetIdx() + 1)
    Chem.AssignStereochemistryFrom3D(drawn)
    smiles = str(Chem.MolToSmiles(drawn))
    try:
        known = molecule(smiles).charge == Chem.GetFormalCharge(mol)
    except SmilesError:
        known = False
    return {"smiles": smiles} if known else {}
