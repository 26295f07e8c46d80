"""A molecule in 2-D, as SVG: bonds coloured by D, with D written on them."""

from html import escape
from typing import Final

import numpy as np
from rdkit import Chem

from e3d.arrays import Floats
from e3d.chemistry import parse
from e3d.drawing.colors import ColorScale
from e3d.drawing.layout import BOND_ANG, lay_out
from e3d.drawing.molecules import Molecule

WITH_HYDROGENS: Final = 32
"""With more atoms than this, bonds to hydrogen are left out: their labels would overlap."""
MOST_ATOMS_2D: Final = 120
"""Larger molecules are not drawn in 2-D."""
_BOND_PX, _PAD, _ATOM_PX = 62.0, 18.0, 9.0
_STROKES: Final = {"=": (-3.6, 3.6), "#": (-5.6, 0.0, 5.6), ":": (-3.6, 3.6)}
_INK, _RIM = "#222222", "#333333"


def skeleton(molecule: Molecule, scale: ColorScale) -> str:
    """Draw a molecule that has a SMILES; D is the mean over its frames.

    Raises
    ------
    ValueError
        If it has no SMILES.
    """
    if molecule.mapped_smiles is None:
        raise ValueError(f"{molecule.name} has no SMILES to draw")
    mol = parse(molecule.mapped_smiles)
    row = [atom.GetAtomMapNum() - 1 for atom in mol.GetAtoms()]
    kept = [k for k, atom in enumerate(mol.GetAtoms()) if _is_drawn(atom, len(row))]
    part = _only(mol, kept)
    xy = _on_page(lay_out(part))
    place = {row[k]: n for n, k in enumerate(kept)}
    lines, labels = [], []
    for bond, ((i, j, *_, kind), d) in enumerate(zip(molecule.bonds, molecule.means, strict=True)):
        if i in place and j in place:
            a, b = xy[place[i]], xy[place[j]]
            title = f"{molecule.symbols[i]}{i}–{molecule.symbols[j]}{j}, {kind}: {d:.3f} eV"
            drawn = _bond(a, b, kind, scale.color(d), title)
            # by its number a script finds the bond, and gives it another D
            lines.append(f'<g data-bond="{bond}">{drawn}</g>')
            labels.append(f'<g data-bond="{bond}">{_label((a + b) / 2, f"{d:.2f}")}</g>')
    atoms = [_text(xy[n], _name(mol.GetAtomWithIdx(k)), 13) for n, k in enumerate(kept)]
    width, height = xy.max(axis=0) + _PAD if len(xy) else (2 * _PAD, 2 * _PAD)
    name = escape(f"{molecule.name} with D in eV on its bonds", quote=True)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="skeleton" role="img" aria-label="{name}" '
        f'viewBox="0 0 {width:.1f} {height:.1f}" width="{width:.0f}" height="{height:.0f}" '
        'font-family="Helvetica, Arial, sans-serif" text-anchor="middle">'
        f'<rect width="100%" height="100%" fill="#ffffff"/>{"".join(lines + atoms + labels)}</svg>'
    )


def _is_drawn(atom: Chem.Atom, n_atoms: int) -> bool:
    heavy = any(one.GetAtomicNum() > 1 for one in atom.GetNeighbors())
    return n_atoms <= WITH_HYDROGENS or atom.GetAtomicNum() > 1 or not heavy


def _only(mol: Chem.Mol, kept: list[int]) -> Chem.Mol:
    """Return the molecule of some of the atoms, in their order."""
    part = Chem.RWMol(mol)
    for index in sorted(set(range(mol.GetNumAtoms())) - set(kept), reverse=True):
        part.RemoveAtom(index)
    bare = part.GetMol()
    for atom in bare.GetAtoms():
        atom.SetNoImplicit(False)
        atom.SetAtomMapNum(0)
    Chem.GetSymmSSSR(bare)
    return bare


def _on_page(xy: Floats) -> Floats:
    """Scale to pixels, y down, wider than high, all coordinates positive."""
    if np.ptp(xy[:, 1]) > np.ptp(xy[:, 0]):
        xy = xy[:, ::-1]
    xy = xy * np.array([1.0, -1.0]) * (_BOND_PX / BOND_ANG)
    return np.asarray(np.round(xy - xy.min(axis=0) + _PAD, 1))


def _name(atom: Chem.Atom) -> str:
    charge = int(atom.GetFormalCharge())
    size = str(abs(charge)) if abs(charge) > 1 else ""
    return str(atom.GetSymbol()) + (f"{size}{'+' if charge > 0 else '−'}" if charge else "")


def _bond(a: Floats, b: Floats, kind: str, color: str, title: str) -> str:
    """Draw the strokes of a bond, colour on a dark rim, that end short of the atoms."""
    along = (b - a) / max(float(np.linalg.norm(b - a)), 1e-9)
    across = np.array([-along[1], along[0]])
    sign = next((letter for letter in kind if not letter.isalnum()), "-")
    parts = []
    for n, offset in enumerate(_STROKES.get(sign, (0.0,))):
        ends = np.concatenate([a + _ATOM_PX * along, b - _ATOM_PX * along]) + offset * np.tile(
            across, 2
        )
        x1, y1, x2, y2 = (f"{value:.1f}" for value in ends)
        wide = 4.6 if sign in _STROKES else 7.5
        dashes = ' stroke-dasharray="5 3"' if sign == ":" and n else ""
        where = f'x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"{dashes}'
        parts += [
            f'<line {where} stroke="{_RIM}" stroke-width="{wide + 1.2:g}"/>',
            f'<line {where} stroke="{color}" stroke-width="{wide:g}"/>',
        ]
    return f"{''.join(parts)}<title>{escape(title)}</title>"


def _label(at: Floats, text: str) -> str:
    """Write D on a bond, on a white plate."""
    width = 6.2 * len(text) + 2
    return (
        f'<rect x="{at[0] - width / 2:.1f}" y="{at[1] - 7:.1f}" width="{width:.1f}" height="14" '
        f'rx="4" fill="#ffffff" fill-opacity="0.92"/>{_text(at, text, 11, bold=False)}'
    )


def _text(at: Floats, text: str, size: int, *, bold: bool = True) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{at[0]:.1f}" y="{at[1] + 0.36 * size:.1f}" font-size="{size}"{weight} '
        f'fill="{_INK}">{escape(text)}</text>'
    )
