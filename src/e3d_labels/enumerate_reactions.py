"""Unimolecular reactions of a list of molecules, from templates: a list for ``data reactions``.

Every template is a reaction of textbooks that closed shells do in one step: eliminations, hydrogen
shifts, openings of small rings, losses of CO and CO2, the retro-ene reaction. Whether there is a
path, and how high its barrier is, is for GFN2-xTB to say.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from rdkit import Chem
from rdkit.Chem import rdChemReactions

from e3d import tables
from e3d.chemistry import canonical_smiles, molecule, parse
from e3d.errors import InputError
from e3d_labels.molecule_list import read_molecules, require_neutral

TEMPLATES: Final = {
    "elimination": "[#1:1][C:2][C:3][F,Cl,O,N,S;!$(*=*):4]>>[C:2]=[C:3].[#1:1][*:4]",
    "loss of hydrogen": "[#1:1][C:2][C,N,O;!$(*=*):3][#1:4]>>[C:2]=[*:3].[#1:1][#1:4]",
    "hydrogen shift 1,3": ("[#1:1][C,N,O:2][C,N;!a:3]=[C,N,O:4]>>[*:2]=[*:3][*:4][#1:1]"),
    "loss of CO": "[#1:1][C:2](=[O:3])[C,N,O:4]>>[C-:2]#[O+:3].[#1:1][*:4]",
    "loss of CO2": "[#1:1][O:2][C:3](=[O:4])[C:5]>>[O:2]=[C:3]=[O:4].[#1:1][C:5]",
    "retro-ene": ("[#1:1][C,N,O:2][C:3][C:4][C:5]=[C,O:6]>>[*:2]=[C:3].[C:4]=[C:5][*:6][#1:1]"),
    "opening of three-membered ring": ("[C:1]1[C,N,O:2][C:3]1[#1:4]>>[#1:4][C:1][C:3]=[*:2]"),
    "opening of cyclobutene": "[C:1]1=[C:2][C:3][C:4]1>>[C:3]=[C:2][C:1]=[C:4]",
    "nitrile to isonitrile": "[C:1][C:2]#[N:3]>>[C:1][N+:3]#[C-:2]",
}
"""Reactions by name (SMARTS): hydrogens that move are atoms of their own."""
_MOST_ATOMS: Final = 11


def enumerate_reactions(molecules: Path, output: Path, *, n: int, seed: int) -> pd.DataFrame:
    """Write a table of reactions, ``name, reactant, product``, as ``e3d data reactions`` reads it.

    Templates take turns, in each a seeded choice of the molecules that it fits.

    Parameters
    ----------
    molecules
        List of SMILES.
    n
        Number of reactions.

    Raises
    ------
    InputError
        If the list cannot be read, or fewer reactions are found.
    """
    smiles = [entry.smiles for entry in read_molecules(molecules)]
    rng = np.random.default_rng(seed)
    shuffled = [smiles[k] for k in rng.permutation(len(smiles))]
    sources = [reactions(name, shuffled) for name in TEMPLATES]
    rows: dict[str, tuple[str, str]] = {}
    while sources and len(rows) < n:
        for source in list(sources):
            found = next(source, None)
            if found is None:
                sources.remove(source)
            elif len(rows) < n:
                rows.setdefault(*found)
    if len(rows) < n:
        raise InputError(
            f"{molecules}: {len(rows)} reactions were found, and {n} are wanted. Lower --n, or "
            "give a longer list."
        )
    table = pd.DataFrame(
        [(name, *sides) for name, sides in rows.items()], columns=["name", "reactant", "product"]
    )
    tables.write(table, output, inputs=[molecules], settings={"n": n, "seed": seed})
    return table


def reactions(template: str, smiles: list[str]) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield name and both sides, one reaction for each molecule that the template fits."""
    reaction = rdChemReactions.ReactionFromSmarts(TEMPLATES[template])
    for one in smiles:
        mol = Chem.AddHs(parse(one))
        if mol.GetNumAtoms() > _MOST_ATOMS or not _is_neutral(one):
            continue
        found = _applied(reaction, mol)
        if found is not None:
            reactant, product = found
            yield f"{template}: {one} -> {molecule(product).smiles}", (reactant, product)


def _is_neutral(smiles: str) -> bool:
    """Say whether a molecule is one that reaction paths are computed of."""
    try:
        require_neutral(smiles, "")
    except InputError:
        return False
    return True


def _applied(reaction: rdChemReactions.ChemicalReaction, mol: Chem.Mol) -> tuple[str, str] | None:
    """Return both sides, mapped alike, of the first way in which a reaction fits a molecule."""
    for atom in mol.GetAtoms():
        atom.SetIntProp("row", atom.GetIdx())
    for products in reaction.RunReactants((mol,)):
        whole = products[0]
        for part in products[1:]:
            whole = Chem.CombineMols(whole, part)
        rows = [
            atom.GetIntProp("react_atom_idx") if atom.HasProp("react_atom_idx") else -1
            for atom in whole.GetAtoms()
        ]
        if sorted(rows) != list(range(mol.GetNumAtoms())):
            continue
        product = _mapped(whole, rows)
        reactant = _mapped(mol, list(range(mol.GetNumAtoms())))
        if product is None or reactant is None:
            continue
        if molecule(product).multiplicity == 1 and canonical_smiles(parse(product)) != (
            canonical_smiles(mol)
        ):
            return reactant, product
    return None


def _mapped(mol: Chem.Mol, rows: list[int]) -> str | None:
    """Return the SMILES with map number row + 1; None if RDKit knows no such valence."""
    copy = Chem.Mol(mol)
    for atom, row in zip(copy.GetAtoms(), rows, strict=True):
        atom.SetAtomMapNum(row + 1)
        atom.SetNoImplicit(True)
    try:
        Chem.SanitizeMol(copy)
        text = str(Chem.MolToSmiles(copy))
        molecule(text)
    except (ValueError, InputError):
        return None
    return text
