"""Bond energies D on drawn molecules: relaxed geometry, mean over the reference run's seeds."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from rdkit import Chem
from rdkit.Chem import rdMolDescriptors

from e3d.arrays import Floats
from e3d.chemistry import canonical_smiles, parse
from e3d.drawing.layout import BOND_ANG, lay_out
from e3d.errors import InputError, choices
from e3d.fields import NAMED_BONDS
from e3d.fields import Column as C
from study.fields import LABELS
from study.figures import style
from study.figures.drawing import boxes_around, name_run, push_off
from study.runs import OverSeeds, all_given, at_run, over_seeds, reference

MAX_PANELS: Final = 9
_COLUMNS: Final = (3, 2, 1)
_STROKES: Final = {"-": (0,), "=": (-1, 1), "#": (-2, 0, 2), ":": (-1, 1)}
"""Offsets across the bond of each stroke, in half widths of a stroke and its gap."""


@dataclass(frozen=True)
class _Bond:
    """A bond between atoms i and j: sign of its order, D over the seeds (eV)."""

    i: int
    j: int
    sign: str
    d: OverSeeds

    def label(self) -> str:
        """Return the mean and, below it, half the range over the seeds if there are several."""
        half = (self.d.seed_max - self.d.seed_min) / 2
        return f"{self.d.mean:.1f}" + (f"\n±{half:.1f}" if self.d.n_seeds > 1 else "")


@dataclass(frozen=True)
class _Drawing:
    """A molecule to draw: title, atom symbols, 2-D coordinates ``xy`` (atoms, 2) in Å, bonds."""

    title: str
    symbols: tuple[tuple[str, str], ...]
    xy: Floats
    bonds: tuple[_Bond, ...]

    @property
    def extent(self) -> Floats:
        """Width and height (2,) in Å."""
        return np.asarray(np.ptp(self.xy, axis=0), dtype=np.float64)


def make(tables: dict[str, pd.DataFrame], molecules: Sequence[str]) -> Figure:
    """Draw up to nine ``molecules`` (SMILES) with D on their bonds, by default the table's first.

    Raises
    ------
    InputError
        If a molecule is not in the table of bond means, or there are too many.
    """
    means = tables["decompose/bond_means"]
    means = means[means[C.STRUCTURES] == NAMED_BONDS]
    run = reference(tables["decompose/summary"])
    means = at_run(means, run)
    summary = at_run(tables["decompose/summary"], run)
    named = summary[summary[C.STRUCTURES] == NAMED_BONDS]
    left_out = pd.Series(named.get(C.FRAMES_LEFT_OUT, 0))  # earlier tables do not say it
    lacking = all_given(summary[C.RUN]) or bool(left_out.gt(0).any())
    chosen = _chosen(means, molecules, some_lacking=lacking)
    drawings = [_drawing(means[means[C.MOLECULE] == name]) for name in chosen]
    energies = [bond.d.mean for drawing in drawings for bond in drawing.bonds]
    low, high = min(energies), max(energies)
    norm = Normalize(low, high) if high > low else Normalize(low - 0.5, high + 0.5)
    figure = _page(drawings, ScalarMappable(norm, mpl.colormaps["viridis"]))
    name_run(figure, run)
    return figure


def _chosen(means: pd.DataFrame, molecules: Sequence[str], *, some_lacking: bool) -> list[str]:
    """Return the molecules to draw; a model may lack elements of some, or of all wanted."""
    known = list(dict.fromkeys(means[C.MOLECULE].astype(str)))
    wanted = [canonical_smiles(Chem.AddHs(parse(smiles))) for smiles in molecules]
    for given, smiles in zip(molecules, wanted, strict=True):
        if smiles not in known and not some_lacking:
            raise InputError(
                f"molecule {given!r} is not among the molecules of the named bonds - "
                f"{choices(smiles, known)}. Choose from these in figures: molecules."
            )
    chosen = [smiles for smiles in wanted if smiles in known] or known[:MAX_PANELS]
    if not 0 < len(chosen) <= MAX_PANELS:
        raise InputError(
            f"{len(chosen)} molecules to draw - the figure holds 1 to {MAX_PANELS}. "
            "Change figures: molecules."
        )
    return chosen


def _drawing(rows: pd.DataFrame) -> _Drawing:
    smiles = str(rows[C.SMILES].iloc[0])
    rows = rows[rows[C.SMILES] == smiles]
    mol = parse(smiles)
    place = {atom.GetAtomMapNum() - 1: atom.GetIdx() for atom in mol.GetAtoms()}
    xy = lay_out(mol)
    parts = _by_pair(rows, place)
    signs = [style.order_sign(str(part[C.BOND_TYPE].iloc[0])) for part in parts.values()]
    bonds = tuple(
        _Bond(*pair, sign, over_seeds(part, C.BOND_ENERGY))
        for (pair, part), sign in zip(parts.items(), signs, strict=True)
    )
    charges = {0: "", 1: "$^+$", -1: "$^-$"}
    ions = [(atom.GetSymbol(), atom.GetFormalCharge()) for atom in mol.GetAtoms()]
    symbols = tuple((symbol, charges.get(q, f"$^{{{q:+d}}}$")) for symbol, q in ions)
    formula = re.sub(r"(?<=[A-Za-z])(\d+)", r"$_{\1}$", rdMolDescriptors.CalcMolFormula(mol))
    formula = re.sub(r"([+-]\d*)$", r"$^{\1}$", formula)
    return _Drawing(
        f"{rows[C.MOLECULE].iloc[0]}   {formula}", symbols, xy - (xy.max(0) + xy.min(0)) / 2, bonds
    )


def _by_pair(rows: pd.DataFrame, place: dict[int, int]) -> dict[tuple[int, int], pd.DataFrame]:
    """Return the rows of each bond (one per seed) by the atoms' places in the drawing."""
    pairs = sorted(set(zip(rows[C.I].astype(int), rows[C.J].astype(int), strict=True)))
    return {(place[i], place[j]): rows[(rows[C.I] == i) & (rows[C.J] == j)] for i, j in pairs}


def _page(drawings: Sequence[_Drawing], colors: ScalarMappable) -> Figure:
    """Lay the panels out in rows, every molecule at one scale; a panel's data units are points."""
    look = style.STYLE
    widest = max(drawing.extent[0] for drawing in drawings)
    shortest, longest = (length / BOND_ANG for length in look.bond_length)  # points per Å
    space, (side, rim) = look.width * style.POINTS - look.bar_room, look.molecule_pad
    scales = {
        n: min(longest, (space / n - 2 * side) / max(widest, 1e-9))
        for n in _COLUMNS
        if n <= len(drawings)
    }
    columns = next((n for n, scale in scales.items() if scale >= shortest), 1)
    width, scale = space / columns, scales[columns]
    rows = [drawings[start : start + columns] for start in range(0, len(drawings), columns)]
    heights = [max(d.extent[1] for d in row) * scale + 2 * rim + look.title_room for row in rows]
    page = style.POINTS * np.array([look.width, look.row_height / 2])
    page[1] = max(page[1], sum(heights))
    width_in, height_in = page / style.POINTS
    figure = Figure(figsize=(width_in, height_in))
    top = page[1] - (page[1] - sum(heights)) / 2
    for row, height in zip(rows, heights, strict=True):
        top -= height
        for column, drawing in enumerate(row):
            box = np.array([column * width, top, width, height])
            axes = figure.add_axes((box / np.tile(page, 2)).tolist())
            half = (height - look.title_room) / 2
            axes.set(xlim=(-width / 2, width / 2), ylim=(-half, half + look.title_room))
            axes.set_axis_off()
            y = half + look.title_room - look.title_pad
            axes.text(0, y, drawing.title, ha="center", va="top", fontsize=look.text)
            _draw(axes, drawing, scale, colors)
    thick, bar_height = look.bar_size[0], min(page[1] * 0.8, look.bar_size[1])
    bar = np.array([page[0] - look.bar_room + thick, (page[1] - bar_height) / 2, thick, bar_height])
    beside = figure.add_axes((bar / np.tile(page, 2)).tolist())
    figure.colorbar(colors, cax=beside, label=LABELS[C.BOND_ENERGY])
    return figure


def _draw(axes: Axes, drawing: _Drawing, scale: float, colors: ScalarMappable) -> None:
    look = style.STYLE
    xy = drawing.xy * scale
    for bond in drawing.bonds:
        _draw_bond(axes, bond, xy[bond.i], xy[bond.j], colors.to_rgba(np.array(bond.d.mean)))
    for index, ((symbol, charge), (x, y)) in enumerate(zip(drawing.symbols, xy, strict=True)):
        ink: dict[str, Any] = {
            "color": style.ELEMENT_COLORS.get(symbol, style.INK),
            "fontsize": look.text,
        }
        axes.text(x, y, symbol, ha="center", va="center_baseline", fontweight="bold", **ink)
        if charge:
            spot = xy[index] + look.atom_radius * _free_corner(drawing, xy, index)
            axes.text(spot[0], spot[1], charge, ha="center", va="center", **ink)
    _label(axes, drawing, xy)


def _draw_bond(axes: Axes, bond: _Bond, start: Floats, end: Floats, color: Any) -> None:
    """Draw the strokes of a bond between the rims of two atoms."""
    look = style.STYLE
    along, across = _axes_of(start, end)
    ends = np.array([start + along * look.atom_radius, end - along * look.atom_radius])
    offsets = _STROKES.get(bond.sign, (0,))
    width = look.bond_width if len(offsets) == 1 else look.stroke_width
    # a dark rim keeps the light end of the colour map visible on white
    rim = [
        patheffects.Stroke(linewidth=width + look.rim_line, foreground=style.INK),
        patheffects.Normal(),
    ]
    for offset in offsets:
        stroke: dict[str, Any] = {"linewidth": width, "color": color, "path_effects": rim}
        if bond.sign not in _STROKES:
            stroke["linestyle"] = ":"
        elif bond.sign == ":" and offset > 0:
            stroke |= {"linestyle": "--", "dashes": look.stroke_dashes}
        place = ends + offset * (look.stroke_width + look.stroke_gap) / 2 * across
        axes.plot(*place.T, solid_capstyle="butt", **stroke)


def _axes_of(start: Floats, end: Floats) -> tuple[Floats, Floats]:
    """Return unit vectors (2,) along and across a bond."""
    along = (end - start) / np.linalg.norm(end - start)
    return along, np.array([-along[1], along[0]])


def _free_corner(drawing: _Drawing, xy: Floats, atom: int) -> Floats:
    """Return the diagonal (2,) that points least along an atom's bonds: where its charge goes."""
    away = [
        xy[bond.i] + xy[bond.j] - 2 * xy[atom] for bond in drawing.bonds if atom in (bond.i, bond.j)
    ]
    corners = [np.array(corner) for corner in ((1, 1), (-1, 1), (1, -1), (-1, -1))]
    return min(
        corners, key=lambda corner: max((float(corner @ step) for step in away), default=0.0)
    )


def _label(axes: Axes, drawing: _Drawing, xy: Floats) -> None:
    """Write D beside each bond, on its outer side, off atoms, bonds and other labels."""
    look = style.STYLE
    atoms = [text.get_window_extent().transformed(axes.transData.inverted()) for text in axes.texts]
    texts = []
    for bond in drawing.bonds:
        middle, across = (xy[bond.i] + xy[bond.j]) / 2, _axes_of(xy[bond.i], xy[bond.j])[1]
        if np.dot(across, middle - xy.mean(axis=0)) < 0:
            across = -across
        x, y = middle + 2 * look.small_note * across
        size: dict[str, Any] = {"fontsize": look.small_note, "linespacing": 1.0}
        texts.append(axes.text(x, y, bond.label(), ha="center", va="center", **size))
    steps = np.linspace(0, 1, 12)[:, None]
    strokes = np.concatenate(
        [xy[bond.i] + steps * (xy[bond.j] - xy[bond.i]) for bond in drawing.bonds]
    )
    push_off(axes, texts, [*atoms, *boxes_around(axes, strokes, look.stroke_width)])
