"""``e3d.draw``: bond energies as a drawing, in a notebook or a file."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

import pandas as pd

from e3d import provenance
from e3d.decomposition.rows import decompose
from e3d.drawing.colors import ColorScale
from e3d.drawing.molecules import COLUMNS, Molecule, collect
from e3d.drawing.page import page
from e3d.drawing.skeleton import MOST_ATOMS_2D, skeleton
from e3d.drawing.view import MOST_ATOMS_3D, licences, scripts, shown, view
from e3d.errors import InputError
from e3d.fields import Column as C
from e3d.potential import EdgePotential
from e3d.structures import Source, Structure, structures_of


@dataclass(frozen=True)
class Drawing:
    """Molecules with D on their bonds, as :func:`draw` returns them; a notebook shows it."""

    molecules: tuple[Molecule, ...]

    def save(self, path: str | Path) -> None:
        """Write it to a file.

        Parameters
        ----------
        path
            ``.svg`` for one molecule in 2-D; ``.html`` for a page with all of them in 2-D and
            3-D, which needs no network.

        Raises
        ------
        InputError
            If the suffix is another one, or there is more or less than one molecule to draw in
            2-D.
        """
        path = Path(path)
        if path.suffix == ".html":
            text = self._page(_drawings(self.molecules, self._scale), self.molecules)
        elif path.suffix == ".svg":
            drawings = _drawings(self.molecules, self._scale)
            if len(drawings) != 1:
                raise InputError(
                    f"{path}: an .svg holds one molecule, but {len(drawings)} of "
                    f"{len(self.molecules)} can be drawn in 2-D. Draw one molecule with known "
                    "bonds, or give a path that ends in .html."
                )
            text = drawings[0]
        else:
            raise InputError(f"{path}: drawings are written as .svg or .html. Give such a path.")
        provenance.write_text(path, text)

    def _repr_html_(self) -> str:
        """Return the drawings in 2-D, and a page in a frame for what has none."""
        drawings = _drawings(self.molecules, self._scale)
        others = [one for one in self.molecules if not _is_flat(one)]
        large = sum(len(one.symbols) > MOST_ATOMS_3D for one in others)
        html = f'<div style="display:flex;flex-wrap:wrap;gap:12px">{"".join(drawings)}</div>'
        if shown(others):
            inside = escape(self._page([], others), quote=True)
            html += f'<iframe srcdoc="{inside}" style="width:100%;height:780px;border:0"></iframe>'
        if large:
            html += f"<p>{large} with more than {MOST_ATOMS_3D:,} atoms: not drawn.</p>"
        return html

    @property
    def _scale(self) -> ColorScale:
        return ColorScale.of([one.bond_energies for one in self.molecules])

    def _page(self, drawings: Sequence[str], in_3d: Sequence[Molecule]) -> str:
        figures = "".join(f'<figure class="card">{one}</figure>' for one in drawings)
        body = f'<div class="cards">{figures}</div>'
        visible = shown(in_3d)
        if visible:
            body += view(visible, [one.name for one in visible], self._scale) + scripts()
            body += f"<details><summary>Licences</summary><pre>{escape(licences())}</pre></details>"
        return page("Bond energies D", body)


def draw(bonds: EdgePotential | pd.DataFrame, structures: Source | Iterable[Source]) -> Drawing:
    """Draw the bond energies D of structures: in 2-D, and in 3-D where no SMILES is known.

    In 2-D D is the mean over the frames of a molecule.

    Parameters
    ----------
    bonds
        A model, or what :func:`e3d.decompose` returned for these structures.
    structures
        As :func:`e3d.decompose` takes them.

    Returns
    -------
    Drawing
        A notebook shows it; ``save`` writes it as .svg or .html.

    Raises
    ------
    InputError
        If there is no structure, one cannot be used, or ``bonds`` belongs to other structures.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from ase.build import molecule
    >>> bonds = pd.DataFrame({
    ...     "frame": 0, "molecule": "[H][H]", "i": [0], "j": [1], "s_x": 0, "s_y": 0, "s_z": 0,
    ...     "bond_type": "H-H", "bond_energy_eV": [4.52],
    ... })
    >>> drawing = draw(bonds, molecule("H2"))
    >>> "4.52" in drawing._repr_html_()
    True
    """
    found = list(structures_of(structures))
    if not found:
        raise InputError("no structures to draw. Give at least one.")
    if isinstance(bonds, pd.DataFrame):
        table = _checked(bonds, found)
    else:
        found = [replace(one, frame=k) for k, one in enumerate(found)]
        table = decompose(bonds, found)
    return Drawing(tuple(collect(found, table)))


def _checked(bonds: pd.DataFrame, structures: Sequence[Structure]) -> pd.DataFrame:
    missing = [str(name) for name in COLUMNS if name not in bonds.columns]
    if missing:
        raise InputError(
            f"the table of bonds has no column {', '.join(missing)}. Give what e3d.decompose "
            "returned, or a model."
        )
    names = {one.frame: one.smiles for one in structures}
    if len(names) < len(structures):
        raise InputError(
            "several structures have the same frame number, as structures of different files do. "
            "Draw them one file at a time, or give the model."
        )
    rows = bonds[bonds[C.FRAME].isin(names)]
    other = rows[rows[C.MOLECULE] != rows[C.FRAME].map(names)]
    if len(other) or not len(rows):
        frame, name = next(zip(other[C.FRAME], other[C.MOLECULE], strict=True), ("any", "none"))
        raise InputError(
            f"the table of bonds belongs to other structures: at frame {frame} it has {name}. Give "
            "the structures that it was made from, or the model."
        )
    return rows


def _is_flat(molecule: Molecule) -> bool:
    return molecule.mapped_smiles is not None and len(molecule.symbols) <= MOST_ATOMS_2D


def _drawings(molecules: Sequence[Molecule], scale: ColorScale) -> list[str]:
    return [skeleton(one, scale) for one in molecules if _is_flat(one)]
